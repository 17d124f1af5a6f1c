"""Projects whose files could not be written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from django.core.checks import CheckMessage, Warning
from django.db import DatabaseError

from annotation.models import Project
from potato_site.checks import deployment


@deployment
def output_folders() -> Iterator[CheckMessage]:
    """A folder that is not there yet is made when it is needed: then its nearest parent counts."""
    try:
        at_work = Project.objects.exclude(output_path="").exclude(state__in=["closed", "purging"])
        projects = list(at_work.values_list("slug", "output_path"))
    except DatabaseError:
        return  # no tables yet, or no database: other checks say so
    for slug, path in projects:
        folder = next(place for place in (Path(path), *Path(path).parents) if place.exists())
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            yield Warning(f"{slug}: nothing can be delivered into {path}: it is not writable.", id="potato.W035")
