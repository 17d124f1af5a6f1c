"""What an incremental export tells beside its rows: the traces of which whoever has the earlier export drops all rows.

An export of what changed since a change counter holds rows of today. A trace whose labels were invalidated, that was
withdrawn, or that passes the filters no more has no row to say so with: it is named in ``FILE.changes.jsonl``. Whoever
drops the rows of every trace named there and then adds the rows of ``FILE`` has the full export, whatever happened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from annotation import queries
from annotation.queries import Changed, LabeledTrace
from exports.formats import Pair, Piece, Row, sibling
from exports.jsonline import json_line
from exports.options import Options

# (trace, the other one of a comparison or "").
Key = tuple[str, str]
ENDING = "changes.jsonl"


class Changes:
    """What changed since ``since``, and what became of it. Used inside ``consistent_read()``."""

    def __init__(self, project: queries.Project, options: Options, *, comparisons: bool) -> None:
        """``comparisons``: whether what is said of two traces counts in such an export."""
        self.project, self.since = project, options.since_seq or 0
        self._only = None if options.traces is None else {*options.traces, ""}
        found = [
            one
            for one in queries.changed_since(project, self.since)
            if self._is_asked(one[:2]) and (comparisons or not one.trace_id_b)
        ]
        self._items: dict[Key, Changed] = {(one.trace_id, one.trace_id_b): one for one in found}
        self._issues = {one.issue_key for one in found}
        # What has a row.
        self._written: set[Key] = set()
        self.counts: Counter[str] = Counter(added=0, changed=0, removed=0)

    def has(self, trace_id: str, trace_id_b: str = "") -> bool:
        return (trace_id, trace_id_b) in self._items

    def has_issue(self, issue_key: str) -> bool:
        """Whether anything about a trace of this issue changed. Its pairs are replaced together: which of them are the
        clearest, and which trace is the better one, may have changed for all."""
        return issue_key in self._issues

    def versions(self) -> list[int]:
        """Of the single traces that changed and may be in the earlier export."""
        return [one.version_id for one in self._items.values() if one.had_labels and not one.trace_id_b]

    def add(self, trace: LabeledTrace) -> None:
        """Its own labels are the same, but it comes in or goes out because of one that changed."""
        change = Changed(trace.trace_id, "", trace.issue_key, trace.version_id, had_labels=True)
        self._items.setdefault((trace.trace_id, ""), change)

    def note(self, row: Row | Pair) -> None:
        """It is in the file."""
        if isinstance(row, Row):
            self._written.add((row.trace_id, row.trace_id_b))
        else:
            self._written |= {(row.chosen.trace_id, ""), (row.rejected.trace_id, "")}

    def pieces(self, file: str, *, of_pairs: bool) -> Iterator[Piece]:
        """The list, to be written when all rows are. ``file``: the main one, beside which it stands (in the folder of a
        format that is one). ``of_pairs``: the rows are preferences."""
        name = sibling(file, ENDING) if file else ENDING
        yield Piece(name, b"")
        for (trace_id, trace_id_b), had_labels in self._replaced(of_pairs).items():
            word = _word((trace_id, trace_id_b) in self._written, had_labels)
            if word:
                self.counts[word] += 1
                yield Piece(name, json_line({"trace_id": trace_id, "trace_id_b": trace_id_b, "change": word}))

    def _replaced(self, of_pairs: bool) -> dict[Key, bool]:
        """What may have rows in the earlier export, in today's, or in both → whether it had labels then."""
        if not of_pairs:
            return {key: one.had_labels for key, one in self._items.items()}
        found = queries.had_labels(self.project, self._issues, self.since)
        return {(trace_id, ""): had for trace_id, had in found.items() if self._is_asked([trace_id])}

    def _is_asked(self, ids: Iterable[str]) -> bool:
        return self._only is None or self._only.issuperset(ids)


def _word(is_written: bool, had_labels: bool) -> str:
    """Nothing for what was in neither."""
    if is_written:
        return "changed" if had_labels else "added"
    return "removed" if had_labels else ""
