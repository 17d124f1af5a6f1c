"""Rendering what will be opened next, so that nobody waits for highlighting."""

from __future__ import annotations

from typing import Literal

from annotation.assignments import calibration
from annotation.models import Membership, Project, Slot
from annotation.projects.revisions import config_of
from traces.chunks import enqueue_changes, enqueue_render

AHEAD = 20
Prefix = Literal["", "a-", "b-"]


def request(project: Project) -> int:
    """Queue the rendering of the next items of every active annotator. Returns how many jobs were asked for."""
    assert project.revision_id is not None
    config, asked = config_of(project.revision_id), 0
    shows_changes = any(scheme.shows_changes for scheme in config.annotation_schemes)
    for prefix, versions in _next_versions(project).items():
        options = config.render_options(prefix)
        asked += enqueue_render(versions, options)
        if shows_changes or prefix:
            asked += enqueue_changes(versions, options)
    return asked


def _next_versions(project: Project) -> dict[Prefix, set[int]]:
    """Trace versions of the calibration set, and behind the next free slots after each annotator's place in the queue,
    by what their ids begin with (of a pair both sides have one).
    """
    people = Membership.objects.filter(project=project, role=Membership.Role.ANNOTATOR, state=Membership.State.ACTIVE)
    shown = set(calibration.items_of(project).values_list("a", "b"))
    for cursor, group in set(people.order_by("-pk").values_list("cursor", "group")[:100]) | {("", "")}:
        free = Slot.objects.filter(project=project, assignment=None, queue_key__gt=cursor)
        free = free.filter(item__group__in=["", group]).order_by("queue_key", "id")
        shown |= set(free.values_list("item__a", "item__b")[:AHEAD])
    versions: dict[Prefix, set[int]] = {"": set(), "a-": set(), "b-": set()}
    for a, b in shown:
        versions["" if b is None else "a-"].add(a)
        if b is not None:
            versions["b-"].add(b)
    return versions
