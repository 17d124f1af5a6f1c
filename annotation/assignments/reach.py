"""Labels that a project asks for and nobody at work can give: everybody had the items, or has reached their limit."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from django.db.models import Count

from annotation.assignments import groups
from annotation.assignments.room import at_work, comes_from_outside, rooms
from annotation.models import Assignment, Project, Slot
from annotation.models.querysets import RESUMABLE, present
from annotation.projects.config import ProjectConfig
from annotation.projects.revisions import current


@dataclass(frozen=True)
class OutOfReach:
    """``labels`` that nobody at work can give, at least; ``is_limited``: some for the limits of people alone."""

    labels: int = 0
    is_limited: bool = False
    at_work: int = 0


def out_of_reach(project: Project, using: str = "default") -> OutOfReach:
    """From the free places, in a fixed number of queries. Those of a tie-breaker go to a reviewer instead, and those
    that are kept for a group in which nobody is at work are told of apart (``groups.for_nobody``)."""
    if comes_from_outside(current(project)):
        return OutOfReach()
    places = Slot.objects.using(using).filter(present("item__"), project=project, assignment=None)
    places = places.filter(purpose=Slot.Purpose.PLANNED).exclude(item__group__in=list(groups.for_nobody(project)))
    counted = places.order_by().values_list("item", "item__group").annotate(Count("pk"))
    wanted = {item: (group, number) for item, group, number in counted.iterator()}
    if not wanted:
        return OutOfReach()
    people = rooms(project, using)
    had_by, had_of = Counter[int](), Counter[int]()
    had = Assignment.objects.using(using).filter(project=project, item__in=places.values("item"))
    for item, user in had.exclude(state__in=RESUMABLE).order_by().values_list("item", "annotator").iterator():
        if item in wanted and user in people and wanted[item][0] in ("", people[user].group):
            had_by[user] += 1
            had_of[item] += 1
    in_group = Counter(room.group for room in people.values())
    could = {item: (in_group[group] if group else len(people)) - had_of[item] for item, (group, _) in wanted.items()}
    labels = sum(number for _, number in wanted.values())
    by_items = sum(min(number, could[item]) for item, (_, number) in wanted.items())
    items = Counter(group for group, _ in wanted.values())
    by_people = 0
    for user, room in people.items():
        left = items[""] + (items[room.group] if room.group else 0) - had_by[user]
        by_people += left if room.left is None else min(left, room.left)
    return OutOfReach(labels - min(by_items, by_people), by_people < by_items, len(people))


def told_of_depth(project: Project, config: ProjectConfig | None = None) -> str:
    """A sentence where an item shall have more labels than there are annotators at work (of ``config``, or the project
    as it is); "" elsewhere, and where people come by themselves."""
    config = config or current(project)
    quality = config.quality_control
    if not quality.overlap_share or comes_from_outside(config):
        return ""
    return of_depth(quality.overlap_depth, at_work(project).count())


def of_depth(depth: int, people: int) -> str:
    """The same of numbers."""
    if depth <= people:
        return ""
    works = "1 annotator is" if people == 1 else f"{people or 'no'} annotators are"
    return (
        f"Overlapping items need the labels of {depth} people, and {works} at work: none is finished before more "
        "people have joined, or the overlap is lower."
    )
