"""Published exports go into a backup: a state of a project that has passed cannot be exported again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from exports.models import Export
from exports.releases import MANIFEST
from potato_site.operations.carried import carry, inside


@carry
class PublishedExports:
    name = "exports"

    def files(self, using: str) -> Iterator[tuple[str, Path]]:
        """What was published. Whatever else lies in the folder (a person's notes) is not ours, and stops no backup."""
        for pk, folder, manifest in Export.objects.using(using).order_by("pk").values_list("pk", "path", "manifest"):
            for name in sorted({MANIFEST, *(file["name"] for file in manifest["files"])}):
                path = Path(folder, name)
                if path.is_file():
                    yield f"{pk}/{name}", path

    def place(self, name: str, using: str, old_home: Path, home: Path) -> Path:
        """Where it was, if that was in the home (which may have moved); else with the project in the new home.

        A folder outside the home belongs to another machine, perhaps: a restore writes nowhere else.
        """
        number, file = name.split("/", 1)
        export = Export.objects.using(using).select_related("project").get(pk=number)
        was = Path(export.path)
        if inside(was, home):
            return was / file
        folder = home / "projects" / export.project.slug / "exports" / was.name
        if inside(was, old_home):
            folder = home / was.relative_to(old_home)
        Export.objects.using(using).filter(pk=export.pk).update(path=str(folder))
        return folder / file
