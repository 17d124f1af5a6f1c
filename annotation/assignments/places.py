"""The places of labels: an item has as many as it shall have labels (``Slot``), each for one assignment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple

from django.db.models import Count, Q

from annotation.models import Assignment, Item, Project, Slot
from annotation.models.querysets import AssignmentQuerySet
from annotation.projects.config import ProjectConfig
from annotation.projects.counter import bump_for
from annotation.projects.revisions import current

AT_ONCE = 500


def needs_place(assignment: Assignment) -> bool:
    """Whether it is one of the labels that its item shall have. A check of a person's work is none."""
    return assignment.purpose == Assignment.Purpose.PRODUCTION


def has_place(assignment: Assignment) -> bool:
    """Whether it can be taken up again without being surplus."""
    return not needs_place(assignment) or free_slot(assignment) is not None


def free_slot(assignment: Assignment) -> Slot | None:
    """A free slot of the assignment's item, locked until the end of the transaction."""
    return (
        Slot.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(item=assignment.item_id, assignment=None)
        .order_by("number")
        .first()
    )


def too_many(config: ProjectConfig) -> Q:
    """The planned places beyond those that the items shall have by now."""
    last = config.quality_control.places
    beyond = Q(number__gt=last(True)) | Q(number__gt=last(False), item__in_overlap=False)
    return beyond & Q(purpose=Slot.Purpose.PLANNED)


def close_up(project: Project, items: Collection[int]) -> None:
    """Where items have more places than they shall have by now: the free ones among the last go, and a label in one of
    them moves into a free place before it, which nobody else is given then. What somebody else is just changing stays.

    Runs in the caller's transaction.
    """
    last = Slot.objects.filter(too_many(current(project)), item__in=items)
    if not last.exists():
        return
    labels = Assignment.objects.select_for_update(skip_locked=True, of=("self",)).filter(slot__in=last)
    held = {None, *labels.order_by("pk").values_list("pk", flat=True)}
    there = Slot.objects.select_for_update(skip_locked=True, of=("self",))
    there = there.filter(item__in=items, purpose=Slot.Purpose.PLANNED)
    free: dict[int, list[Slot]] = defaultdict(list)
    for slot in there.filter(assignment=None).exclude(pk__in=last.values("pk")).order_by("item", "number"):
        free[slot.item_id].append(slot)
    for slot in there.filter(pk__in=last.values("pk")).order_by("item", "-number"):
        if slot.assignment_id not in held or (slot.assignment_id and not free[slot.item_id]):
            continue
        slot.delete()
        if slot.assignment_id:
            Slot.objects.filter(pk=free[slot.item_id].pop(0).pk).update(assignment=slot.assignment_id)


def take_slot(assignment: Assignment) -> bool:
    """Put the assignment into a free slot of its item, if it needs one. False when there is none: the work is then
    surplus."""
    if not needs_place(assignment):
        return True
    slot = free_slot(assignment)
    return slot is not None and bool(Slot.objects.filter(pk=slot.pk, assignment=None).update(assignment=assignment))


def claim(assignment: Assignment) -> bool:
    """Before a submission: a label without a place takes one that is free. False: it is surplus.

    Whether a label that is left out is surplus shows when it counts again (``take_places_again``).
    """
    if not needs_place(assignment) or Slot.objects.filter(assignment=assignment).exists():
        return True
    if _is_left_out(assignment):
        # Unless their people are being taken in again at this moment.
        _after_planning(assignment.project_id)
        if _is_left_out(assignment):
            return True
    if take_slot(assignment):
        return True
    _after_planning(assignment.project_id)
    return take_slot(assignment) or not _complete(assignment.project, [assignment.item_id])


def _is_left_out(assignment: Assignment) -> bool:
    return Assignment.objects.left_out().filter(pk=assignment.pk).exists()


def _after_planning(project_id: int) -> None:
    """Wait for whoever is just planning places (``fill``), or taking people in again: they see no label that is on its
    way, and it would stay without one of theirs. Who does so later sees it."""
    Project.objects.select_for_update(no_key=True).only("pk").get(pk=project_id)


