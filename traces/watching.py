"""Folders of the server whose files are imported as they arrive, where the settings allow it.

The tick looks; what has been still between two looks is imported, as one import of the whole folder, so that results
and sub-agents find their traces. What is there already is left alone. An import that failed for good is tried again
after an hour, or when the folder has changed; one that somebody cancelled only when it has changed. Who chooses the
folder anew has it imported anew.
"""

from __future__ import annotations

import hashlib
import logging
import os
from itertools import takewhile
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from potato_site.jobs import enqueue, on_tick
from potato_site.jobs.again import is_off
from potato_site.jobs.models import Job
from traces.finding import find_sources
from traces.import_options import ImportOptions
from traces.jsonl import Problem
from traces.models import Dataset, Import
from traces.neighbours import is_hidden
from traces.source import Source

logger = logging.getLogger(__name__)


def allowed_folders() -> list[str]:
    """Every folder that may be watched: those of the settings, and the visible ones right in them."""
    found = []
    for root in settings.POTATO_WATCHED_FOLDERS:
        path = Path(root).resolve()
        if os.path.isdir(path) and os.access(path, os.R_OK | os.X_OK):
            found += [str(path), *sorted(str(one) for one in path.iterdir() if _is_plain_folder(one))]
    return found


def may_be_watched(folder: str) -> bool:
    """Whether the folder, links resolved, lies in one that the settings name."""
    return _allowed(folder) is not None


def _allowed(folder: str) -> Path | None:
    """The folder of the settings that it lies in, links resolved."""
    path, roots = Path(folder).resolve(), (Path(root).resolve() for root in settings.POTATO_WATCHED_FOLDERS)
    return next(filter(path.is_relative_to, roots), None) if os.path.isdir(path) else None


def files_of(folder: str) -> list[Source | Problem]:
    """Its files, under names relative to it. Raises FileNotFoundError."""
    allowed = _allowed(folder)
    if allowed is None:
        raise FileNotFoundError("the watched folder is not there, or the settings no longer allow it")
    return list(find_sources(Path(folder), within=allowed))


def watch(dataset: Dataset, folder: str) -> None:
    """Import what is in ``folder`` and what arrives there; "" ends it. Raises ValueError for one not allowed."""
    if folder and folder not in allowed_folders():
        raise ValueError("the settings do not allow this folder")
    Dataset.objects.filter(pk=dataset.pk).update(watched_folder=folder, watched_seen="", watched_done="")
    # How it went before is not held against it.
    Job.objects.filter(dedupe_key=_key(dataset)).exclude(state__in=Job.LIVE).update(dedupe_key=None)


@on_tick
def look_into_watched_folders() -> None:
    """Queue an import of every watched folder that changed and has been still since the last look."""
    for dataset in Dataset.objects.filter(is_going=False).exclude(watched_folder="").order_by("pk"):
        if not may_be_watched(dataset.watched_folder):
            logger.warning("Dataset %s watches a folder that is not there, or not allowed", dataset.pk)
            continue
        try:
            _look(dataset, state_of(dataset.watched_folder))
        except OSError:
            # One folder must not leave the others behind.
            logger.exception("Dataset %s watches a folder that cannot be read", dataset.pk)


@transaction.atomic
def _look(dataset: Dataset, now: str) -> None:
    seen = Dataset.objects.filter(pk=dataset.pk, watched_folder=dataset.watched_folder)
    if now != dataset.watched_seen:
        seen.update(watched_seen=now)
    elif now != dataset.watched_done:
        last = Job.objects.filter(dedupe_key=_key(dataset)).order_by("-pk").first()
        is_same = last is not None and last.params.get("state") == now
        if last and is_same and last.state == Job.State.CANCELLED:
            seen.update(watched_done=now)
        elif not last or (not is_same and last.state not in Job.LIVE) or not is_off(last, timezone.now()):
            asked = {"dataset": dataset.pk, "watched": dataset.watched_folder, "state": now}
            enqueue("traces.import", {**asked, **ImportOptions().as_params()}, dedupe_key=_key(dataset))


def _key(dataset: Dataset) -> str:
    return f"traces.watch:{dataset.pk}"


def begun(job_id: int) -> Import | None:
    """The import that this job, or the one before it that failed for good, has begun: it is gone on with, and does not
    become another one with every try."""
    key = Job.objects.filter(pk=job_id).values("dedupe_key")
    tries = Job.objects.filter(dedupe_key__in=key, pk__lte=job_id).order_by("-pk")
    failed = takewhile(lambda one: one.pk == job_id or one.state == Job.State.FAILED, tries)
    row = Import.objects.filter(job_id__in=[one.pk for one in failed]).order_by("-pk").first()
    if row is not None and row.job_id != job_id:
        row.job_id = job_id
        row.save(update_fields=["job_id"])
    return row


def imported(dataset: Dataset, folder: str, state: str) -> None:
    """The folder, as it was in this state, is in the dataset."""
    Dataset.objects.filter(pk=dataset.pk, watched_folder=folder).update(watched_done=state)


def state_of(folder: str) -> str:
    """A digest of the names, sizes and times of its visible files; of an empty folder ""."""
    digest, is_empty = hashlib.sha256(), True
    for path, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if is_hidden(name):
                continue
            try:
                state = os.lstat(os.path.join(path, name))
            except OSError:
                continue  # gone meanwhile: the next look differs
            is_empty = False
            digest.update(f"{os.fsencode(os.path.join(path, name))!r} {state.st_size} {state.st_mtime_ns}\n".encode())
    return "" if is_empty else digest.hexdigest()


def _is_plain_folder(path: Path) -> bool:
    return os.path.isdir(path) and not path.is_symlink() and not path.name.startswith(".")
