"""Removing a dataset for good: its traces and what was rendered of them, its imports and their files.

Nothing is left of it in the database or in the home. A watched folder, and files that were imported from where they
lay, are their owner's.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable

from django.db.models import Q

from potato_site.accounts.models import AuditEntry
from potato_site.canonical import digest
from potato_site.files import nothing
from potato_site.jobs import cancel
from potato_site.jobs.models import Job
from potato_site.operations.purges import ROWS_AT_ONCE, Turns, delete
from traces.chunks import CHANGES
from traces.models import Chunk, Dataset, Document, Import, ImportFile, Rendering, Trace, TraceVersion
from traces.unpacking import uploads_folder
from traces.uploads import path_of

# They have bodies.
TRACES_AT_ONCE = 50
OF_A_VERSION = ("traces.render", "traces.render_changes")
OF_A_DATASET = ("traces.import", "annotation.sync_items")


def counts(dataset_id: int) -> dict[str, int]:
    return {
        "traces": Trace.objects.filter(dataset=dataset_id).count(),
        "versions of traces": TraceVersion.objects.filter(trace__dataset=dataset_id).count(),
        "imports": Import.objects.filter(dataset=dataset_id).count(),
    }


def take_out_of_use(dataset_id: int) -> None:
    """From now on nobody finds the dataset, and no import goes on. In the caller's transaction."""
    Dataset.objects.filter(pk=dataset_id).update(is_going=True)


def keep(dataset_id: int) -> None:
    """Somebody has begun to use it, just before it was taken out of use."""
    Dataset.objects.filter(pk=dataset_id).update(is_going=False)


def empty(dataset_id: int, turns: Turns) -> None:
    """Remove what is in it; no item may name its traces any more. Called again after a crash, it goes on."""
    _cancel_jobs(dataset_id)
    _remove_imports(dataset_id, turns)
    _remove_traces(dataset_id, turns)
    _remove_jobs(turns)


def is_empty(dataset_id: int) -> bool:
    return not (Trace.objects.filter(dataset=dataset_id).exists() or Import.objects.filter(dataset=dataset_id).exists())


def remove_row(dataset_id: int) -> None:
    """The empty dataset itself, in the caller's transaction, which has removed the projects that used it."""
    delete(Dataset.managers.through.objects.filter(dataset=dataset_id))
    delete(Dataset.objects.filter(pk=dataset_id))
    over = Job.objects.filter(kind__in=OF_A_DATASET).exclude(state__in=Job.LIVE)
    of_it = [pk for pk, params in over.values_list("pk", "params") if params.get("dataset") == dataset_id]
    # No import names them any more.
    delete(Job.objects.filter(pk__in=of_it))


def _cancel_jobs(dataset_id: int) -> None:
    live = Job.objects.filter(kind__in=(*OF_A_VERSION, *OF_A_DATASET), state__in=Job.LIVE)
    for pk, kind, params in live.values_list("pk", "kind", "params"):
        if kind in OF_A_DATASET:
            is_of_it = params.get("dataset") == dataset_id
        else:
            is_of_it = TraceVersion.objects.filter(pk=params.get("version"), trace__dataset=dataset_id).exists()
        if is_of_it:
            cancel(pk)


def _remove_imports(dataset_id: int, turns: Turns) -> None:
    for batch in Import.objects.filter(dataset=dataset_id).order_by("pk"):
        # First: only the row knows them.
        place = path_of(batch)
        turns.remove(place, uploads_folder())
        turns.empty("files of imports", ImportFile.objects.filter(batch=batch))
        with turns.turn():
            delete(AuditEntry.objects.filter(project=None, object=f"import {batch.pk}"))
            delete(Import.objects.filter(pk=batch.pk))
        turns.told("imports", 1)
    turns.empty("changes", AuditEntry.objects.filter(project=None, object=f"dataset {dataset_id}"))


