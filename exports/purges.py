"""What goes with a project that is purged: its exports, their schedules, and people's own files.

Of a folder outside the home nothing is touched unless that was asked for, and then only what was delivered there.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from django.db import transaction

from annotation import queries
from exports import current
from exports.mirror import FILES, OF_PAIRS
from exports.models import Export, ExportSchedule
from exports.publish import locked
from exports.releases import MANIFEST
from potato_site.home import PRIVATE, read_pointer
from potato_site.operations.purges import Turns, delete, in_home, overlapping, projects_folder, purge


@purge
class Deliveries:
    def counts(self, project: Any) -> dict[str, int]:
        return {
            "exports": Export.objects.filter(project=project.pk).count(),
            "schedules": ExportSchedule.objects.filter(project=project.pk).count(),
        }

    def remove(self, project: Any, turns: Turns, with_output: bool) -> None:
        schedules = ExportSchedule.objects.filter(project=project.pk)
        if n_schedules := schedules.count():
            with transaction.atomic():
                Export.objects.filter(schedule__project=project.pk).update(schedule=None)
                delete(schedules)
            turns.told("schedules", n_schedules)
        output = Path(project.output_path) if project.output_path else None
        if output is None or not (output / "exports").is_dir():
            self._remove_exports(project, turns, with_output)
        else:
            # Who is publishing has been told to stop, and does at the next look.
            waiting = lambda: turns.waiting("waiting for an export to end")  # noqa: E731
            with locked(output / "exports", waiting=waiting):
                self._remove_exports(project, turns, with_output)
                if with_output and not in_home(output):
                    current.remove_all(project.output_path)
        if output is not None and with_output and not in_home(output):
            _remove_delivered(project, output, turns)

    def whose(self, project: Any, folder: Path) -> str:
        others = Export.objects.filter(overlapping("path", folder)).exclude(project=project.pk)
        slug = others.values_list("project__slug", flat=True).first()
        return f"an export of the project {slug}" if slug else ""

    def _remove_exports(self, project: Any, turns: Turns, with_output: bool) -> None:
        for export in Export.objects.filter(project=project.pk).order_by("pk"):
            folder = Path(export.path)
            if in_home(folder):
                turns.remove(folder, projects_folder())
            elif with_output:
                _remove_ours(folder, [MANIFEST, *(file["name"] for file in export.manifest["files"])])
            with turns.turn():
                delete(Export.objects.filter(pk=export.pk))
            turns.told("exports", 1)


def _remove_ours(folder: Path, names: list[str]) -> None:
    """These files, and the folder if nothing else is in it: what somebody else put there is not ours."""
    for name in names:
        with suppress(FileNotFoundError, NotADirectoryError):
            (folder / name).unlink()
    with suppress(OSError):
        folder.rmdir()


def _remove_delivered(project: Any, output: Path, turns: Turns) -> None:
    """People's own files, and the note that this is the project's folder."""
    for username in queries.people_of(project.pk, using="default"):
        folder = output / username
        if folder.is_dir():
            with locked(folder, waiting=lambda: turns.waiting("waiting for a person's own file")):
                _remove_ours(folder, [*FILES.values(), *OF_PAIRS.values()])
    if read_pointer(output).get("slug") == project.slug:
        (output / PRIVATE / "project.json").unlink()
    with suppress(OSError):
        (output / "exports").rmdir()
