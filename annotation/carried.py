"""Where a project delivers, when its backup is restored into another home or on another machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from annotation.models import Project
from potato_site.operations.carried import at_home, inside


@at_home
def output_folders(using: str, old_home: Path, home: Path) -> Iterator[str]:
    """A folder in the old home moves with it; one that this machine does not have becomes one in the home."""
    for project in Project.objects.using(using).exclude(output_path="").order_by("pk"):
        was = Path(project.output_path)
        if inside(was, home) or (was.is_dir() and not inside(was, old_home)):
            continue
        now = home / was.relative_to(old_home) if inside(was, old_home) else home / "projects" / project.slug
        Project.objects.using(using).filter(pk=project.pk).update(output_path=str(now))
        yield f"{project.slug} delivers into {now} (it was {was})"
