"""Runs that a command line printed as events, one JSON object per line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from traces.document import TraceDocument
from traces.jsonl import WARNING, Problem, Record
from traces.source import Source


class PrintedRun(Protocol):
    """The events of one run. ``add`` them, then ``document``."""

    def begins_another(self, event: dict[str, Any]) -> bool: ...

    def add(self, line: int | None, event: dict[str, Any]) -> None: ...

    def document(self, name: str) -> TraceDocument: ...


def read_runs(
    source: Source, new_run: Callable[[], PrintedRun], is_event: Callable[[dict[str, Any]], bool], name: str
) -> Iterator[Record | Problem]:
    """A trace for each run; what else was printed to the file, between the events, is counted."""
    run, first, others = new_run(), 1, 0
    for item in source.records(lenient=True):
        if isinstance(item, Problem):
            yield item
        elif not is_event(item.value):
            others += 1
        else:
            if run.begins_another(item.value):
                yield Record(first, run.document(name))
                run, first = new_run(), item.line or first
            run.add(item.line, item.value)
    if others:
        yield Problem(source.name, None, "", f"{others} records are no events of a run", WARNING)
    yield Record(first, run.document(name))
