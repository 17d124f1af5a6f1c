"""Published exports: immutable file sets with a manifest, one per project state and options.

``<output>/exports/<format>-<seq>/`` holds the file and ``manifest.json`` (sizes, checksums, counts, options, versions).
The same state and options are published once, under other rules of rows once more; the row is inserted after the folder
has its final name. Where somebody has removed the files, they are published again, in the row's own folder: no other
export ever gets its name.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

from annotation import queries
from exports.build import Built, build
from exports.formats import formats
from exports.models import Export
from exports.options import Options, as_json
from exports.publish import locked, publish_folder, remove_folder, unfinished_folder, write_file
from exports.rules import ROWS_VERSION, digest_of
from potato_site import disk
from potato_site.canonical import canonical
from potato_site.jobs import JobHandle

MANIFEST = "manifest.json"


class NoFolder(ValueError):
    """The project has no folder for deliverables."""


def release(project_id: int, format_name: str, options: Options, job: JobHandle) -> Export:
    """Publish an export of the project as it is now, or return the one that has been.

    Raises UnknownPlugin, UnknownScheme, NoFolder, NoRoom, OSError; LostJob when the job is no longer this attempt's.
    """
    project = queries.project_by_id(project_id, using="default")
    if not project.output_path:
        raise NoFolder(f"{project.slug} has no output folder")
    existing = published(project, format_name, options)
    if existing is not None:
        return existing
    parent = Path(project.output_path) / "exports"
    parent.mkdir(parents=True, exist_ok=True)
    disk.require_room(parent)
    file = formats.get(format_name).file
    with locked(parent, waiting=job.check), unfinished_folder(parent) as folder:
        built = build(
            project_id,
            format_name,
            options,
            folder / file,
            progress=lambda done: job.progress(done, None, "traces"),
            with_card=True,
            is_new=True,
        )
        existing = published(project, format_name, options, built.seq)
        return existing or _publish(project, built, options, folder, job)


def published(project: Any, format_name: str, options: Options, seq: int | None = None) -> Export | None:
    """The export with these options of the project as it is, or was at ``seq``; none where files of it are gone."""
    row = _row(project, format_name, options, project.seq if seq is None else seq)
    return row if row and _is_whole(row) else None


def is_gone(export: Export) -> bool:
    """Whether somebody has removed its files: its manifest is not there. A quick look."""
    return not (Path(export.path) / MANIFEST).is_file()


def _row(project: Any, format_name: str, options: Options, seq: int) -> Export | None:
    return Export.objects.filter(**_state(project, format_name, options, seq)).first()


def _state(project: Any, format_name: str, options: Options, seq: int) -> dict[str, Any]:
    """What there is one export of."""
    digested = digest_of(as_json(options), ROWS_VERSION)
    return {"project_id": project.pk, "format": format_name, "seq": seq, "options_digest": digested}


def _is_whole(export: Export) -> bool:
    """Whether all its files are there, by their sizes, with the manifest they were published with."""
    folder = Path(export.path)
    try:
        sizes = {file["name"]: (folder / file["name"]).lstat().st_size for file in export.manifest["files"]}
    except OSError:
        return False
    return _is_its_own(export) and all(sizes[file["name"]] == file["bytes"] for file in export.manifest["files"])


def _is_its_own(export: Export) -> bool:
    """Whether the folder it lies in holds its manifest."""
    try:
        manifest = (Path(export.path) / MANIFEST).read_bytes()
    except OSError:
        return False
    return hashlib.sha256(manifest).hexdigest() == export.sha256


def _publish(project: Any, built: Built, options: Options, folder: Path, job: JobHandle) -> Export:
    manifest = _manifest(project, built, options)
    content = canonical(manifest) + b"\n"
    written = write_file(folder / MANIFEST, [content])
    row = _row(project, built.format, options, built.seq)
    before = _place_before(row, folder.parent) if row else None
    target = before or _place(folder.parent, built, content)
    job.check()
    if before and before.exists():
        remove_folder(before)  # some of its files are gone
    if not target.exists():
        publish_folder(folder, target)
    files = {"path": str(target), "manifest": manifest, "sha256": written.sha256}
    # What is published again stays whose it was: a schedule takes away what its own job made.
    return Export.objects.update_or_create(
        **_state(project, built.format, options, built.seq),
        defaults=files,
        create_defaults={**files, "options": as_json(options), "job_id": job.id},
    )[0]


def _manifest(project: Any, built: Built, options: Options) -> dict[str, Any]:
    """No time and no path in it: the same state gives the same bytes."""
    return {
        "project": project.slug,
        "format": built.format,
        "scheme": built.scheme,
        "seq": built.seq,
        "options": as_json(options),
        "counts": built.counts,
        "changes": built.changes,
        "without_effect": list(built.without_effect),
        "warnings": list(built.warnings),
        "labels": built.card["labels"],
        "agreement": built.card["agreement"],
        "configuration": built.card["configuration"],
        "files": [{"name": file.name, "bytes": file.size, "sha256": file.sha256} for file in built.files],
        "rows_version": ROWS_VERSION,
        "product_version": version("potato-site"),
    }


def _place_before(row: Export, parent: Path) -> Path | None:
    """Where its files were, unless that is elsewhere or something else lies there by now."""
    path = Path(row.path)
    return path if path.parent == parent and (not path.exists() or _is_its_own(row)) else None


def _place(parent: Path, built: Built, manifest: bytes) -> Path:
    """Where a file set with this manifest goes: where it lies already (a crash came before its row was inserted), else
    ``<format>-<seq>``, numbered when that is taken by other options, be their files gone or not, or by a folder this
    database knows nothing of."""
    name = f"{built.format}-{built.seq}"
    names = (name if number == 1 else f"{name}.{number}" for number in count(1))
    taken = set(Export.objects.filter(format=built.format, seq=built.seq).values_list("path", flat=True))
    free = (path for path in map(parent.joinpath, names) if str(path) not in taken)
    return next(path for path in free if not path.exists() or _holds(path, manifest))


def _holds(folder: Path, manifest: bytes) -> bool:
    try:
        return (folder / MANIFEST).read_bytes() == manifest
    except OSError:
        return False
