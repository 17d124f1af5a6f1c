"""The jobs of the exports app: the annotators' own files, and published exports."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from annotation import queries
from annotation.queries import Delivering, LastLabels
from exports import current, mirror, schedules
from exports.options import options_of
from exports.releases import release
from potato_site.jobs import JobHandle, enqueue, handler, on_tick, run_now
from potato_site.jobs.again import askable, last_jobs
from potato_site.jobs.models import Job

logger = logging.getLogger(__name__)

MIRROR = "exports.mirror"
# A file is never older than this and the time it takes to write, however much stands in it.
LONGEST_REST = timedelta(minutes=3)
# Their handlers and ticks are registered by being imported.
OTHERS = (current, schedules)


@handler(MIRROR, queue="fast", title="An annotator’s own file", longest_rest=LONGEST_REST)
def write_mirror(job: JobHandle) -> dict[str, float]:
    """Params: project, annotator (ids)."""
    start = time.monotonic()
    project_id, user_id = job.params["project"], job.params["annotator"]
    if queries.is_gone(project_id):
        return {}
    lines = mirror.write(project_id, user_id, check=job.check)
    return {"lines": lines, "seconds": round(time.monotonic() - start, 2)}


@handler("exports.build", queue="bulk", title="Export")
def build_export(job: JobHandle) -> dict[str, object]:
    """Params: project (id), format, options (as ``exports.options.Options``)."""
    params = job.params
    if queries.is_gone(params["project"]):
        return {}
    export = release(params["project"], params["format"], options_of(params.get("options", {})), job)
    return {"export": export.pk, "path": export.path}


def refresh(project_id: int) -> int:
    """Bring the annotators' files of a project up to date, here and now. Returns how many were written."""
    project = queries.delivering(queries.project_by_id(project_id, using="default"))
    if not project.output_path:
        return 0
    asked = Job.objects.filter(dedupe_key__startswith=_key(project_id, ""), state__in=Job.LIVE)
    waiting = {params["annotator"] for params in asked.values_list("params", flat=True)}
    people = queries.last_labels(project_id, using="default")
    stale = {person.user_id for person in people if _is_stale(project, person)}
    wanted = waiting | stale | _failed().get(project_id, set())
    for user_id in sorted(wanted):
        run_now(MIRROR, {"project": project_id, "annotator": user_id})
    return len(wanted)


@dataclass
class _Watch:
    """What the tick knows of one project's files, so that a project nobody labels in costs it nothing."""

    output_path: str
    form: str
    compares: bool
    # The change counter up to which submissions were looked at.
    seq: int = -1
    # Whose file was not current at the last look.
    behind: dict[int, LastLabels] = field(default_factory=dict)
    # The files that were.
    current: dict[int, list[Path]] = field(default_factory=dict)


# Lost with the process: a new one looks at every file once.
_watches: dict[int, _Watch] = {}


@on_tick
def catch_missed_mirrors() -> None:
    """Ask again for files that are missing or older than their annotator's latest submission: a job was lost, or a
    file was removed."""
    failed = _failed()
    for project in queries.delivering_projects(using="default"):
        try:
            _ask_for_missed(project, failed.get(project.project_id, set()))
        except Exception:
            # One project's files must not leave the others' behind.
            logger.exception("The annotators' files of project %s cannot be looked after", project.project_id)


def _ask_for_missed(project: Delivering, failed: set[int]) -> None:
    watch = _watches.get(project.project_id)
    wanted = (project.output_path, project.form, project.compares)
    if watch is None or (watch.output_path, watch.form, watch.compares) != wanted:
        watch = _watches[project.project_id] = _Watch(*wanted)
    people = {*_behind(project, watch), *failed}
    behind = {_key(project.project_id, user_id): user_id for user_id in people}
    for key in sorted(askable(behind)):
        enqueue(MIRROR, {"project": project.project_id, "annotator": behind[key]}, dedupe_key=key)


def _behind(project: Delivering, watch: _Watch) -> list[int]:
    """The annotators whose file has to be written. Asks the database only about submissions since the last look."""
    if watch.seq != project.seq:
        people = queries.last_labels(project.project_id, since_seq=watch.seq, using="default")
        watch.behind.update({person.user_id: person for person in people})
        watch.seq = project.seq
    for person in list(watch.behind.values()):
        if not _is_stale(project, person):
            watch.current[person.user_id] = mirror.paths_of(project, person.username)
            del watch.behind[person.user_id]
    removed = [who for who, paths in watch.current.items() if not all(os.path.exists(path) for path in paths)]
    return sorted({*watch.behind, *removed})


def _failed() -> dict[int, set[int]]:
    """Project → the annotators whose file could not be written when it was asked for last: it may hold what was
    invalidated since, however new it is."""
    failed = Job.objects.filter(kind=MIRROR, state=Job.State.FAILED)
    keys = {key for key in failed.values_list("dedupe_key", flat=True) if key}
    found: dict[int, set[int]] = {}
    for job in last_jobs(keys).values():
        if job.state == Job.State.FAILED:
            found.setdefault(job.params["project"], set()).add(job.params["annotator"])
    return found


def _is_stale(project: Delivering, person: LastLabels) -> bool:
    paths = mirror.paths_of(project, person.username)
    return any(mirror.is_stale(path, person.submitted_at) for path in paths)


def _key(project_id: int, user_id: int | str) -> str:
    return f"{MIRROR}:{project_id}:{user_id}"
