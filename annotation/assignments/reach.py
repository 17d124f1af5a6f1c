"""Labels that a project asks for and nobody at work can give: everybody had the items, or has reached their limit."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from django.db.models import Count, Max

from annotation.assignments import groups
from annotation.assignments.room import at_work, comes_from_outside, rooms
from annotation.models import Assignment, Project, Slot
from annotation.models.querysets import RESUMABLE, present
from annotation.projects.config import ProjectConfig
from annotation.projects.revisions import current


@dataclass(frozen=True)
class OutOfReach:
    """``labels`` that nobody at work can give, at least; ``is_limited``: some for the limits of people alone.

    Of the items that more people would have to label: ``for_all``: some are kept for no group, ``for_groups``: the
    groups of the others; ``is_overlap``: some would need fewer with less overlap.
    """

    labels: int = 0
    is_limited: bool = False
    at_work: int = 0
    for_all: bool = False
    for_groups: tuple[str, ...] = ()
    is_overlap: bool = False


def out_of_reach(project: Project, using: str = "default") -> OutOfReach:
    """From the free places, in a fixed number of queries. Those of a tie-breaker go to a reviewer instead, and those
    that are kept for a group in which nobody is at work are told of apart (``groups.for_nobody``)."""
    if comes_from_outside(current(project)):
        return OutOfReach()
    places = Slot.objects.using(using).filter(present("item__"), project=project, assignment=None)
    places = places.filter(purpose=Slot.Purpose.PLANNED).exclude(item__group__in=list(groups.for_nobody(project)))
    counted = places.order_by().values_list("item", "item__group").annotate(Count("pk"), Max("number"))
    wanted = {item: (group, number, last) for item, group, number, last in counted.iterator()}
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
    could = {item: (in_group[group] if group else len(people)) - had_of[item] for item, (group, *_) in wanted.items()}
    labels = sum(number for _, number, _ in wanted.values())
    by_items = sum(min(number, could[item]) for item, (_, number, _) in wanted.items())
    items = Counter(group for group, *_ in wanted.values())
    by_people = 0
    for user, room in people.items():
        left = items[""] + (items[room.group] if room.group else 0) - had_by[user]
        by_people += left if room.left is None else min(left, room.left)
    short = [(group, last) for item, (group, number, last) in wanted.items() if could[item] < number]
    of_groups = {group for group, _ in short}
    return OutOfReach(
        labels - min(by_items, by_people),
        by_people < by_items,
        len(people),
        for_all="" in of_groups,
        for_groups=tuple(sorted(of_groups - {""})),
        # Only free places behind the first go with the overlap.
        is_overlap=any(last > 1 for _, last in short),
    )


def told_of_depth(project: Project, config: ProjectConfig | None = None) -> str:
    """A sentence where an item shall have more labels than there are annotators at work (of ``config``, or the project
    as it is); "" elsewhere, and where people come by themselves. It tells of items without a label: others may have
    some of people who are at work no more."""
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
        f"Overlapping items need the labels of {depth} people, and {works} at work: what nobody has labeled yet is not "
        "finished before more people have joined, or the overlap is lower."
    )
