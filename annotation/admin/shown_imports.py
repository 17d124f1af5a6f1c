"""The latest imports into a dataset, as the page of a project's traces shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Prefetch
from django.utils import timezone

from potato_site.jobs.models import Job
from traces import uploads
from traces.imports import ARCHIVE, COUNTED, MAX_PROBLEMS
from traces.models import Dataset, Import, ImportFile

SHOWN = 20
SHOWN_FILES = 200
SHOWN_NAMES = 3
FILES_WITH_PROBLEMS = 20
# A queued job is taken up within a second where a worker runs.
WAITING_SECONDS = 5
State = Job.State


@dataclass(frozen=True)
class ShownImport:
    """An import as the page shows it."""

    batch: Import
    state: str  # waiting, queued, running, done, failed, cancelled
    text: str
    done: int
    total: int
    counts: dict[str, int]
    files: list[ImportFile]  # the first SHOWN_FILES
    n_files: int
    sent: list[str]  # what was sent; what lay in an archive goes by its name
    problems: list[dict[str, Any]]

    @property
    def is_live(self) -> bool:
        return self.state in ("waiting", "queued", "running")

    @property
    def names(self) -> list[str]:
        return self.sent[:SHOWN_NAMES]

    @property
    def n_more(self) -> int:
        return len(self.sent) - len(self.names)

    @property
    def n_inside(self) -> int:
        """Files that lay in archives."""
        return self.n_files - len(self.sent)

    @property
    def n_problems(self) -> int:
        return self.counts["problems"]

    @property
    def has_counts(self) -> bool:
        """Files are counted when they are read to their end: one that was stopped before says nothing of its traces."""
        return self.state == "done" or any(self.counts.values())

    @property
    def may_retry(self) -> bool:
        return self.state in ("failed", "cancelled") and uploads.path_of(self.batch).exists()


def shown_imports(dataset: Dataset) -> list[ShownImport]:
    """The latest imports into a dataset, newest first."""
    plain = ImportFile.objects.only("pk", "batch", "file", "format", "counts").order_by("pk")
    rows = list(
        dataset.imports.select_related("job", "made_by")
        .prefetch_related(Prefetch("files", plain))
        .order_by("-pk")[:SHOWN]
    )
    problems = _problems(rows)
    return [_shown(batch, problems) for batch in rows]


def _problems(batches: list[Import]) -> dict[int, list[dict[str, Any]]]:
    """What the first files with problems or warnings say, by import; in one query."""
    wanted: list[int] = []
    for batch in batches:
        told = [file.pk for file in batch.files.all() if _says_something(file)]
        wanted += told[:FILES_WITH_PROBLEMS]
    found: dict[int, list[dict[str, Any]]] = {}
    for pk, problems in ImportFile.objects.filter(pk__in=wanted).order_by("pk").values_list("batch", "problems"):
        found.setdefault(pk, []).extend(problems)
    return found


def _says_something(file: ImportFile) -> bool:
    return bool(file.counts.get("problems") or file.counts.get("warnings"))


def _shown(batch: Import, problems: dict[int, list[dict[str, Any]]]) -> ShownImport:
    counts = dict.fromkeys(COUNTED, 0)
    files = list(batch.files.all())
    for file in files:
        for key in counts:
            counts[key] += file.counts.get(key, 0)
    state = _state(batch.job)
    progress = batch.job.progress if batch.job else {}
    return ShownImport(
        batch=batch,
        state=state,
        text=_text(state, progress.get("message") or ""),
        done=progress.get("done") or 0,
        total=progress.get("total") or 0,
        counts=counts,
        files=files[:SHOWN_FILES],
        n_files=len(files),
        sent=_sent(files),
        problems=problems.get(batch.pk, [])[:MAX_PROBLEMS],
    )


def _sent(files: list[ImportFile]) -> list[str]:
    archives = tuple(f"{file.file}/" for file in files if file.format == ARCHIVE)
    return [file.file for file in files if not file.file.startswith(archives)]


def _state(job: Job | None) -> str:
    """An import that a command ran has no job: it is over."""
    if job is None or job.state == State.DONE:
        return "done"
    if job.state == State.QUEUED and timezone.now() - job.due_at > timedelta(seconds=WAITING_SECONDS):
        return "waiting"
    return str(job.state)


def _text(state: str, message: str) -> str:
    # The job says at times how far it is: what came in behind that is kept as well.
    read = f" after {message} or more" if message else ""
    return {
        "waiting": "Waiting for a worker. The file is safe; the import starts as soon as one runs.",
        "queued": "About to start",
        "running": f"Importing: {message}" if message else "Importing",
        "failed": f"The import ended early{read}: what was read is kept. Try it again; nothing is taken twice.",
        "cancelled": f"Cancelled{read}: what was read is kept. Tried again, it takes nothing twice.",
        "done": "Done",
    }[state]
