"""Which tests this machine cannot run, and saying so: a pytest plugin.

``browser`` tests need Chromium, ``services`` tests DATABASE_URL=postgres://… and CELERY_BROKER_URL=redis://…,
``corpus`` tests the shared folder of agents' real traces, and ``sqlite`` tests a database that is a file. They are left
out without these, and counted at the end of the run, as are those of the long kinds that ``-m`` leaves out (``make
quick``). With CI=true nothing may be skipped, and a run that has the services may leave nothing out but what needs
SQLite's file, and the corpus, where that is absent.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

# The first that is here drives the tests.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
NEEDS = {
    "browser": "no Chromium here",
    "corpus": "no folder of traces at POTATO_TRACE_CORPUS, nor at ../shared/traces beside this one",
    "services": "DATABASE_URL and CELERY_BROKER_URL name no Postgres and Redis",
    "sqlite": "DATABASE_URL names a server",
}
# The kinds that take long.
LONG = ("browser", "faults", "slow")

left_out: Counter[str] = Counter()
not_chosen: Counter[str] = Counter()


def has_services() -> bool:
    database, broker = os.environ.get("DATABASE_URL", ""), os.environ.get("CELERY_BROKER_URL", "")
    return database.startswith(("postgres://", "postgresql://")) and broker.startswith(("redis://", "rediss://"))


def has_sqlite() -> bool:
    return not os.environ.get("DATABASE_URL", "").startswith(("postgres://", "postgresql://"))


def has_browser() -> bool:
    return any(shutil.which(name) for name in BROWSERS)


def corpus_folder() -> Path:
    """Where agents' real traces lie, with their EXPECTED.json; it need not be there."""
    beside = Path(__file__).resolve().parent.parent.parent / "shared" / "traces"
    return Path(os.environ.get("POTATO_TRACE_CORPUS") or beside)


def has_corpus() -> bool:
    return (corpus_folder() / "EXPECTED.json").is_file()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    here = {"browser": has_browser(), "services": has_services(), "corpus": has_corpus(), "sqlite": has_sqlite()}
    absent = [name for name in here if not here[name]]
    gone = []
    for item in items:
        lacks = [name for name in absent if item.get_closest_marker(name)]
        if lacks:
            left_out[lacks[0]] += 1
            gone.append(item)
    if gone:
        items[:] = [item for item in items if item not in set(gone)]


def pytest_deselected(items: list[pytest.Item]) -> None:
    """By ``-m`` or ``-k``."""
    for item in items:
        kind = next((name for name in LONG if item.get_closest_marker(name)), None)
        if kind:
            not_chosen[kind] += 1


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        # A process of pytest-xdist: the one that prints is another.
        output["left_out"], output["not_chosen"] = dict(left_out), dict(not_chosen)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object, error: object) -> None:
    # Every process of pytest-xdist collects the same tests.
    output = getattr(node, "workeroutput", {})
    for counts, name in ((left_out, "left_out"), (not_chosen, "not_chosen")):
        counts.update(output.get(name, {}) if not counts else {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name, number in sorted(left_out.items()):
        terminalreporter.write_line(f"Left out: {number} tests marked {name} ({NEEDS[name]})", yellow=True)
    for name, number in not_chosen.items():
        terminalreporter.write_line(
            f"Left out: {number} tests marked {name} (not chosen; make test runs them)", yellow=True
        )
    skipped = len(terminalreporter.stats.get("skipped", []))
    lacking = has_services() and set(left_out) - {"corpus", "sqlite"}
    if os.environ.get("CI") and (skipped or "browser" in left_out or lacking):
        terminalreporter.write_line("CI=true: nothing may be skipped or left out here", red=True)
        # The exit code is read from the session after this summary.
        terminalreporter._session.exitstatus = pytest.ExitCode.TESTS_FAILED
