"""The latest imports into a dataset, as the page of a project's traces shows them.

While one runs the page is asked for every two seconds, and an import may have a hundred thousand files: of more files
than are shown the database counts, and only those that are shown are read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Case, Count, IntegerField, JSONField, Q, QuerySet, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Substr
from django.db.models.lookups import GreaterThan, In
from django.utils import timezone

from potato_site.jobs.models import Job
from traces import uploads
from traces.imports import ARCHIVE, COUNTED, MAX_PROBLEMS
from traces.jsonl import WARNING
from traces.models import Dataset, Import, ImportFile

SHOWN = 20
SHOWN_FILES = 200
SHOWN_NAMES = 3
FILES_WITH_PROBLEMS = 20
TELLING = ("problems", "warnings")
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
    names: list[str]  # the first SHOWN_NAMES of what was sent; what lay in an archive goes by its name
    n_inside: int  # files that lay in archives
    problems: list[dict[str, Any]]

    @property
    def is_live(self) -> bool:
        return self.state in ("waiting", "queued", "running")

    @property
    def n_more(self) -> int:
        return self.n_files - self.n_inside - len(self.names)

    @property
    def n_problems(self) -> int:
        return self.counts["problems"]

    @property
    def n_problems_shown(self) -> int:
        """Without what traces warn of, which stands behind them."""
        return sum(problem.get("severity") != WARNING for problem in self.problems)

    @property
    def has_counts(self) -> bool:
        """Files are counted when they are read to their end: one that was stopped before says nothing of its traces."""
        return self.state == "done" or any(self.counts.values())

    @property
    def may_retry(self) -> bool:
        return self.state in ("failed", "cancelled") and uploads.path_of(self.batch).exists()


@dataclass(frozen=True)
class _Files:
    """What is shown of an import's files: see ShownImport. ``telling``: the first with problems, then with warnings."""

    first: list[ImportFile]
    total: int
    names: list[str]
    n_inside: int
    telling: list[int]


def shown_imports(dataset: Dataset) -> list[ShownImport]:
    """The latest imports into a dataset, newest first."""
    batches = list(dataset.imports.select_related("job", "made_by").order_by("-pk")[:SHOWN])
    files = _files_of(batches)
    problems = _problems([pk for found in files.values() for pk in found.telling])
    return [_shown(batch, files[batch.pk], problems.get(batch.pk, [])) for batch in batches]


def _files_of(batches: list[Import]) -> dict[int, _Files]:
    """By import. Those that are shown whole are read together."""
    per_batch = ImportFile.objects.filter(batch__in=batches).values_list("batch").annotate(total=Count("pk"))
    totals = dict(per_batch.order_by())
    whole: dict[int, list[ImportFile]] = {one.pk: [] for one in batches if totals.get(one.pk, 0) <= SHOWN_FILES}
    for file in _plain(ImportFile.objects.filter(batch__in=whole)):
        whole[file.batch_id].append(file)
    return {one.pk: _read(whole[one.pk]) if one.pk in whole else _asked(one, totals[one.pk]) for one in batches}


def _plain(files: QuerySet[ImportFile]) -> QuerySet[ImportFile]:
    return files.only("pk", "batch", "file", "format", "counts").order_by("pk")


def _read(files: list[ImportFile]) -> _Files:
    archives = tuple(f"{file.file}/" for file in files if file.format == ARCHIVE)
    sent = [file.file for file in files if not file.file.startswith(archives)]
    return _Files(
        first=files,
        total=len(files),
        names=sent[:SHOWN_NAMES],
        n_inside=len(files) - len(sent),
        telling=list(dict.fromkeys(file.pk for key in TELLING for file in files if file.counts.get(key)))[
            :FILES_WITH_PROBLEMS
        ],
    )


def _asked(batch: Import, total: int) -> _Files:
    """The same of an import that has too many files to read them all."""
    is_telling = any(batch.counts.get(key) for key in TELLING)
    files = ImportFile.objects.filter(batch=batch)
    is_inside = _is_inside(files.filter(format=ARCHIVE).values_list("file", flat=True))
    return _Files(
        first=list(_plain(files)[:SHOWN_FILES]),
        total=total,
        names=list(files.filter(~is_inside).order_by("pk").values_list("file", flat=True)[:SHOWN_NAMES]),
        n_inside=files.filter(is_inside).count(),
        telling=_telling(files) if is_telling else [],
    )


def _telling(files: QuerySet[ImportFile]) -> list[int]:
    # The counts are JSON kept as text.
    counts = (Cast(KeyTextTransform(key, Cast("counts", JSONField())), IntegerField()) for key in TELLING)
    has = [Q(GreaterThan(count, 0)) for count in counts]
    worst_first = Case(*(When(one, then=place) for place, one in enumerate(has)))
    some = files.filter(reduce(or_, has)).order_by(worst_first, "pk")
    return list(some.values_list("pk", flat=True)[:FILES_WITH_PROBLEMS])


def _is_inside(archives: Iterable[str]) -> Q:
    """Whether a file lay in one of these. Not ``startswith``, which knows no case on SQLite."""
    prefixes: dict[int, list[str]] = defaultdict(list)
    for name in archives:
        prefixes[len(name) + 1].append(f"{name}/")
    alike = (Q(In(Substr("file", 1, length), same)) for length, same in prefixes.items())
    return reduce(or_, alike, Q(pk__in=[]))


def _problems(files: list[int]) -> dict[int, list[dict[str, Any]]]:
    """What these files say, by import; in one query."""
    found: dict[int, list[dict[str, Any]]] = {}
    for pk, problems in ImportFile.objects.filter(pk__in=files).order_by("pk").values_list("batch", "problems"):
        found.setdefault(pk, []).extend(problems)
    return found


def _shown(batch: Import, files: _Files, problems: list[dict[str, Any]]) -> ShownImport:
    state = _state(batch.job)
    progress = batch.job.progress if batch.job else {}
    return ShownImport(
        batch=batch,
        state=state,
        text=_text(state, progress.get("message") or ""),
        done=progress.get("done") or 0,
        total=progress.get("total") or 0,
        counts={key: batch.counts.get(key, 0) for key in COUNTED},
        files=files.first,
        n_files=files.total,
        names=files.names,
        n_inside=files.n_inside,
        problems=sorted(problems, key=lambda one: one.get("severity") == WARNING)[:MAX_PROBLEMS],
    )


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
