"""Projects with something in every table, and their deletion."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from django.apps import apps
from django.core.management import call_command
from django.utils import timezone

from annotation.assignments.handout import hand_out
from annotation.models import Assignment, Gold, Item, Membership, Project, Recruit, Screening, Visit
from annotation.projects import invitations, purge
from annotation.projects.create import create_project
from annotation.projects.load import load_file
from annotation.projects.presets import presets
from annotation.projects.revisions import current
from annotation.quality import statistics
from annotation.quality.gold import set_gold
from exports.build import build
from exports.models import ExportSchedule
from exports.options import Options
from potato_site.accounts.models import AuditEntry, User
from potato_site.api import tokens
from potato_site.jobs import run_now
from tests.factory import answers, make_trace, person, submit_item, write_project
from traces import chunks
from traces.models import Dataset, Import, ImportFile

SECRET = "Quetzalcoatlus"


def load(folder: Path, home: Path, name: str, **options) -> Project:
    traces = [make_trace(f"{name}-{number}", 30, issue_description=f"{name} {number}") for number in range(3)]
    report = load_file(write_project(folder, name=name, traces=traces, **options), home)
    assert report.project is not None, report.errors
    return report.project


def fill(project: Project) -> None:
    """Something in every table that a project can have rows in."""
    boss = User.objects.filter(username="boss").first() or User.objects.create_superuser("boss")
    submit_item(project, "ann", answers(1, "partial", SECRET))
    submit_item(project, "bob", answers())
    hand_out(project, person("ann"))
    item = Item.objects.filter(project=project).latest("pk")
    set_gold(project, item, "outcome", {"": "partial"}, user=boss)
    Gold.objects.update(taken_from=Assignment.objects.filter(project=project).first())
    invitations.invite(project, "viewer", boss, email="new@example.org")
    tokens.make(boss, scopes=["read"], project=project)
    schedule = ExportSchedule.objects.create(project=project, format="prm", every_n=1)
    run_now("exports.scheduled", {"project": project.pk, "schedule": schedule.pk})
    for user in (person("ann"), person("bob")):
        run_now("exports.mirror", {"project": project.pk, "annotator": user.pk})
    statistics.compute(project)
    chunks.render_version(item.a_id, current(project).render_options())
    run_now("traces.render_changes", {"version": item.a_id, "options": current(project).render_options().model_dump()})
    member = Membership.objects.get(project=project, user=person("ann"))
    now = timezone.now()
    screening = Screening.objects.create(membership=member, number=1, items=1, needed=1, begun_at=now)
    Assignment.objects.filter(project=project, annotator=person("ann")).update(screening=screening)
    guest = User.objects.create_user(f"guest-{project.pk}")
    recruit = Recruit.objects.create(project=project, user=guest, platform="prolific", external_id="5f" * 12)
    Visit.objects.create(recruit=recruit, study_id="s", session_id="s", came_at=now)
    Membership.objects.create(project=project, user=guest, role="annotator", source="platform")
    upload = Import.objects.create(dataset=project.dataset)
    ImportFile.objects.create(batch=upload, file="more.jsonl")
    AuditEntry.objects.create(action="traces.upload", object=f"dataset {project.dataset_id}", after={"file": "m.jsonl"})
    from traces.uploads import path_of

    path_of(upload).write_text(SECRET)


def rows() -> dict[str, set]:
    """Every row of every table but the accounts, by its key."""
    models = [model for model in apps.get_models(include_auto_created=True) if model is not User]
    return {model._meta.label: set(model._base_manager.values_list("pk", flat=True)) for model in models}


def everything_of(project: Project, tmp_path: Path) -> bytes:
    """An export of it, as a file."""
    path = tmp_path / f"{project.slug}.jsonl"
    build(project.pk, "prm", Options(), path)
    return path.read_bytes()


def gone(project: Project, **options) -> purge.Purged:
    return purge.purge(project, **{"by": None, "with_output": False, "progress": lambda *_: None, **options})


class Stopped(Exception):
    """As a kill would."""


def stopping_after(steps: int):
    left = iter(range(steps))

    def progress(*_):
        if next(left, None) is None:
            raise Stopped

    return progress


def make(name: str, dataset: Dataset | str = "Runs") -> Project:
    boss = User.objects.filter(username="boss").first() or User.objects.create_superuser("boss")
    return create_project(name, dataset, presets()["first_error"].configure("x"), [], boss)


def files_in(output: str) -> list[str]:
    folder = Path(output)
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in found if path.parts[0] != ".potato")


def run(*words: str) -> str:
    out = StringIO()
    call_command("purge", *words, stdout=out)
    return out.getvalue()
