"""Write one batch of documents into a dataset, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import OuterRef, Subquery

from potato_site.jobs import enqueue
from traces.bare import BASE, CONTENT, base_of
from traces.earlier_results import with_earlier_results
from traces.entries import Entry
from traces.models import Dataset, Document, Trace, TraceVersion
from traces.store import load_document

Outcome = Literal["new", "changed", "unchanged"]


class Current(NamedTuple):
    """A trace that is there, and its current version."""

    trace_id: int
    version_id: int | None
    sha256: str | None
    meta: dict[str, Any]


def save_batch(dataset: Dataset, entries: Sequence[Entry]) -> list[Outcome]:
    """Write ``entries``, whose ids differ, all or none; what became of each. Raises IntegrityError, DatabaseError;
    Dataset.DoesNotExist for a dataset that is being deleted.

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
    Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk, is_going=False)
    current = _current(dataset, entries)
    entries = [_kept(entry, current.get(entry.external_id)) for entry in entries]
    outcomes = [_outcome(entry, current) for entry in entries]
    new = [entry for entry, outcome in zip(entries, outcomes, strict=True) if outcome == "new"]
    changed = [entry for entry, outcome in zip(entries, outcomes, strict=True) if outcome == "changed"]
    if new:
        _insert(dataset, new)
    if changed:
        _tell_of_other_issues(dataset, changed)
        _change(changed, {entry.external_id: current[entry.external_id].trace_id for entry in changed})
    return outcomes


def _tell_of_other_issues(dataset: Dataset, entries: Sequence[Entry]) -> None:
    """Those that are about to belong to another issue: who labeled them is told, once that is so, by which issues."""
    rows = Trace.objects.filter(dataset=dataset, external_id__in=[entry.external_id for entry in entries])
    columns = tuple(entries[0].trace_columns)
    before = {
        name: dict(zip(columns, values, strict=True)) for name, *values in rows.values_list("external_id", *columns)
    }
    moved = [entry for entry in entries if before[entry.external_id] != entry.trace_columns]
    if moved:
        keys = {entry.trace_columns["issue_key"] for entry in moved}
        keys |= {before[entry.external_id]["issue_key"] for entry in moved}
        enqueue("annotation.issues_changed", {"dataset": dataset.pk, "issue_keys": sorted(keys)})


def _current(dataset: Dataset, entries: Sequence[Entry]) -> dict[str, Current]:
    """By external id."""
    ids = [entry.external_id for entry in entries]
    rows = Trace.objects.filter(dataset=dataset, external_id__in=ids)
    columns = rows.values_list("external_id", "id", "current_id", "current__sha256", "current__meta")
    return {name: Current(pk, version, sha256, meta or {}) for name, pk, version, sha256, meta in columns}


def _kept(entry: Entry, current: Current | None) -> Entry:
    """The entry with the results that the trace has already, unless it changes nothing."""
    base = current.meta.get(BASE, {}) if current else {}
    if not current or not current.version_id or not base.get("given") or _is_there(entry, current):
        return entry
    return with_earlier_results(entry, load_document(current.version_id), base["given"])


def _outcome(entry: Entry, current: dict[str, Current]) -> Outcome:
    there = current.get(entry.external_id)
    if there is None:
        return "new"
    return "unchanged" if _is_there(entry, there) else "changed"


def _is_there(entry: Entry, current: Current) -> bool:
    same = [base_of(current.sha256 or "", current.meta)]
    if BASE in current.meta and BASE not in entry.version_columns["meta"]:
        # The trace once more as it was before its results: it has them.
        same.append(current.meta[BASE])
    return any(_is(entry, version) for version in same)


def _is(entry: Entry, version: dict[str, Any]) -> bool:
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
    # By id: a document and its version that hold each other wait for the collector, with the body, many batches long.
    Document.objects.bulk_create(
        Document(version_id=version.pk, body=entry.packed)
        for version, (_, _, entry) in zip(versions, rows, strict=True)
    )
    return versions
