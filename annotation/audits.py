"""Has an answer been changed by another way than an operation?

Every event hashes the one before it, and the assignment keeps the last digest. So an event that was altered, added or
removed breaks its chain; and the answers must be what the events add up to.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from annotation.answers.ops import event_digest
from annotation.models import Answer, AnswerEvent, Assignment
from potato_site.operations.audits import Audit, audit

AT_ONCE = 2000


@audit("answer events")
def event_chains(asked: Audit) -> Iterator[str]:
    """One pass over the events and the answers of all assignments, each in the order of their numbers."""
    assignments = Assignment.objects.using(asked.using).order_by("pk").values_list("pk", "version", "head")
    events = _Grouped(
        AnswerEvent.objects.using(asked.using).order_by("assignment_id", "version"),
        "version", "op_id", "tab", "scheme", "changes", "digest",
    )  # fmt: skip
    answers = _Grouped(Answer.objects.using(asked.using).order_by("assignment_id", "pk"), "scheme", "value")
    for pk, version, head in assignments.iterator(chunk_size=AT_ONCE):
        mine, said = events.of(pk), dict(answers.of(pk))
        asked.looked_at += len(mine)
        wrong = _wrong(mine, version, head) or _differs(mine, said)
        if wrong:
            yield f"assignment {pk}: {wrong}"


def _wrong(events: list[tuple[Any, ...]], version: int, head: str) -> str:
    """What breaks the chain; empty if nothing does."""
    digest = ""
    for number, (event, op_id, tab, scheme, changes, kept) in enumerate(events, 1):
        if event != number:
            return f"event {number} is missing"
        digest = event_digest(digest, event, op_id, tab, scheme, changes)
        if digest != kept:
            return f"event {number} is not what was saved"
    return "" if (len(events), digest) == (version, head) else "its last events are missing, or its head was changed"


def _differs(events: list[tuple[Any, ...]], said: dict[str, dict[str, Any]]) -> str:
    folded: dict[str, dict[str, Any]] = {}
    for _, _, _, scheme, changes, _ in events:
        folded.setdefault(scheme, {}).update(changes)
    for scheme in sorted(folded.keys() | said.keys()):
        if {k: v for k, v in folded.get(scheme, {}).items() if v is not None} != said.get(scheme, {}):
            return f"the answer to {scheme} is not what its events add up to"
    return ""


class _Grouped:
    """Rows in groups, read once, asked for in the order of the assignments."""

    def __init__(self, rows: Any, *names: str) -> None:
        found = rows.values_list("assignment_id", *names).iterator(chunk_size=AT_ONCE)
        self._groups = groupby(found, key=lambda row: row[0])
        self._next: tuple[int, list[tuple[Any, ...]]] | None = self._read()

    def _read(self) -> tuple[int, list[tuple[Any, ...]]] | None:
        for pk, rows in self._groups:
            return pk, [row[1:] for row in rows]
        return None

    def of(self, pk: int) -> list[tuple[Any, ...]]:
        if self._next is None or self._next[0] != pk:
            return []
        rows = self._next[1]
        self._next = self._read()
        return rows
