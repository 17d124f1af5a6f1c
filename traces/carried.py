"""Uploads whose import is not over go into a backup: the rows alone could not be imported again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from potato_site.jobs.models import Job
from potato_site.operations.carried import carry
from traces import uploads
from traces.models import Import


@carry
class Uploads:
    name = "uploads"

    def files(self, using: str) -> Iterator[tuple[str, Path]]:
        for batch in Import.objects.using(using).filter(job__state__in=Job.LIVE).order_by("pk"):
            place = uploads.path_of(batch)
            if place.is_file():
                yield place.name, place
            elif place.is_dir():
                yield from ((f"{place.name}/{path.name}", path) for path in sorted(place.iterdir()))

    def place(self, name: str, using: str, old_home: Path, home: Path) -> Path:
        return home / "uploads" / name
