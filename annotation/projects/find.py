"""Which project a file, a folder or a word on the command line means."""

from __future__ import annotations

import os
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection
from django.db.utils import OperationalError, ProgrammingError

from annotation.models import Project
from annotation.models.projects import slug_of
from potato_site import home as homes
from potato_site.safe_yaml import YamlProblem


class NoProject(CommandError):
    """The words name no project, or more than one. A CommandError, because only command lines name projects so."""


def project_for(named: str, *, purging: bool = False) -> Project:
    """The project of a configuration file, a folder with ``.potato/`` or that holds one, or a slug. One that is being
    purged only for who asks for it so.

    Raises NoProject with a sentence for the terminal.
    """
    try:
        target = homes.resolve(named, str(settings.POTATO_HOME))
        found = _of_config(target.config) if target.config else _of_slug(target.slug)
    except (homes.HomeError, YamlProblem, OSError) as error:
        raise NoProject(str(error)) from None
    except (OperationalError, ProgrammingError) as error:
        # Of a server it is its absence, which is the caller's to tell; a file is there, and without tables.
        if isinstance(error, OperationalError) and connection.vendor != "sqlite":
            raise
        raise NoProject(homes.not_loaded(named)) from None
    if found is None:
        if target.config:
            raise NoProject(homes.not_loaded(named))
        raise NoProject(_unknown(target.slug) if target.slug else _not_one(named))
    if found.state == Project.State.PURGING and not purging:
        raise NoProject(told_of_purge(found))
    return found


def told_of_purge(project: Project) -> str:
    return f"the project {project.slug!r} is being deleted for good; `potato purge {project.slug}` goes on with it"


def of_source(path: Path, home: Path) -> Project | None:
    """The project that was loaded from this file."""
    return Project.objects.filter(source_path=source_key(path, home)).select_related("revision", "dataset").first()


def source_key(path: Path, home: Path) -> str:
    """How ``Project.source_path`` names a file.

    Relative to the home when the database lies in it, so that the whole folder can move; else absolute, since homes
    that share a database would give different files one relative path.
    """
    database = str(settings.DATABASES["default"]["NAME"])
    is_inside = os.path.isabs(database) and Path(database).is_relative_to(home)
    return Path(os.path.relpath(path, home)).as_posix() if is_inside else str(path)


def source_file(project: Project, home: Path) -> Path | None:
    """The file a project was last loaded from; None if it never was."""
    return (home / project.source_path).resolve() if project.source_path else None


def _of_config(path: Path) -> Project | None:
    from annotation.projects.config import parse

    found = of_source(path, settings.POTATO_HOME)
    if found is not None:
        return found
    config = parse(homes.read_config(path), path.name).config
    namesake = _of_slug(slug_of(config.project_name)) if config else None
    source = source_file(namesake, settings.POTATO_HOME) if namesake else None
    # Another file of the same name is another project, until that file is gone.
    return None if source is not None and source.exists() else namesake


def _of_slug(slug: str | None) -> Project | None:
    """The project called ``slug``. Without one: the only project there is."""
    projects = Project.objects.select_related("revision", "dataset")
    if slug:
        return projects.filter(slug=slug).first()
    several = list(projects[:2])
    return several[0] if len(several) == 1 else None


def _not_one(folder: str) -> str:
    """Of a home that does not hold just one project."""
    names = _names()
    if not names:
        return f"{folder}: no project is here yet"
    home = os.path.relpath(settings.POTATO_HOME)
    return f"{folder}: several projects are here; give one's file, or --home {home} and its name: {names}"


def _names() -> str:
    return ", ".join(Project.objects.order_by("slug").values_list("slug", flat=True)[:20])


def _unknown(slug: str) -> str:
    names = _names()
    said = f"no single project is meant by {slug!r}; known: {names or 'none'}"
    return f"{said}. {homes.holds_no_project(slug)}" if Path(slug).is_dir() else said