def _remove_traces(dataset_id: int, turns: Turns) -> None:
    traces = Trace.objects.filter(dataset=dataset_id)
    if not traces.exists():
        return
    turns.waiting("looking for what other datasets show, too")
    elsewhere = _Elsewhere(dataset_id)
    elsewhere.look(lambda: turns.waiting("looking for what other datasets show, too"))
    options = list(Rendering.objects.values_list("options_key", flat=True).distinct())
    while batch := list(traces.order_by("pk").values_list("pk", flat=True)[:TRACES_AT_ONCE]):
        with turns.turn():
            # An import of the same dataset takes turns with this.
            Dataset.objects.select_for_update(no_key=True).get(pk=dataset_id)
            versions = TraceVersion.objects.filter(trace__in=batch)
            rows = list(versions.values_list("pk", "sha256"))
            pks = [pk for pk, _ in rows]
            shown = Rendering.objects.filter(version__in=pks).values_list("chunk_keys", flat=True)
            keys = {key for row in shown for key in row}
            keys |= {digest(key, CHANGES, sha256) for _, sha256 in rows for key in options}
            # What was rendered since.
            elsewhere.look()
            delete(Chunk.objects.filter(pk__in=[key for key in keys if key not in elsewhere]))
            delete(Rendering.objects.filter(version__in=pks))
            delete(Document.objects.filter(version__in=pks))
            # Traces and their current versions name each other; that is checked at the end of the transaction.
            delete(TraceVersion.objects.filter(pk__in=pks))
            delete(Trace.objects.filter(pk__in=batch))
        turns.told("versions of traces", len(pks))
        turns.told("traces", len(batch))


def _remove_jobs(turns: Turns) -> None:
    """Those that rendered what is gone."""
    over = Job.objects.filter(kind__in=OF_A_VERSION).exclude(state__in=Job.LIVE).order_by("pk")
    behind = 0
    while rows := list(over.filter(pk__gt=behind).values_list("pk", "params")[:ROWS_AT_ONCE]):
        behind = rows[-1][0]
        versions = [params["version"] for _, params in rows]
        there = set(TraceVersion.objects.filter(pk__in=versions).values_list("pk", flat=True))
        of_none = [pk for pk, params in rows if params["version"] not in there]
        with turns.turn():
            delete(Job.objects.filter(pk__in=of_none))
        turns.told("jobs", len(of_none))


class _Elsewhere:
    """The chunks that traces of other datasets are shown by: equal steps have one chunk, whosoever they are. Many keys
    in little memory: the first 64 bits of each, in order, by their first eight."""

    def __init__(self, dataset_id: int) -> None:
        self._others = Rendering.objects.filter(~Q(version__trace__dataset=dataset_id)).order_by("pk")
        self._behind = 0
        self._keys = [array("Q") for _ in range(256)]
        self._sorted = [True] * 256

    def look(self, looking: Callable[[], None] = nothing) -> None:
        """Take in what was rendered since the last look. ``looking`` is called again and again meanwhile."""
        since = self._others.filter(pk__gt=self._behind)
        rows = since.values_list("pk", "options_key", "version__sha256", "chunk_keys")
        for n, (pk, options, sha256, keys) in enumerate(rows.iterator(chunk_size=ROWS_AT_ONCE)):
            if n % ROWS_AT_ONCE == 0:
                looking()
            self._behind = pk
            for key in (*keys, digest(options, CHANGES, sha256)):
                self._keys[int(key[:2], 16)].append(int(key[:16], 16))
                self._sorted[int(key[:2], 16)] = False

    def __contains__(self, key: str) -> bool:
        part, wanted = int(key[:2], 16), int(key[:16], 16)
        if not self._sorted[part]:
            self._keys[part] = array("Q", sorted(self._keys[part]))
            self._sorted[part] = True
        place = bisect_left(self._keys[part], wanted)
        return place < len(self._keys[part]) and self._keys[part][place] == wanted
