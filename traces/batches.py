"""Write one batch of documents into a dataset, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from django.db import IntegrityError, transaction
from django.db.models import OuterRef, Subquery

from traces.models import Dataset, Document, Trace, TraceVersion
from traces.store import compress

Outcome = Literal["new", "changed", "unchanged"]
CONTENT = "content"  # in a version's meta: the digest of the document without the name and digest of its file
BASE = "base"  # in the meta of a version with results: what it was without them, as base_of() tells it
# Trace id, digest of the current version and its meta, by external id
Current = dict[str, tuple[int, str | None, dict[str, Any]]]


@dataclass
class Entry:
    """One document on its way in: the columns of its Trace and TraceVersion, and its canonical JSON."""

    external_id: str
    sha256: str
    body: bytes
    trace_columns: dict[str, str]
    version_columns: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def packed(self) -> bytes:
        return compress(self.body)


def save_batch(dataset: Dataset, entries: Sequence[Entry]) -> list[Outcome]:
    """Write ``entries``, whose ids differ, all or none; what became of each. Raises IntegrityError, DatabaseError.

    Two imports into one dataset take turns, batch by batch. A row that somebody else put in between all the same makes
    the batch start again, once.
    """
    if not entries:
        return []
    current = _current(dataset, entries)
    for entry in entries:
        if _outcome(entry, current) != "unchanged":
            _ = entry.packed  # compressed now, so that nobody waits for it inside the transaction
    try:
        return _save(dataset, entries)
    except IntegrityError:
        return _save(dataset, entries)


@transaction.atomic
def _save(dataset: Dataset, entries: Sequence[Entry]) -> list[Outcome]:
    Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
    current = _current(dataset, entries)
    outcomes = [_outcome(entry, current) for entry in entries]
    new = [entry for entry, outcome in zip(entries, outcomes, strict=True) if outcome == "new"]
    changed = [entry for entry, outcome in zip(entries, outcomes, strict=True) if outcome == "changed"]
    if new:
        _insert(dataset, new)
    if changed:
        _change(changed, {entry.external_id: current[entry.external_id][0] for entry in changed})
    return outcomes


def _current(dataset: Dataset, entries: Sequence[Entry]) -> Current:
    ids = [entry.external_id for entry in entries]
    rows = Trace.objects.filter(dataset=dataset, external_id__in=ids)
    columns = rows.values_list("external_id", "id", "current__sha256", "current__meta")
    return {row[0]: (row[1], row[2], row[3] or {}) for row in columns}


def base_of(sha256: str, meta: dict[str, Any]) -> dict[str, str]:
    """What tells a version again: ``{"sha256", "content"}``."""
    return {"sha256": sha256, CONTENT: meta.get(CONTENT, "")}


def _outcome(entry: Entry, current: Current) -> Outcome:
    if entry.external_id not in current:
        return "new"
    _, sha256, meta = current[entry.external_id]
    same = [base_of(sha256 or "", meta)]
    if BASE in meta and BASE not in entry.version_columns["meta"]:
        # The trace once more as it was before its results: it has them.
        same.append(meta[BASE])
    return "unchanged" if any(_is(entry, version) for version in same) else "changed"


def _is(entry: Entry, version: dict[str, str]) -> bool:
    content = version[CONTENT]
    return version["sha256"] == entry.sha256 or bool(content and content == entry.version_columns["meta"][CONTENT])


def _insert(dataset: Dataset, entries: Sequence[Entry]) -> None:
    traces = Trace.objects.bulk_create(
        Trace(dataset=dataset, external_id=entry.external_id, **entry.trace_columns) for entry in entries
    )
    _add_versions([(trace.pk, 1, entry) for trace, entry in zip(traces, entries, strict=True)])
    first = TraceVersion.objects.filter(trace=OuterRef("pk")).values("pk")
    Trace.objects.filter(pk__in=[trace.pk for trace in traces]).update(current=Subquery(first))


def _change(entries: Sequence[Entry], trace_ids: dict[str, int]) -> None:
    """Give each trace the version with this content: a version it had before, else a new one."""
    versions = TraceVersion.objects.filter(trace__in=trace_ids.values())
    had = {(row[0], row[1]): row[2] for row in versions.values_list("trace_id", "sha256", "pk")}
    last = {row[0]: row[1] for row in versions.order_by("number").values_list("trace_id", "number")}
    missing = [entry for entry in entries if (trace_ids[entry.external_id], entry.sha256) not in had]
    added = _add_versions(
        [(trace_ids[entry.external_id], last.get(trace_ids[entry.external_id], 0) + 1, entry) for entry in missing]
    )
    had |= {(version.trace_id, version.sha256): version.pk for version in added}
    traces = []
    for entry in entries:
        pk = trace_ids[entry.external_id]
        traces.append(Trace(pk=pk, current_id=had[pk, entry.sha256], **entry.trace_columns))
    Trace.objects.bulk_update(traces, ["current", *entries[0].trace_columns])


def _add_versions(rows: Sequence[tuple[int, int, Entry]]) -> list[TraceVersion]:
    """Insert (trace id, number, entry) rows and their documents."""
    versions = TraceVersion.objects.bulk_create(
        TraceVersion(trace_id=trace_id, number=number, sha256=entry.sha256, **entry.version_columns)
        for trace_id, number, entry in rows
    )
    Document.objects.bulk_create(
        Document(version=version, body=entry.packed) for version, (_, _, entry) in zip(versions, rows, strict=True)
    )
    return versions
