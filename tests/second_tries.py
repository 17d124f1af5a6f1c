"""In CI a test that drives a browser or kills servers gets a second try, and is named for it: a pytest plugin.

Such tests wait for other processes, and how long is the machine's matter. One that fails twice has failed. One that
passes the second time is printed at the end of the run with the line that failed, to be looked into. Without CI=true
there is no second try.
"""

from __future__ import annotations

import os

import pytest

PATIENT = ("browser", "faults", "services")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("CI") != "true":
        return
    for item in items:
        if any(item.get_closest_marker(name) for name in PATIENT):
            item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=2))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    repeated = terminalreporter.stats.get("rerun", [])
    if repeated:
        terminalreporter.section("Tests that needed a second try")
        for report in repeated:
            crash = getattr(report.longrepr, "reprcrash", None)
            reason = crash.message.partition("\n")[0] if crash else ""
            terminalreporter.line(f"{report.nodeid} ({report.when}) {reason} {line_of(report)}".rstrip())


def line_of(report: pytest.TestReport) -> str:
    """The line of the tests that failed, however deep below it a library did: "at tests/browser/pages.py:12"."""
    trace = getattr(report.longrepr, "reprtraceback", None)
    places = [entry.reprfileloc for entry in getattr(trace, "reprentries", []) if getattr(entry, "reprfileloc", None)]
    own = [f"{place.path}:{place.lineno}" for place in places if place.path.startswith("tests/")]
    return f"at {own[-1]}" if own else ""
