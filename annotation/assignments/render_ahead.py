"""Rendering what will be opened next, so that nobody waits for highlighting."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from django.utils import timezone

from annotation.assignments import calibration
from annotation.models import Assignment, Membership, Project, Slot
from annotation.projects.revisions import config_of
from traces.chunks import enqueue_changes, enqueue_render

AHEAD = 20
# Free slots read at once, and how often at most. The latest assignments that tell who is at work.
READ, LOOKS, AT_WORK = 200, 10, 200
RECENT = timedelta(hours=1)
Prefix = Literal["", "a-", "b-"]


def request(project: Project) -> int:
    """Queue the rendering of the next items of everybody at work. Returns how many jobs were asked for."""
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
    """Trace versions of the calibration set, and behind the next free slots at the beginning of the queue and after the
    place of everybody at work, by what their ids begin with (of a pair both sides have one).
    """
    shown = set(calibration.items_of(project).values_list("a", "b")) | _behind(project, _places(project))
    versions: dict[Prefix, set[int]] = {"": set(), "a-": set(), "b-": set()}
    for a, b in shown:
        versions["" if b is None else "a-"].add(a)
        if b is not None:
            versions["b-"].add(b)
    return versions


def _places(project: Project) -> set[tuple[str, str]]:
    """(group, cursor) of the annotators at work: they have an item open, or took one within the hour."""
    taken = Assignment.objects.filter(project=project)
    held = taken.filter(state=Assignment.State.OPEN).order_by("-pk")[:AT_WORK]
    at_work = set(held.values_list("annotator", flat=True))
    since = timezone.now() - RECENT
    latest = taken.order_by("-pk").values_list("annotator", "opened_at")[:AT_WORK]
    at_work |= {person for person, opened_at in latest if opened_at and opened_at > since}
    people = Membership.objects.filter(project=project, role=Membership.Role.ANNOTATOR, state=Membership.State.ACTIVE)
    return {("", ""), *people.filter(user__in=at_work).values_list("group", "cursor")}


def _behind(project: Project, places: set[tuple[str, str]]) -> set[tuple[int, int | None]]:
    """The versions of the next AHEAD free slots behind each place. People are mostly near each other: what is read
    behind one tells of many. Of those that are left out after LOOKS nothing is rendered ahead."""
    found: set[tuple[int, int | None]] = set()
    read: list[tuple[str, int, int | None]] = []
    of_group, looks = None, 0
    for group, cursor in sorted(places):
        rows = [row for row in read if row[0] > cursor]
        if group != of_group or (len(rows) < AHEAD and len(read) == READ):
            if looks == LOOKS:
                break
            free = Slot.objects.filter(project=project, assignment=None, queue_key__gt=cursor)
            free = free.filter(item__group__in=["", group]).order_by("queue_key", "id")
            rows = read = list(free.values_list("queue_key", "item__a", "item__b")[:READ])
            of_group, looks = group, looks + 1
        found |= {(a, b) for _, a, b in rows[:AHEAD]}
    return found
