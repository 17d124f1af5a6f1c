"""The configuration of a project over time: immutable revisions, and the meanings of its schemes."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any

from django.db import transaction

from annotation.models import Project, Revision, SchemeVersion
from annotation.projects.config import ProjectConfig, unpaired
from annotation.projects.counter import bump
from annotation.projects.locking import lock_project
from annotation.projects.merge import differing
from annotation.schemes.base import Scheme
from potato_site.accounts.models import AuditEntry, User
from potato_site.canonical import digest

CACHED = 256


class _Uncommitted(threading.local):
    """Revisions this thread has made in a transaction that is not committed.

    SQLite gives the id of a rolled-back row to the next one, so they must not be cached.
    """

    def __init__(self) -> None:
        self.ids: set[int] = set()


_uncommitted = _Uncommitted()


def current(project: Project) -> ProjectConfig:
    """The configuration that new assignments get. The project has been loaded once."""
    assert project.revision_id is not None
    return config_of(project.revision_id)


def config_of(revision_id: int) -> ProjectConfig:
    """The configuration of a revision. Cached: revisions never change. Raises Revision.DoesNotExist."""
    return _read(revision_id) if revision_id in _uncommitted.ids else _cached(revision_id)


def _read(revision_id: int) -> ProjectConfig:
    return ProjectConfig.from_stored(Revision.objects.values_list("config", flat=True).get(pk=revision_id))


_cached = lru_cache(maxsize=CACHED)(_read)


@transaction.atomic
def set_config(project: Project, config: ProjectConfig, user: User | None) -> Revision:
    """Make ``config`` the current revision of ``project``; nothing happens if it already is.

    A scheme whose meaning changed gets a new version; answers keep the one they were given under. ``user`` None is the
    command line. ``project`` is updated in place.
    """
    locked = lock_project(project.pk)
    stored = config.stored()
    before, key = locked.revision, digest(stored)
    if before is not None and before.digest == key:
        return before
    revision = Revision.objects.create(
        project=locked, number=before.number + 1 if before else 1, config=stored, digest=key, made_by=user
    )
    _uncommitted.ids.add(revision.pk)
    transaction.on_commit(lambda: _uncommitted.ids.discard(revision.pk))
    for scheme in config.annotation_schemes:
        scheme_version(project, scheme)
    project.revision, project.name = revision, config.project_name
    project.save(update_fields=["revision", "name"])
    _audit(project, before, revision, user)
    project.seq = bump(project.pk)
    return revision


def scheme_version(project: Project, scheme: Scheme) -> SchemeVersion:
    """The row of this scheme's meaning, made if the project never had it."""
    meaning, key = scheme.meaning(), meaning_key(scheme)
    versions = SchemeVersion.objects.filter(project=project, name=scheme.name)
    found = versions.filter(digest=key).first()
    if found is not None:
        return found
    newest = versions.order_by("-version").values_list("version", flat=True).first()
    return SchemeVersion.objects.create(
        project=project,
        name=scheme.name,
        version=(newest or 0) + 1,
        type=scheme.annotation_type,
        scope=scheme.scope,
        unit=scheme.unit,
        meaning=meaning,
        digest=key,
    )


def meaning_key(scheme: Scheme) -> str:
    """What ``SchemeVersion.digest`` is of the present meaning of a scheme."""
    return digest(scheme.meaning(), scheme.unit)


def _audit(project: Project, before: Revision | None, after: Revision, user: User | None) -> None:
    """What changed, by key. The first revision is not repeated: it is the revision."""
    changes: dict[str, Any] = {}
    if before is not None:
        changes = differing(unpaired(before.config), unpaired(after.config))
    AuditEntry.objects.create(
        user=user,
        project=project,
        action="config.change" if before else "config.load",
        object=f"{project.slug} r{after.number}",
        before={path: pair[0] for path, pair in changes.items()},
        after={path: pair[1] for path, pair in changes.items()},
    )
