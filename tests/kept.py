"""What tests begin with is made once and kept: row by row and file by file it is put back for the next test.

Loading a project and labeling it was a third of the tests' time, and most of them begin with the same. The first one
to ask goes through the front door; its rows and files are kept in this process, and whoever asks for the same with
nothing there yet gets them again, with the same keys, their times moved as far as time has gone on.

It is made anew, by the front door, wherever the test has changed something before: where it has rows or files, has
patched anything, or has other settings than those for which it was made.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone

from annotation.projects import revisions
from potato_site.jobs import bell
from potato_site.jobs.models import Job

# There before every test.
OF_DJANGO = {ContentType, Permission}
# Rows and bytes; what is larger is not worth the memory.
MOST_ROWS, MOST_BYTES = 2_000, 4_000_000
# In one statement.
MOST_VALUES = 900

# What the test that runs has patched. None: no test of pytest's runs.
patches: pytest.MonkeyPatch | None = None
_kept: dict[str, Made] = {}


@dataclass
class Made:
    """What was made: rows by table, files with their folders' and their own modes, and what its maker returned."""

    rows: dict[str, list[tuple[Any, ...]]]
    files: dict[str, tuple[int, bytes | None]]
    result: Any
    root: str
    at: datetime


def again(key: Any, root: Path, make: Callable[[], Any]) -> Any:
    """What ``make()`` returns: a row or a list of rows, in new objects, as they are read from the database.

    ``key`` (JSON) says everything that it depends on; with one that is no JSON it is made anew. ``make`` writes to the
    database and below ``root`` alone, which may hold empty folders.
    """
    name = _name(key, root)
    if name is None or not _is_untouched(root):
        return make()
    if name not in _kept:
        result = make()
        _keep(name, root, result)
        return result
    return _put_back(_kept[name], root)


def _name(key: Any, root: Path) -> str | None:
    """The key with the settings that this test has; the test's own folder has the same name for all of them."""
    try:
        return json.dumps([key, repr(sorted(_changed_settings().items()))]).replace(str(root), "root")
    except TypeError:
        return None


def _changed_settings() -> dict[str, Any]:
    changed, holder = {}, settings._wrapped
    while hasattr(holder, "default_settings"):
        own = {name: value for name, value in vars(holder).items() if name.isupper()}
        changed, holder = {**own, **changed}, holder.default_settings
    return changed


def _is_untouched(root: Path) -> bool:
    """Whether the test has done nothing yet that could make a difference."""
    is_patched = patches is None or bool(patches._setattr or patches._setitem)
    if is_patched or any(not path.is_dir() for path in root.rglob("*")):
        return False
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"SELECT 1 WHERE EXISTS (SELECT 1 FROM {table})" for table in _tables()))
        return cursor.fetchone() is None


@cache
def _models() -> list[type[Model]]:
    every = apps.get_models(include_auto_created=True)
    return [model for model in every if model not in OF_DJANGO and model._meta.managed]


@cache
def _tables() -> dict[str, list[str]]:
    """Table → its columns."""
    quote = connection.ops.quote_name
    return {
        quote(model._meta.db_table): [quote(field.column) for field in model._meta.local_concrete_fields]
        for model in _models()
    }


# --- Keeping ----------------------------------------------------------------------------------------------


def _keep(name: str, root: Path, result: Any) -> None:
    rows, files = dict(_rows()), dict(_files(root))
    contents = [content or b"" for _, content in files.values()]
    is_small = sum(map(len, rows.values())) <= MOST_ROWS and sum(map(len, contents)) <= MOST_BYTES
    # What a file says is not changed when it is put into another folder.
    if is_small and not any(str(root).encode() in content for content in contents):
        _kept[name] = Made(rows, files, _shape(result), str(root), timezone.now())


def _rows() -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    with connection.cursor() as cursor:
        for table, columns in _tables().items():
            # As they were made: Postgres would give those first that were not changed since.
            cursor.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY 1")
            if found := cursor.fetchall():
                yield table, found


def _files(root: Path) -> Iterator[tuple[str, tuple[int, bytes | None]]]:
    """Folders before what is in them."""
    for path in sorted(root.rglob("*")):
        yield str(path.relative_to(root)), (path.stat().st_mode, None if path.is_dir() else path.read_bytes())


def _shape(result: Any) -> Any:
    """Which rows these are."""
    if isinstance(result, list):
        return [_shape(one) for one in result]
    return (type(result), result.pk)


# --- Putting back -----------------------------------------------------------------------------------------


def _put_back(made: Made, root: Path) -> Any:
    # It is remembered by its key, which a revision of another project may have had since.
    revisions._cached.cache_clear()
    root.mkdir(parents=True, exist_ok=True)
    for name, (mode, content) in made.files.items():
        path = root / name
        if content is None:
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.write_bytes(content)
        path.chmod(mode)
    with transaction.atomic(), connection.cursor() as cursor:
        for table, rows in made.rows.items():
            _insert(cursor, table, [_moved(row, made, str(root)) for row in rows])
        for job in Job.objects.filter(state__in=Job.LIVE):
            delay = max(0.0, (job.due_at - timezone.now()).total_seconds())
            transaction.on_commit(partial(bell.ring, job.pk, job.queue, delay), robust=True)
    return _read(made.result)


def _insert(cursor: Any, table: str, rows: list[list[Any]]) -> None:
    columns = _tables()[table]
    at_once = MOST_VALUES // len(columns)
    for some in (rows[start : start + at_once] for start in range(0, len(rows), at_once)):
        places = ", ".join(["(" + ", ".join(["%s"] * len(columns)) + ")"] * len(some))
        cursor.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES {places}", [v for row in some for v in row])


def _moved(row: tuple[Any, ...], made: Made, root: str) -> list[Any]:
    later = timezone.now() - made.at
    return [_moved_value(value, made.root, root, later) for value in row]


def _moved_value(value: Any, old: str, new: str, later: timedelta) -> Any:
    if isinstance(value, datetime):
        return value + later
    return value.replace(old, new) if isinstance(value, str) and old in value else value


def _read(shape: Any) -> Any:
    if isinstance(shape, list):
        return [_read(one) for one in shape]
    model, key = shape
    return model._base_manager.get(pk=key)
