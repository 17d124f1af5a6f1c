"""Published exports: immutable file sets with a manifest, one per project state and options.

``<output>/exports/<format>-<seq>/`` holds the file and ``manifest.json`` (sizes, checksums, counts, options, product
version). The same state and options are published once; the row is inserted after the folder has its final name.
"""

from __future__ import annotations

from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

from annotation import queries
from exports.build import Built, build
from exports.formats import formats
from exports.models import Export
from exports.options import Options, as_json
from exports.publish import locked, publish_folder, unfinished_folder, write_file
from potato_site import disk
from potato_site.canonical import canonical, digest
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
    """The export with these options that holds the project as it is, or as it was at ``seq``."""
    return Export.objects.filter(
        project=project.pk,
        format=format_name,
        options_digest=digest(as_json(options)),
        seq=project.seq if seq is None else seq,
    ).first()


def _publish(project: Any, built: Built, options: Options, folder: Path, job: JobHandle) -> Export:
    manifest = _manifest(project, built, options)
    content = canonical(manifest) + b"\n"
    written = write_file(folder / MANIFEST, [content])
    target = _place(folder.parent, f"{built.format}-{built.seq}", content)
    job.check()
    if not target.exists():
        publish_folder(folder, target)
    state = {
        "project_id": project.pk,
        "format": built.format,
        "seq": built.seq,
        "options_digest": digest(as_json(options)),
    }
    made = {
        "options": as_json(options),
        "job_id": job.id,
        "path": str(target),
        "manifest": manifest,
        "sha256": written.sha256,
    }
    return Export.objects.get_or_create(**state, defaults=made)[0]


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
        "labels": built.card["labels"],
        "agreement": built.card["agreement"],
        "configuration": built.card["configuration"],
        "files": [{"name": file.name, "bytes": file.size, "sha256": file.sha256} for file in built.files],
        "product_version": version("potato-site"),
    }


def _place(parent: Path, name: str, manifest: bytes) -> Path:
    """Where a file set with this manifest goes: where it lies already (a crash came before its row was inserted), else
    ``name``, numbered when that is taken by other options or by a folder this database knows nothing of."""
    names = (name if number == 1 else f"{name}.{number}" for number in count(1))
    return next(path for path in map(parent.joinpath, names) if not path.exists() or _holds(path, manifest))


def _holds(folder: Path, manifest: bytes) -> bool:
    try:
        return (folder / MANIFEST).read_bytes() == manifest
    except OSError:
        return False
