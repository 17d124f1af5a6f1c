"""Running one job: claim the row, call its handler, write how it ended. Every write is guarded by the attempt."""

from __future__ import annotations

import logging
import re
import time
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from potato_site import logs
from potato_site.jobs import bell
from potato_site.jobs.again import rest_of
from potato_site.jobs.handle import JobHandle, LostJob, ProgressCallback, Stopping, lease_end, stopping
from potato_site.jobs.models import Job, project_of
from potato_site.jobs.registry import handlers
from potato_site.jobs.tick import TICK
from potato_site.textjson import canonical

logger = logging.getLogger(__name__)

# How long a job waits after its first and its second failure; the third is the last.
BACKOFF_SECONDS = [10, 60]
MAX_FAILURES = len(BACKOFF_SECONDS) + 1
MAX_ERROR_CHARS = 500
DIED = "its worker ended before it was done"


def run(job_id: int) -> bool:
    """Run the job if it is this process's to run. False: somebody else has it, it is not due, or it is over."""
    if stopping.is_set():
        # This process answered the ring and will not come to it: the next tick rings again.
        Job.objects.filter(pk=job_id, state=Job.State.QUEUED).update(rung_at=None)
        return False
    job = claim(job_id)
    if job is None:
        return False
    with logs.bound(job=job.pk, kind=job.kind, attempt=job.attempt):
        _run_claimed(job)
    return True


def _run_claimed(job: Job) -> None:
    handle = JobHandle(job)
    started = time.perf_counter()
    try:
        _end(handle, job, _call(handle))
        logger.info("done", extra={"fields": {"ms": round((time.perf_counter() - started) * 1000)}})
    except Stopping:
        # No ring: it would come back to this process. Whoever ticks next finds the job.
        handle.mine.update(state=Job.State.QUEUED, rung_at=None, lease_until=None)
    except LostJob:
        logger.info("%s: lost to another attempt, or cancelled", job)
    except Exception as problem:
        logger.warning("%s failed", job, exc_info=problem)
        _fail(handle, job, problem)


def run_now(kind: str, params: dict[str, Any] | None = None, *, on_progress: ProgressCallback | None = None) -> Any:
    """Run a new job here and now and return what its handler returns; no worker is needed.

    It has a row, a lease and an attempt as any other. What the handler raises is recorded and raised; nobody retries.
    """
    queue = handlers.get(kind).queue
    now = timezone.now()
    job = Job.objects.create(
        kind=kind, queue=queue, params=params or {}, project_id=project_of(params or {}), due_at=now,
        state=Job.State.RUNNING, attempt=1, failures=MAX_FAILURES - 1, lease_until=lease_end(now),
    )  # fmt: skip
    handle = JobHandle(job, on_progress=on_progress)
    try:
        result = _call(handle)
        _end(handle, job, result)
    except BaseException as problem:
        _fail(handle, job, problem)
        raise
    return result


def claim(job_id: int) -> Job | None:
    """Take a job that is queued and due, or whose runner let the lease lapse; None if it is not to be had.

    One guarded UPDATE decides between two runners. A job whose workers died three times is given up. The row of the
    tick is no job: who names it heard a ring for another database, which shares the broker with this one.
    """
    now = timezone.now()
    free = Q(state=Job.State.QUEUED, due_at__lte=now) | Q(state=Job.State.RUNNING, lease_until__lt=now)
    job = Job.objects.filter(free, pk=job_id).exclude(kind=TICK).first()
    if job is None:
        return None
    if job.state == Job.State.RUNNING:
        job.failures += 1
        job.error = DIED
    seen = Job.objects.filter(free, pk=job_id, attempt=job.attempt, state=job.state)
    if job.failures >= MAX_FAILURES:
        seen.update(state=Job.State.FAILED, failures=job.failures, error=DIED, finished_at=now, lease_until=None)
        return None
    job.attempt += 1
    job.state = Job.State.RUNNING
    claimed = seen.update(
        state=job.state, attempt=job.attempt, failures=job.failures, error=job.error, rerun=False,
        lease_until=lease_end(now),
    )  # fmt: skip
    return job if claimed else None


def _call(handle: JobHandle) -> Any:
    result = handlers.get(handle.kind).function(handle)
    canonical(result)  # what cannot be stored fails here, as an error of the handler
    return result


def _end(handle: JobHandle, job: Job, result: Any) -> None:
    """Done, or queued once more if it was asked for again meanwhile. Raises LostJob."""
    now = timezone.now()
    progress = {**handle.last_progress, "result": result}
    done = {"state": Job.State.DONE, "progress": progress, "error": "", "lease_until": None, "finished_at": now}
    if handle.mine.filter(rerun=False).update(**done):
        return
    longest = handlers.get(job.kind).longest_rest
    due_at = now + min(rest_of(result), longest) if longest else now
    if not _requeue(handle, job, due_at, failures=0, error=""):
        raise LostJob(str(job))


def _fail(handle: JobHandle, job: Job, problem: BaseException) -> None:
    """Record the error; queue the job again unless this was its last try (and nobody asked for it again)."""
    now = timezone.now()
    failures, error = job.failures + 1, error_text(problem)
    if failures < MAX_FAILURES:
        due_at = now + timedelta(seconds=BACKOFF_SECONDS[failures - 1])
        _requeue(handle, job, due_at, failures=failures, error=error)
        return
    failed = {"state": Job.State.FAILED, "failures": failures, "error": error, "lease_until": None, "finished_at": now}
    if not handle.mine.filter(rerun=False).update(**failed):
        _requeue(handle, job, now, failures=0, error=error)


def _requeue(handle: JobHandle, job: Job, due_at: datetime, **fields: Any) -> bool:
    """Back to the queue. False if the row is no longer this attempt's."""
    delay_seconds = max(0.0, (due_at - timezone.now()).total_seconds())
    rung_at = due_at if delay_seconds <= bell.LONGEST_COUNTDOWN else None
    queued = {"state": Job.State.QUEUED, "rerun": False, "due_at": due_at, "rung_at": rung_at, "lease_until": None}
    if not handle.mine.update(**queued, **fields):
        return False
    bell.ring(job.pk, job.queue, delay_seconds)
    return True


def error_text(problem: BaseException) -> str:
    """What is kept of an error: its kind and message, short, without the password of an address in it."""
    text = f"{type(problem).__name__}: {problem}".replace("\x00", "\ufffd")
    text = re.sub(r"(\w+://)[^@/\s]*@", r"\1***@", text)
    return text if len(text) <= MAX_ERROR_CHARS else text[: MAX_ERROR_CHARS - 1] + "…"
