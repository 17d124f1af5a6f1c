"""For every list of the admin one of its objects, of the project that an assignment is of; made where there is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.contrib import admin
from django.utils import timezone

from annotation.models import Assignment, Gold, Membership, Submission
from annotation.projects.revisions import config_of
from annotation.quality.gold import set_gold
from exports.models import Export, ExportSchedule
from potato_site.accounts.models import AuditEntry
from potato_site.jobs.models import Job
from traces.models import Import


def of_route(name: str, assignment: Assignment) -> int:
    """The primary key that stands in the address of ``admin:<app>_<model>_<view>``."""
    models = {model._meta.label_lower: model for model in admin.site._registry}
    app, model, _ = name.removeprefix("admin:").split("_", 2)
    label = models[f"{app}.{model}"]._meta.label
    assert label in OBJECTS, f"{name}: say in tests/objects.py which {label} is tried"
    return OBJECTS[label](assignment).pk


def _submission(assignment: Assignment) -> Submission:
    found = Submission.objects.filter(project=assignment.project_id).first()
    return found or Submission.objects.create(
        assignment=assignment, project=assignment.project, number=1, seq=0, op_id="o", revision=assignment.revision,
        values={}, active_ms=60_000, submitted_at=timezone.now(),
    )  # fmt: skip


def _choice(assignment: Assignment) -> str:
    """The first choice of the question "outcome", whatever the project calls it."""
    return config_of(assignment.project.revision_id).scheme("outcome").choices[0]["value"]


def _gold(assignment: Assignment) -> Gold:
    known = Gold.objects.filter(item=assignment.item_id).first()
    return known or set_gold(assignment.project, assignment.item, "outcome", {"": _choice(assignment)}, user=None)


def _export(assignment: Assignment) -> Export:
    folder = Path(assignment.project.output_path) / "exports" / "prm-0"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text("{}")
    return Export.objects.get_or_create(
        project=assignment.project, format="prm", options_digest="0" * 64, seq=0,
        defaults={"path": str(folder), "manifest": {}, "sha256": "0" * 64},
    )[0]  # fmt: skip


def schedule(assignment: Assignment) -> ExportSchedule:
    """It has no list of its own in the admin."""
    return ExportSchedule.objects.get_or_create(project=assignment.project, format="prm", every_n=100)[0]


def _job(assignment: Assignment) -> Job:
    return Job.objects.get_or_create(
        kind="exports.mirror", queue="fast", state="done", due_at=assignment.opened_at,
        project_id=assignment.project_id,
        params={"project": assignment.project_id, "annotator": assignment.annotator_id},
    )[0]  # fmt: skip


def act(user_id: int) -> Job:
    """An act on many rows that this person started."""
    params = {"act": "withdraw", "pks": [1], "by": user_id, "options": {}}
    now = timezone.now()
    return Job.objects.get_or_create(kind="annotation.bulk", queue="bulk", params=params, defaults={"due_at": now})[0]


def deletion(user_id: int) -> Job:
    """Of a project that is gone, begun by this person."""
    params = {"going": 0, "slug": "gone", "name": "Gone", "by": user_id, "with_output": False}
    now = timezone.now()
    return Job.objects.get_or_create(kind="annotation.purge", queue="bulk", params=params, defaults={"due_at": now})[0]


def forgetting(user_id: int) -> Job:
    """Of a person who is gone, begun by this one."""
    params = {"person": 0, "by": user_id, "with_exports": False, "files": []}
    now = timezone.now()
    return Job.objects.get_or_create(kind="annotation.forget", queue="bulk", params=params, defaults={"due_at": now})[0]


def _audit_entry(assignment: Assignment) -> AuditEntry:
    project = assignment.project
    return AuditEntry.objects.get_or_create(project=project, action="test", object=project.slug)[0]


OBJECTS: dict[str, Callable[[Assignment], Any]] = {
    "accounts.AuditEntry": _audit_entry,
    "accounts.User": lambda assignment: assignment.annotator,
    "annotation.Assignment": lambda assignment: assignment,
    "annotation.Gold": _gold,
    "annotation.Item": lambda assignment: assignment.item,
    "annotation.Membership": lambda assignment: Membership.objects.get(
        project=assignment.project_id, user=assignment.annotator_id
    ),
    "annotation.Project": lambda assignment: assignment.project,
    "annotation.Submission": _submission,
    "exports.Export": _export,
    "jobs.Job": _job,
    "traces.Dataset": lambda assignment: assignment.project.dataset,
    "traces.Import": lambda assignment: Import.objects.get_or_create(dataset=assignment.project.dataset)[0],
    "traces.Trace": lambda assignment: assignment.item.trace_a,
}
