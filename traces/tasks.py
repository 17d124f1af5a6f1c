"""The jobs of this app, by name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from potato_site.accounts.models import User
from potato_site.jobs import JobHandle, enqueue, handler
from traces import chunks, uploads, watching
from traces.import_options import ImportOptions
from traces.imports import import_files
from traces.jsonl import Problem
from traces.models import Dataset, Import
from traces.source import Source

__all__ = ["chunks", "import_traces", "uploads", "watching"]


@handler("traces.import", queue="bulk", title="Import of traces")
def import_traces(job: JobHandle) -> object:
    """Params ``dataset``, and ``import`` (an upload), ``watched`` (a folder) or ``paths`` (of the server); those of
    ImportOptions; ``made_by``.

    Objects are named by their ids. Every project that labels the dataset then gets its new items: also of an import
    that was cancelled or failed, as what it read is kept.
    """
    params = job.params
    dataset = Dataset.objects.get(pk=params["dataset"])
    folder = params.get("watched")
    upload = Import.objects.get(pk=params["import"]) if "import" in params else None
    begun = watching.begun(job.id) if folder else upload
    # What arrives while it is read is left to the next look.
    state = watching.state_of(folder) if folder else ""
    try:
        report = import_files(
            dataset,
            _files(params, upload),
            options=ImportOptions.of(params),
            made_by=User.objects.filter(pk=params.get("made_by") or 0).first(),
            job_id=job.id,
            into=begun,
            progress=job.progress,
        )
        job.check()
        if folder:
            watching.imported(dataset, folder, state)
    finally:
        enqueue("annotation.sync_items", {"dataset": dataset.pk}, dedupe_key=f"annotation.sync_items:{dataset.pk}")
    return report.counts()


def _files(params: dict[str, Any], upload: Import | None) -> Iterable[Path | Source | Problem]:
    if upload:
        return uploads.sources_of(upload)
    if "watched" in params:
        return watching.files_of(params["watched"])
    return [Path(path) for path in params["paths"]]
