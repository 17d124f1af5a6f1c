"""``--not-again``: without the tests that a run on SQLite has had and that find nothing else here: a pytest plugin.

A test is had when it touches neither the database nor the broker that this run names: it uses no database, can start no
process that would inherit their addresses (neither its module nor what that uses of the tests has ``subprocess``), and
is not about the site's own wiring (``tests/potato_site``). Those of a browser are served by a site of their own, on a
SQLite file, in every run. Tests marked ``apart`` start processes that know neither address: both are taken out of the
environment while such a test runs, so that nothing can use them. Tests marked ``once`` use the database, and are had
all the same: what they look for (markup, who is let in) is the same on every one, and what they ask of it others ask,
too. They are counted at the end.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from functools import cache
from types import ModuleType

import pytest

# Marks and fixtures of what uses a database, or processes that do.
MARKS = ("django_db", "faults", "services")
FIXTURES = {"db", "transactional_db", "django_db_setup"}
# Where this run has its database and its broker.
ADDRESSES = ("DATABASE_URL", "CELERY_BROKER_URL")
# What it starts has a database of its own.
BROWSER_SITE = "tests.browser.conftest"

had = 0


def pytest_addoption(parser: pytest.Parser) -> None:
    told = "leave out the tests that a run on SQLite has had and that find nothing else on this database and broker"
    parser.addoption("--not-again", action="store_true", help=told)


def is_had(item: pytest.Function) -> bool:
    if is_apart(item) or item.get_closest_marker("once"):
        return True
    touches = any(item.get_closest_marker(mark) for mark in MARKS) or not FIXTURES.isdisjoint(item.fixturenames)
    return not (touches or "tests/potato_site/" in item.nodeid or any(map(starts_processes, modules_of(item))))


def is_apart(item: pytest.Item) -> bool:
    """Whether it is marked so. Such a test may not use this run's database itself."""
    if not item.get_closest_marker("apart"):
        return False
    itself = [mark for mark in ("django_db", "services") if item.get_closest_marker(mark)]
    itself += FIXTURES.intersection(getattr(item, "fixturenames", ()))
    if itself:
        raise pytest.UsageError(f"{item.nodeid} is marked apart, and uses this run's database: {', '.join(itself)}")
    return True


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Around everything: its module's fixtures start processes, too."""
    taken = {name: os.environ.pop(name) for name in ADDRESSES if name in os.environ} if is_apart(item) else {}
    try:
        return (yield)
    finally:
        os.environ.update(taken)


def modules_of(item: pytest.Function) -> set[str]:
    """Where the test and its fixtures stand."""
    fixtures = (fixture.func.__module__ for found in item._fixtureinfo.name2fixturedefs.values() for fixture in found)
    return {item.module.__name__, *fixtures} - {BROWSER_SITE}


@cache
def starts_processes(name: str) -> bool:
    """Whether a module has anything of ``subprocess``, or of a module of the tests that has."""
    return any(has_subprocess(module) for module in reachable(name, set()))


def has_subprocess(module: ModuleType) -> bool:
    return any(value is subprocess or _home(value) == "subprocess" for value in vars(module).values())


def reachable(name: str, seen: set[str]) -> Iterator[ModuleType]:
    """The module and those of the tests from which it imports, and those from which they do."""
    if not name.startswith("tests.") or name in seen or name == BROWSER_SITE:
        return
    seen.add(name)
    yield sys.modules[name]
    for value in list(vars(sys.modules[name]).values()):
        yield from reachable(_home(value), seen)


def _home(value: object) -> str:
    """The name of a module, or of the module that something comes from."""
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
    return name if isinstance(name, str) else ""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Function]) -> None:
    global had
    for item in items:
        is_apart(item)  # A wrong mark is told before anything runs.
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
        told = f"Not again: {had} tests that find nothing else on this database and broker"
        terminalreporter.write_line(told, yellow=True)