def take_places_again(project: Project, annotator_id: int) -> int:
    """Labels that gave up their places while they were left out take places that are free on their items. Returns how
    many are surplus now, as others have all the places.

    Runs in the caller's transaction, which has locked the person's membership.
    """
    of_person = Assignment.objects.filter(project=project, annotator=annotator_id)
    labels = _without_place(of_person)
    # Assignments are locked before the project, here as by a submission.
    list(labels.select_for_update(of=("self",)))
    _after_planning(project.pk)
    # Among them by now: what was submitted meanwhile. What still is on its way takes a place itself (``claim``).
    found = list(labels.select_for_update(skip_locked=True, of=("self",)))
    return len(_settle(project, found).surplus)


def fill(project: Project, items: Collection[int]) -> set[int]:
    """Labels that count and have no place take those that were just planned for their items, before anybody is given
    one: they were made, or counted again, while the item was handed out to nobody and had none. What finds all places
    filled is surplus. Returns the items of which something was settled.

    Runs in the caller's transaction, which has locked the project's row. So it waits for nobody: a label that is being
    changed at this moment takes a place itself, when this is over (``_after_planning``).
    """
    labels = _without_place(Assignment.objects.counting().filter(item__in=items))
    taken, surplus = _settle(project, list(labels.select_for_update(skip_locked=True, of=("self",))))
    settled = {label.item_id for label in taken + surplus}
    if settled:
        bump_for(project.pk, Item.objects.filter(pk__in=settled))
    return settled


class _Settled(NamedTuple):
    taken: list[Assignment]
    surplus: list[Assignment]


def _without_place(labels: AssignmentQuerySet) -> AssignmentQuerySet:
    """Those of them that were delivered as one of the labels of their item, and fill no place of it."""
    needing = labels.delivered().filter(purpose=Assignment.Purpose.PRODUCTION, is_surplus=False, slot__isnull=True)
    return needing.order_by("pk")


def _settle(project: Project, labels: Sequence[Assignment]) -> _Settled:
    """Put locked labels without a place into what is free of their items, the first one first. Those of complete items
    become surplus, the others stay without."""
    settled = _Settled([], [])
    for start in range(0, len(labels), AT_ONCE):
        some = labels[start : start + AT_ONCE]
        # Looked at under the lock: who held it before may have given one of them a place.
        placed = set(Slot.objects.filter(assignment__in=some).values_list("assignment", flat=True))
        waiting: dict[int, list[Assignment]] = defaultdict(list)
        for label in some:
            if label.pk not in placed:
                waiting[label.item_id].append(label)
        settled.taken.extend(_take_free(waiting))
        complete = _complete(project, [item for item, left in waiting.items() if left])
        settled.surplus.extend(label for item in complete for label in waiting[item])
    for start in range(0, len(settled.surplus), AT_ONCE):
        some = settled.surplus[start : start + AT_ONCE]
        Assignment.objects.filter(pk__in=[label.pk for label in some]).update(is_surplus=True)
    return settled


def _complete(project: Project, items: Collection[int]) -> set[int]:
    """Those of the items that have all the places they shall have. Of a withdrawn item, or one of the calibration set,
    the free ones are gone: that its labels have no place says nothing of them."""
    planned = Count("slots", filter=Q(slots__purpose=Slot.Purpose.PLANNED))
    rows = Item.objects.filter(pk__in=items).annotate(n_planned=planned)
    wanted = current(project).quality_control.places
    return {pk for pk, overlaps, n in rows.values_list("pk", "in_overlap", "n_planned") if n >= wanted(overlaps)}


def _take_free(waiting: dict[int, list[Assignment]]) -> list[Assignment]:
    """Move labels from those that wait, by item, into free slots of their items. Returns those that have one now."""
    free = Slot.objects.select_for_update(skip_locked=True, of=("self",)).filter(item__in=waiting, assignment=None)
    filled = []
    for slot in free.order_by("item", "number"):
        if waiting[slot.item_id]:
            slot.assignment = waiting[slot.item_id].pop(0)
            filled.append(slot)
    Slot.objects.bulk_update(filled, ["assignment"])
    return [slot.assignment for slot in filled if slot.assignment is not None]
