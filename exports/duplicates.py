"""Traces of one task with the same steps, of which an export takes the first."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import Any, NamedTuple

from annotation import queries
from annotation.queries import LabeledTrace, LaterDocument
from exports.changes import Changes
from potato_site.canonical import canonical

SAME = "the same task and steps as an earlier trace"
# What people said of one run contradicts what they said of the other.
OTHERWISE = f"{SAME}, labeled otherwise"


class First(NamedTuple):
    """The trace that stands for all with its task and steps."""

    version_id: int
    trace_id: str


class Duplicates:
    """Tells which trace stands for another one, in the order in which traces come."""

    def __init__(self, changes: Changes | None = None) -> None:
        """``changes``: only what changed since some moment makes a row. What did not, and takes the place of a trace
        that was exported, is added to it."""
        self.changes = changes
        # What traces look like → their versions.
        self._seen: dict[int, list[int]] = defaultdict(list)
        # Of documents that were not read: what they look like from outside → the first one, None once it was read.
        self._unread: dict[int, int | None] = {}
        # The same of those that changed: one of them may have stood for others, and does no more.
        self._changed: dict[int, list[bytes]] = defaultdict(list)
        for version in changes.versions() if changes else ():
            document = queries.document(version)
            self._changed[look(document)].append(fingerprint(document))

    def first_of(self, trace: LabeledTrace) -> First | None:
        """The earlier trace of the same task with the same steps; None where this one is the first.

        Traces that look alike are rare: only of those the documents are compared, the earlier one being read again.
        """
        # Where something changed, what an unchanged trace looks like is asked as well.
        if not self._changed and isinstance(trace.document, LaterDocument) and self._is_alone(trace.document):
            return None
        seen = look(trace.document)
        alike, changed = self._seen[seen], self._changed.get(seen, ())
        if alike or changed:
            own = fingerprint(trace.document)
            if self.changes and own in changed:
                self.changes.add(trace)
            for version in alike:
                document = queries.document(version)
                if fingerprint(document) == own:
                    # One that was labeled since takes the place of this one.
                    if self.changes and self.changes.has(document["id"]):
                        self.changes.add(trace)
                    return First(version, document["id"])
        alike.append(trace.version_id)
        return None

    def instead(self, first: First, trace: LabeledTrace) -> None:
        """From now on this one stands for both: the other one is not in the export."""
        alike = self._seen[look(trace.document)]
        alike[alike.index(first.version_id)] = trace.version_id

    def _is_alone(self, document: LaterDocument) -> bool:
        """Whether no earlier trace looks like this one from outside. Of those that do the documents are read."""
        outside = hash(document.outside)
        first = self._unread.setdefault(outside, document.version_id)
        if first == document.version_id:
            return True
        if first is not None:
            self._seen[look(queries.document(first))].append(first)
            self._unread[outside] = None
        return False


def look(document: Any) -> int:
    """Cheap, and equal for traces of one task with the same steps: the task, their number, and how the last ends."""
    turns = document.get("structured_turns")
    if not turns:
        return hash(fingerprint(document))
    last = turns[-1]
    end = last.get("content") or last.get("output") or last.get("diff") or ""
    return hash((document.get("issue_description"), len(turns), len(end), end[-100:]))


def fingerprint(document: Any) -> bytes:
    """Equal for traces of one task with the same steps, whatever their ids."""
    parts = [document.get("issue_description"), document.get("repo"), document.get("structured_turns")]
    if parts[2] is None:
        parts = [{key: value for key, value in document.items() if key not in ("id", "source")}]
    return hashlib.blake2b(canonical(parts), digest_size=16).digest()
