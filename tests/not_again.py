"""``--not-again``: without the tests that a run on SQLite has had and that find nothing else here: a pytest plugin.

A test is had when it touches neither the database nor the broker that this run names: it uses no database, starts no
process that would inherit their addresses, and is not about the site's own wiring (``tests/potato_site``). Those of a
browser are served by a site of their own, on a SQLite file, in every run. They are counted at the end.
"""

from __future__ import annotations

import pytest

# Marks and fixtures of what uses a database, or processes that do.
MARKS = ("django_db", "faults", "services", "slow")
FIXTURES = {"db", "transactional_db", "django_db_setup"}

had = 0


def pytest_addoption(parser: pytest.Parser) -> None:
    told = "leave out the tests that a run on SQLite has had and that touch neither database nor broker"
    parser.addoption("--not-again", action="store_true", help=told)


def is_had(item: pytest.Function) -> bool:
    touches = any(item.get_closest_marker(mark) for mark in MARKS) or not FIXTURES.isdisjoint(item.fixturenames)
    return not (touches or hasattr(item.module, "subprocess") or "tests/potato_site/" in item.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Function]) -> None:
    global had
    if config.getoption("not_again"):
        chosen = [item for item in items if not is_had(item)]
        had = len(items) - len(chosen)
        items[:] = chosen


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["had"] = had


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object, error: object) -> None:
    # Every process of pytest-xdist collects the same tests.
    global had
    had = getattr(node, "workeroutput", {}).get("had", had)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if had:
        terminalreporter.write_line(f"Not again: {had} tests that touch neither database nor broker", yellow=True)
