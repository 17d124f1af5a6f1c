"""Where exports keep people's names: their own files, choices of whom to leave out, and what was published."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from pathlib import Path

from annotation import queries
from exports.mirror import FILES, OF_PAIRS
from exports.models import Export, ExportSchedule
from exports.publish import locked
from exports.schedules import take_away
from potato_site.operations.forgets import forget

LEFT_OUT = "exclude_annotators"


def _folders(name: str) -> list[Path]:
    """Where the projects that deliver have the files of somebody of this name."""
    folders = [Path(project.output_path) / name for project in queries.delivering_projects(using="default")]
    return [folder for folder in folders if folder.is_dir()]


def _own(folder: Path) -> list[Path]:
    """A person's own files in their folder; what else lies there is somebody else's."""
    paths = [folder / file for file in (*FILES.values(), *OF_PAIRS.values())]
    return [path for path in paths if path.is_file()]


@forget
class Names:
    def rename(self, before: str, after: str) -> None:
        """Whom a schedule leaves out it goes on leaving out."""
        for schedule in ExportSchedule.objects.order_by("pk"):
            names = schedule.options.get(LEFT_OUT) or []
            if before in names:
                renamed = sorted({after if name == before else name for name in names})
                schedule.options = {**schedule.options, LEFT_OUT: renamed}
                schedule.save(update_fields=["options"])

    def files(self, name: str) -> list[str]:
        return [str(path) for folder in _folders(name) for path in _own(folder)]

    def sweep(self, name: str) -> list[str]:
        removed = []
        for folder in _folders(name):
            # Who is just writing them ends first.
            with locked(folder):
                for path in _own(folder):
                    path.unlink()
                    removed.append(str(path))
            # It stays where something else lies in it.
            with contextlib.suppress(OSError):
                folder.rmdir()
        return removed

    def published(self, projects: Collection[int]) -> int:
        return Export.objects.filter(project__in=projects).count()

    def remove_published(self, projects: Collection[int]) -> int:
        found = list(Export.objects.filter(project__in=projects).select_related("project").order_by("pk"))
        for export in found:
            export.options = {}  # what is recorded of its end: they may name people
            take_away(export)
        return len(found)
