"""Installations with something in them, backups of them, and backups somebody has tampered with."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zstandard
from django.conf import settings
from django.core.files.base import ContentFile

from annotation.models import Project
from exports.options import Options
from exports.releases import release
from potato_site.canonical import canonical, loads
from potato_site.jobs import JobHandle
from potato_site.jobs.models import Job
from potato_site.operations import archive
from potato_site.operations.another import another_database
from potato_site.operations.archive import sha256
from tests.factory import answers, make_project, make_trace, person, submit_item
from tests.migrated import put_migrated
from traces import uploads

NASTY = "NUL-free: \u2028 ' \" \\ \U0001f954 ünïcode\nline two"


def installation(folder: Path) -> Project:
    """A project with answers, a published export, and an upload that waits for a worker."""
    traces = [make_trace(f"trace_{n}", 5, issue_description=f"{NASTY} {n}", big=2**70) for n in range(3)]
    project = make_project(folder, traces=traces)
    submit_item(project, "ann", answers(2, "partial", NASTY))
    submit_item(project, "bob", answers(None))
    job = Job.objects.create(kind="exports.build", queue="bulk", due_at="2026-01-01T00:00Z", state="running")
    release(project.pk, "prm", Options(), JobHandle(job))
    Job.objects.filter(pk=job.pk).update(state="done")
    uploads.receive(project.dataset, ContentFile(b'{"id": "t9"}\n'), name="more.jsonl", user=person("ann"))
    return project


def backup(path: Path, tell: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    with path.open("wb") as stream:
        return archive.write(stream, Path(settings.POTATO_HOME), tell=tell)


@contextmanager
def empty(folder: Path, name: str = "other") -> Iterator[tuple[str, Path]]:
    """(alias of an empty database, an empty home)."""
    home = folder / name
    home.mkdir()
    put_migrated(home / "db.sqlite3")
    with another_database(f"sqlite:///{home / 'db.sqlite3'}", name) as alias:
        yield alias, home


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {info.name: tar.extractfile(info).read() for info in tar}  # type: ignore[union-attr]


def rewrite(path: Path, contents: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as tar:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def alter_rows(path: Path, label: str, change: Callable[[list[Any]], None], *, hide: bool) -> None:
    """Change the rows of a table; with ``hide`` also what the manifest says of them."""
    found = members(path)
    name = f"rows/{label}/000001.zst"
    rows = [loads(line) for line in zstandard.decompress(found[name]).splitlines()]
    change(rows)
    content = b"".join(canonical(row) + b"\n" for row in rows)
    found[name] = zstandard.compress(content)
    if hide:
        manifest = loads(found["manifest.json"])
        manifest["tables"][label] = {"rows": len(rows), "sha256": sha256(content)}
        found["manifest.json"] = canonical(manifest)
    rewrite(path, found)


def column(path: Path, label: str, name: str) -> int:
    return loads(members(path)["header.json"])["columns"][label].index(name)
