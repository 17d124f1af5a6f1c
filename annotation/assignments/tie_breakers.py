"""Places for one more person where the answers to an overlapping item are tied.

When all places of an item are filled and no majority says the same it gets one more, and at most as many as the project
allows (``quality_control.tie_breakers``). One that nobody has taken goes again with the tie: an answer was changed, or
a reviewer has decided. What the people asked in this way say counts like all other answers but for agreement, which is
measured on the planned ones: items on which people differ would be in it more often than they are.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet

from annotation.assignments import states
from annotation.assignments.queue import queue_key
from annotation.models import Assignment, Item, Membership, Project, Slot
from annotation.models.querysets import DELIVERED
from annotation.projects.config import ProjectConfig
from annotation.projects.revisions import config_of
from annotation.quality.disagreement import is_tied, tied_items


def settle(item_id: int) -> None:
    """Ask one more person about an item, or nobody any more.

    Where nobody else plans the project, which the change of its counter that a submission makes sees to: two at once
    would both find it settled.
    """
    item = Item.objects.select_related("project").get(pk=item_id)
    if not item.in_overlap or item.project.revision_id is None:
        return
    config = config_of(item.project.revision_id)
    if not (config.quality_control.tie_breakers and _is_undecided(item) and is_tied(item)):
        _give_up(item)
    elif _filled(item.project, config).filter(pk=item.pk).exists() and _is_anybody_left(item):
        _ask(item, config)


def due(project: Project, config: ProjectConfig, check: Callable[[], None] = lambda: None) -> list[int]:
    """The items to settle because what the project asks for may have changed since their last submission."""
    found = set(_untaken().filter(project=project).values_list("item", flat=True))
    if config.quality_control.tie_breakers:
        decided = _decisions(project).values("item")
        filled = set(_filled(project, config).exclude(pk__in=decided).values_list("pk", flat=True))
        found |= filled.intersection(tied_items(project, using="default", check=check)) if filled else set()
    return sorted(found)


def _filled(project: Project, config: ProjectConfig) -> QuerySet[Item]:
    """The overlapping items with an answer in every place that may be given one place more."""
    slots = Slot.objects.filter(item=OuterRef("pk"))
    asked = Count("slots", filter=Q(slots__purpose=Slot.Purpose.ADAPTIVE))
    found = Item.objects.present().filter(project=project, kind__in=config.kinds, in_overlap=True, in_calibration=False)
    found = found.annotate(asked=asked).filter(asked__lt=config.quality_control.tie_breakers)
    return found.filter(Exists(slots), ~Exists(slots.exclude(assignment__state__in=DELIVERED)))


def _is_anybody_left(item: Item) -> bool:
    """Whether an annotator of the project has not had the item; else it waits for a reviewer, and for nobody."""
    people = Membership.objects.filter(
        project=item.project,
        role=Membership.Role.ANNOTATOR,
        state=Membership.State.ACTIVE,
        stage=Membership.Stage.PRODUCTION,
        is_excluded=False,
    )
    had = Assignment.objects.filter(item=item, annotator=OuterRef("user")).exclude(state__in=states.RESUMABLE)
    return people.filter(~Exists(had)).exists()


def _is_undecided(item: Item) -> bool:
    return not _decisions(item.project).filter(item=item).exists()


def _decisions(project: Project) -> QuerySet[Assignment]:
    return Assignment.objects.deciding().delivered().counting().filter(project=project)


def _untaken() -> QuerySet[Slot]:
    return Slot.objects.filter(purpose=Slot.Purpose.ADAPTIVE, assignment=None)


def _ask(item: Item, config: ProjectConfig) -> None:
    number = Slot.objects.filter(item=item).aggregate(last=Max("number"))["last"] + 1
    Slot.objects.create(
        item=item,
        project=item.project,
        number=number,
        purpose=Slot.Purpose.ADAPTIVE,
        queue_key=queue_key(config.hand_out.order, item.project.slug, item, number),
    )


def _give_up(item: Item) -> None:
    # One that somebody is just taking stays.
    free = _untaken().filter(item=item).select_for_update(skip_locked=True, of=("self",))
    Slot.objects.filter(pk__in=[slot.pk for slot in free]).delete()
