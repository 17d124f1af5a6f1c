"""Datasets, traces and imports as the API shows them: every field is named here, one by one."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request

from potato_site.api.addresses import address
from potato_site.jobs.models import Job
from traces.models import Dataset, Import, ImportFile, Trace, TraceVersion

COUNTED = ("new", "changed", "unchanged", "problems", "warnings")


class DatasetShown(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    created_at = serializers.DateTimeField()
    url = serializers.URLField()
    traces_url = serializers.URLField()
    imports_url = serializers.URLField()


class VersionShown(serializers.Serializer):
    number = serializers.IntegerField()
    sha256 = serializers.CharField(help_text="Of the canonical document.")
    steps = serializers.IntegerField()
    agent = serializers.CharField()
    outcome = serializers.CharField()
    title = serializers.CharField()
    converter = serializers.CharField()
    created_at = serializers.DateTimeField()


class TraceShown(serializers.Serializer):
    id = serializers.IntegerField()
    external_id = serializers.CharField(help_text="The id in the document.")
    issue_id = serializers.CharField()
    instance_id = serializers.CharField()
    is_withdrawn = serializers.BooleanField()
    version = VersionShown(allow_null=True, help_text="The current one.")
    document_url = serializers.URLField()


class CountsShown(serializers.Serializer):
    new = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    problems = serializers.IntegerField(help_text="What was not read.")
    warnings = serializers.IntegerField(help_text="Of files, and in the traces' own `source.warnings`.")


class ProgressShown(serializers.Serializer):
    done = serializers.IntegerField(help_text="Bytes read.")
    total = serializers.IntegerField(allow_null=True)
    message = serializers.CharField()


class ImportShown(serializers.Serializer):
    id = serializers.IntegerField()
    dataset = serializers.IntegerField()
    state = serializers.ChoiceField(Job.State.values)
    is_new = serializers.BooleanField(help_text="False in the answer to an upload that was made before.")
    file = serializers.CharField(help_text="The name it was sent under; of several files the first.")
    counts = CountsShown(help_text="Records by what became of them; complete when the state is done.")
    progress = ProgressShown()
    error = serializers.CharField(help_text="Why it failed; empty otherwise.")
    made_by = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    url = serializers.URLField()
    files_url = serializers.URLField()
    refused = serializers.ListField(
        child=serializers.DictField(), required=False, help_text="In the answer to a form: files that were not kept."
    )


class RecordProblemShown(serializers.Serializer):
    file = serializers.CharField()
    line = serializers.IntegerField(allow_null=True)
    field = serializers.CharField()
    message = serializers.CharField()
    severity = serializers.ChoiceField(["error", "warning"], required=False)


class ImportFileShown(serializers.Serializer):
    file = serializers.CharField()
    format = serializers.CharField(help_text="The converter that read it; empty before, and where none did.")
    sha256 = serializers.CharField()
    counts = CountsShown()
    problems = RecordProblemShown(
        many=True, help_text="What was not read, then what traces warn of. The first hundred; counts has all."
    )


def show_dataset(request: Request, dataset: Dataset) -> dict[str, Any]:
    return {
        "id": dataset.pk,
        "name": dataset.name,
        "created_at": dataset.created_at,
        "url": address(request, "api-dataset", dataset.pk),
        "traces_url": address(request, "api-dataset-traces", dataset.pk),
        "imports_url": address(request, "api-imports", dataset.pk),
    }


def show_version(version: TraceVersion) -> dict[str, Any]:
    return {
        "number": version.number,
        "sha256": version.sha256,
        "steps": version.n_steps,
        "agent": version.agent,
        "outcome": version.outcome,
        "title": version.meta.get("title", ""),
        "converter": version.converter,
        "created_at": version.created_at,
    }


def show_trace(request: Request, trace: Trace) -> dict[str, Any]:
    return {
        "id": trace.pk,
        "external_id": trace.external_id,
        "issue_id": trace.issue_id,
        "instance_id": trace.instance_id,
        "is_withdrawn": trace.is_withdrawn,
        "version": show_version(trace.current) if trace.current else None,
        "document_url": address(request, "api-trace-document", trace.dataset_id, trace.pk),
    }


def imports(rows: QuerySet[Import]) -> QuerySet[Import]:
    """With all that ``show_import`` asks for; the files stay where they are."""
    return rows.select_related("job", "made_by")


def show_import(request: Request, batch: Import) -> dict[str, Any]:
    """An import and the job that does it. The job of an old one is forgotten, unless it failed."""
    job = batch.job
    progress = job.progress if job else {}
    return {
        "id": batch.pk,
        "dataset": batch.dataset_id,
        "state": job.state if job else Job.State.DONE,
        "is_new": batch.is_new,
        "file": batch.file,
        "counts": {name: batch.counts.get(name, 0) for name in COUNTED},
        "progress": {
            "done": progress.get("done", 0),
            "total": progress.get("total"),
            "message": progress.get("message", ""),
        },
        "error": job.error if job and job.state == Job.State.FAILED else "",
        "made_by": batch.made_by.username if batch.made_by else None,
        "created_at": batch.created_at,
        "url": address(request, "api-import", batch.dataset_id, batch.pk),
        "files_url": address(request, "api-import-files", batch.dataset_id, batch.pk),
    }


def show_file(file: ImportFile) -> dict[str, Any]:
    counts = {name: file.counts.get(name, 0) for name in COUNTED}
    return {
        "file": file.file,
        "format": file.format,
        "sha256": file.sha256,
        "counts": counts,
        "problems": file.problems,
    }
