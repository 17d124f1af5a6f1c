"""Asking for an export: checked at once, built by a job, found again by the one who asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from annotation import queries
from exports.asked import UnknownScheme, choose
from exports.formats import formats, missing_package
from exports.models import Export
from exports.options import Options, WrongOptions, as_json, options_of, require_past
from potato_site import disk
from potato_site.accounts.models import AuditEntry, User
from potato_site.canonical import digest
from potato_site.jobs import enqueue
from potato_site.jobs.models import Job
from potato_site.registry import UnknownPlugin

KIND = "exports.build"
# How long a failed one is shown beside the exports.
FAILED_SHOWN = timedelta(days=7)
LATE = timedelta(seconds=30)


class CannotExport(ValueError):
    """``problems`` are (field, sentence); ``has_room`` is False where only the disk stands in the way."""

    def __init__(self, problems: list[tuple[str, str]], *, has_room: bool = True) -> None:
        super().__init__("; ".join(message for _, message in problems))
        self.problems = problems
        self.has_room = has_room


@dataclass(frozen=True)
class Asked:
    """One request for an export, as its job tells it."""

    job: Job
    export: Export | None

    @property
    def state(self) -> str:
        return self.job.state

    @property
    def is_live(self) -> bool:
        return self.job.state in Job.LIVE

    @property
    def is_late(self) -> bool:
        """No worker has come for it: they may not be running."""
        return self.job.state == Job.State.QUEUED and timezone.now() - self.job.due_at > LATE

    @property
    def format(self) -> str:
        return str(self.job.params["format"])

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.job.params["options"])

    @property
    def done(self) -> int:
        """Traces written so far."""
        return int(self.job.progress.get("done", 0))

    @property
    def error(self) -> str:
        return self.job.error if self.job.state == Job.State.FAILED else ""


@transaction.atomic
def ask(project: Any, format_name: str, options: Mapping[str, Any], user: User | None) -> Job:
    """The job that will publish the project as it is then. Raises CannotExport.

    Asking for the same again while it waits is the same job. The caller has made sure that ``user`` may look into the
    project as a whole.
    """
    chosen = checked(project, format_name, options)
    params = {"project": project.pk, "format": format_name, "options": as_json(chosen)}
    job = enqueue(KIND, params, dedupe_key=f"{_key(project)}{format_name}:{digest(as_json(chosen))}")
    AuditEntry.objects.create(
        user=user, project=project, action="export.ask", object=f"{project.slug} {format_name}", after=as_json(chosen)
    )
    return job


def checked(project: Any, format_name: str, options: Mapping[str, Any]) -> Options:
    """The options, if an export with them can be made. Raises CannotExport."""
    problems = _wrong_format(format_name)
    chosen = Options()
    try:
        chosen = options_of(options)
        require_past(chosen, project.seq)
    except WrongOptions as error:
        problems += [(f"options.{name}" if name else "options", message) for name, message in error.problems]
    if not problems:
        try:
            choose(queries.questions(project, using="default"), chosen, formats.get(format_name).takes)
        except UnknownScheme as error:
            problems.append((f"options.{error.option}", str(error)))
    if not project.output_path:
        problems.append(("", "the project has no folder for its exports"))
    if problems:
        raise CannotExport(problems)
    _require_room(Path(project.output_path))
    return chosen


def _wrong_format(name: str) -> list[tuple[str, str]]:
    try:
        missing = missing_package(formats.get(name))
    except UnknownPlugin:
        return [("format", f"must be one of: {', '.join(formats.names())}")]
    return [("format", missing)] if missing else []


def _require_room(output: Path) -> None:
    place = next(folder for folder in (output, *output.parents) if folder.is_dir())
    try:
        disk.require_room(place)
    except disk.NoRoom as error:
        raise CannotExport([("", str(error))], has_room=False) from error


def asked(project: Any, job_id: int) -> Asked | None:
    """One request for an export of this project; None if there is (or ever was) no such."""
    job = _asked_of(project).filter(pk=job_id).first()
    return _with_exports(project, [job])[0] if job else None


def under_way(project: Any) -> list[Asked]:
    """What is being made, the newest first, and what failed lately and was not made since."""
    recent = Q(state=Job.State.FAILED, finished_at__gt=timezone.now() - FAILED_SHOWN)
    # The states once more, for an index: most jobs of an installation are done, and this is asked every two seconds.
    rows = _asked_of(project).filter(Q(state__in=Job.LIVE) | recent, state__in=[*Job.LIVE, Job.State.FAILED])
    found: dict[str | None, Job] = {}
    for job in rows.order_by("-pk")[:50]:
        found.setdefault(job.dedupe_key, job)
    made = _made_last(list(found))
    return [Asked(job, None) for key, job in found.items() if job.pk > made.get(key, 0)]


def _made_last(keys: list[str | None]) -> dict[str | None, int]:
    """The newest job that is done, by key."""
    done = Job.objects.filter(dedupe_key__in=keys, state=Job.State.DONE)
    return dict(done.values_list("dedupe_key").annotate(newest=Max("pk")))


def _asked_of(project: Any) -> QuerySet[Job]:
    return Job.objects.filter(kind=KIND, dedupe_key__startswith=_key(project))


def _with_exports(project: Any, jobs: list[Job]) -> list[Asked]:
    made = {job.pk: (job.progress.get("result") or {}).get("export") for job in jobs}
    rows = Export.objects.filter(project=project, pk__in=[pk for pk in made.values() if pk]).in_bulk()
    return [Asked(job, rows.get(made[job.pk])) for job in jobs]


def _key(project: Any) -> str:
    return f"{KIND}:{project.pk}:"
