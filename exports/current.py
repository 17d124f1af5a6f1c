"""``output.export_formats``: exports nobody asks for, kept current in ``<output>/exports/`` by the worker.

Each is a file (or folder) of a fixed name that is replaced when labels have changed since it was written, or the rules
by which they become rows. It has no row of its own: its last job tells the state of the project it holds.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils import timezone

from annotation import queries
from annotation.queries import Delivering
from exports.build import build
from exports.earlier import Earlier
from exports.formats import formats
from exports.options import Options
from exports.publish import locked
from exports.rules import ROWS_VERSION, number_of
from potato_site import disk
from potato_site.jobs import JobHandle, enqueue, handler, on_tick
from potato_site.jobs.again import is_off, last_jobs, rest_of
from potato_site.jobs.models import Job

KIND = "exports.current"


@dataclass(frozen=True)
class Kept:
    """One format that is kept current, for its manager. ``path``: where."""

    format: str
    path: Path
    written_at: datetime | None
    is_current: bool
    error: str


def place_of(output_path: str, name: str) -> Path:
    """The file, or the folder of a format that is one."""
    return Path(output_path) / "exports" / (formats.get(name).file or name)


def remove_all(output_path: str) -> None:
    """Remove every file that was kept current here, of whatever format, as far as it is as it was written."""
    for name in formats.names():
        place = place_of(output_path, name)
        if formats.get(name).file:
            Earlier(place.parent, place.name).remove_all()
        elif not place.is_symlink():
            Earlier(place, "").remove_all()
            with contextlib.suppress(OSError):
                place.rmdir()


@handler(KIND, queue="bulk", title="Keeping an export current")
def write(job: JobHandle) -> dict[str, Any]:
    """Params: project (id), format."""
    start = time.monotonic()
    if queries.is_gone(job.params["project"]):
        return {}
    project = queries.project_by_id(job.params["project"], using="default")
    path = place_of(project.output_path, job.params["format"])
    path.parent.mkdir(parents=True, exist_ok=True)
    disk.require_room(path.parent)
    # One writer in the folder at a time: published exports are built there, too.
    with locked(path.parent, waiting=job.check):
        built = build(
            project.pk, job.params["format"], Options(), path, before_publishing=job.check,
            progress=lambda done: job.progress(done, None, "traces"),
        )  # fmt: skip
    seconds = round(time.monotonic() - start, 2)
    rows = built.counts["rows"]
    return {"seq": built.seq, "rows_version": ROWS_VERSION, "seconds": seconds, "rows": rows, "path": str(path)}


@on_tick
def keep_current() -> None:
    """Ask for those that would be other ones than were written, and were not written just now."""
    wanted = [(project, name) for project in queries.delivering_projects(using="default") for name in _known(project)]
    if not wanted:
        return
    last = last_jobs([_key(project.project_id, name) for project, name in wanted])
    now = timezone.now()
    for project, name in wanted:
        if _is_due(last.get(_key(project.project_id, name)), project, name, now):
            params = {"project": project.project_id, "format": name}
            enqueue(KIND, params, dedupe_key=_key(project.project_id, name))


def kept(project: Any) -> list[Kept]:
    """What the configuration asks to keep current, in its order."""
    told = queries.delivering(project)
    last = last_jobs([_key(project.pk, name) for name in told.export_formats])
    return [_kept(told, name, last.get(_key(project.pk, name))) for name in told.export_formats]


def _kept(project: Delivering, name: str, job: Job | None) -> Kept:
    if name not in formats:
        known = ", ".join(formats.names())
        return Kept(name, Path(), None, False, f"there is no such format; known: {known}")
    path = place_of(project.output_path, name)
    result = (job.progress.get("result") or {}) if job else {}
    error = job.error if job and job.state == Job.State.FAILED else ""
    is_current = _holds(result, project) and path.exists()
    return Kept(name, path, job.finished_at if job and result else None, is_current, error)


def _known(project: Delivering) -> list[str]:
    return [name for name in project.export_formats if name in formats]


def _is_due(job: Job | None, project: Delivering, name: str, now: datetime) -> bool:
    if job is None:
        return True
    if is_off(job, now):
        return False
    result = job.progress.get("result") or {}
    finished = job.finished_at or now
    if job.state == Job.State.FAILED or not place_of(project.output_path, name).exists():
        return True
    return not _holds(result, project) and now - finished >= rest_of(result)


def _holds(result: dict[str, Any], project: Delivering) -> bool:
    """Whether what a job wrote is what would be written now."""
    return result.get("seq") == project.seq and number_of(result) == ROWS_VERSION


def _key(project_id: int, name: str) -> str:
    return f"{KIND}:{project_id}:{name}"
