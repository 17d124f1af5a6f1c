"""Where exports keep people's names: their own files, choices of whom to leave out, and what was published."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from annotation import queries
from exports.mirror import FILES, OF_PAIRS
from exports.models import Export, ExportSchedule
from exports.publish import locked
from exports.rules import digest_of, number_of
from exports.schedules import take_away
from potato_site.accounts.forget import BEFORE, BEHIND
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


def _leaves_out(options: dict[str, Any], name: str) -> bool:
    return name in (options.get(LEFT_OUT) or [])


def _renamed(options: dict[str, Any], before: str, after: str) -> dict[str, Any]:
    return {**options, LEFT_OUT: sorted({after if name == before else name for name in options[LEFT_OUT]})}


def _told(sentence: str, before: str, after: str) -> str:
    """Of somebody who was left out and had labeled nothing."""
    if not sentence.startswith(LEFT_OUT):
        return sentence
    return re.sub(rf"{BEFORE}{re.escape(before)}{BEHIND}", after, sentence)


@forget
class Names:
    def rename(self, before: str, after: str) -> None:
        """Whom a schedule leaves out it goes on leaving out; whom a published export left out, its row says so. What
        stands in its files stays."""
        for pk, options in ExportSchedule.objects.order_by("pk").values_list("pk", "options"):
            if _leaves_out(options, before):
                ExportSchedule.objects.filter(pk=pk).update(options=_renamed(options, before, after))
        for pk, options, manifest in Export.objects.order_by("pk").values_list("pk", "options", "manifest"):
            if _leaves_out(options, before):
                renamed = _renamed(options, before, after)
                said = [_told(sentence, before, after) for sentence in manifest.get("without_effect", [])]
                Export.objects.filter(pk=pk).update(
                    options=renamed,
                    options_digest=digest_of(renamed, number_of(manifest)),
                    manifest={**manifest, "options": renamed, "without_effect": said},
                )

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
