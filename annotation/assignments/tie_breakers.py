"""Places for one more person where the answers to an overlapping item are tied.

When all places of an item are filled and no majority says the same it gets one more, and at most as many as the project
allows (``quality_control.tie_breakers``). One that nobody has taken goes again with the tie: an answer was changed or
invalidated, or a reviewer has decided. What the people asked in this way say counts like all other answers but for
agreement, which is measured on the planned ones: items on which people differ would be in it more often than they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from annotation.assignments.queue import queue_key
from annotation.assignments.room import comes_from_outside, with_room
from annotation.models import Assignment, Item, Project, Slot
from annotation.models.querysets import DELIVERED, RESUMABLE
from annotation.projects.config import ProjectConfig
from annotation.projects.revisions import config_of, current
from annotation.quality.disagreement import is_tied, tied_items

# Their numbers begin here: planned places keep the lower ones for themselves.
FIRST_NUMBER = 100


def settle(item_id: int) -> None:
    """Ask one more person about an item, or nobody any more.

    Called where an answer was given, changed or taken away. What may fill the last place runs while nobody else plans
    the project, which the change of its counter sees to: two at once would both find it filled.
    """
    item = Item.objects.select_related("project").get(pk=item_id)
    if not item.in_overlap or item.project.revision_id is None:
        return
    config = config_of(item.project.revision_id)
    is_wanted = bool(config.quality_control.tie_breakers) and _is_undecided(item) and is_tied(item)
    if not (is_wanted and _has_planned(item) and _could_take(item.project, [item.pk])):
        give_up([item.pk])
    elif _filled(item.project, config).filter(pk=item.pk).exists():
        _ask(item, config)


def due(
    project: Project, config: ProjectConfig, check: Callable[[], None] = lambda: None
) -> tuple[list[int], list[int]]:
    """(items to settle, items whose places are to be given up) because what the project asks for, or whose answers
    count, may have changed since their last submission."""
    most = config.quality_control.tie_breakers
    asked = Item.objects.filter(pk__in=_untaken().filter(project=project).values("item")).annotate(asked=_asked())
    waiting = dict(asked.values_list("pk", "asked"))
    short = set(_unanswered().filter(item__in=waiting).values_list("item", flat=True))
    filled = set(_filled(project, config).values_list("pk", flat=True)) if most else set()
    wanted: set[int] = set()
    if most and (waiting or filled):
        wanted.update(tied_items(project, using="default", check=check))
        wanted.difference_update(_decisions(project).values_list("item", flat=True))
    gone = [item for item, asked in waiting.items() if asked > most or item in short or item not in wanted]
    return sorted(filled & wanted), sorted(gone)


def give_up(items: list[int]) -> None:
    """Their places that nobody has taken go. One that somebody is just taking stays."""
    free = _untaken().filter(item__in=items).select_for_update(skip_locked=True, of=("self",))
    Slot.objects.filter(pk__in=[slot.pk for slot in free]).delete()


def waiting(project: Project, using: str = "default") -> set[int]:
    """The items that get one more answer, as far as one can tell: somebody is at it, or could be given it now. Where
    nobody could be, a reviewer has to decide."""
    places = Slot.objects.using(using).filter(project=project, purpose=Slot.Purpose.ADAPTIVE)
    places = places.exclude(assignment__state__in=DELIVERED)
    found = set(places.exclude(assignment=None).values_list("item", flat=True))
    if project.state == Project.State.OPEN:
        found |= _could_take(project, list(places.filter(assignment=None).values_list("item", flat=True)), using)
    return found


def _could_take(project: Project, items: list[int], using: str = "default") -> set[int]:
    """Those of the items that somebody could be given: one of the annotators, or who comes yet."""
    if comes_from_outside(current(project)):
        return set(items)
    people = with_room(project, using) if items else {}
    groups = dict(Item.objects.using(using).filter(pk__in=items).values_list("pk", "group"))
    in_group = Counter(people.values())
    had = Assignment.objects.using(using).filter(item__in=items, annotator__in=people).exclude(state__in=RESUMABLE)
    pairs = had.order_by().values_list("item", "annotator").distinct()
    counts = Counter(item for item, user in pairs if groups[item] in ("", people[user]))
    return {item for item, group in groups.items() if counts[item] < (in_group[group] if group else len(people))}


def _filled(project: Project, config: ProjectConfig) -> QuerySet[Item]:
    """The overlapping items with an answer in every place that may be given one place more."""
    slots = Slot.objects.filter(item=OuterRef("pk"))
    found = Item.objects.present().filter(project=project, kind__in=config.kinds, in_overlap=True, in_calibration=False)
    found = found.annotate(asked=_asked()).filter(asked__lt=config.quality_control.tie_breakers)
    return found.filter(Exists(slots), ~Exists(slots.exclude(assignment__state__in=DELIVERED)))


def _has_planned(item: Item) -> bool:
    """Whether it has the answers that it was to have anyway."""
    return not _unanswered().filter(item=item).exists()


def _unanswered() -> QuerySet[Slot]:
    """Planned places without an answer: theirs may be the one that makes a majority."""
    return Slot.objects.filter(purpose=Slot.Purpose.PLANNED).exclude(assignment__state__in=DELIVERED)


def _asked() -> Count:
    return Count("slots", filter=Q(slots__purpose=Slot.Purpose.ADAPTIVE))


def _is_undecided(item: Item) -> bool:
    return not _decisions(item.project).filter(item=item).exists()


def _decisions(project: Project) -> QuerySet[Assignment]:
    return Assignment.objects.deciding().delivered().counting().filter(project=project)


def _untaken() -> QuerySet[Slot]:
    return Slot.objects.filter(purpose=Slot.Purpose.ADAPTIVE, assignment=None)


def _ask(item: Item, config: ProjectConfig) -> None:
    there = set(Slot.objects.filter(item=item).values_list("number", flat=True))
    number = next(number for number in range(FIRST_NUMBER, FIRST_NUMBER + len(there) + 1) if number not in there)
    Slot.objects.create(
        item=item,
        project=item.project,
        number=number,
        purpose=Slot.Purpose.ADAPTIVE,
        queue_key=queue_key(config.hand_out.order, item.project.slug, item, number),
    )
