"""The places of labels: an item has as many as it shall have labels (``Slot``), each for one assignment."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Count, Q

from annotation.models import Assignment, Item, Project, Slot
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
    if Assignment.objects.left_out().filter(pk=assignment.pk).exists():
        return True
    return take_slot(assignment) or not _complete(assignment.project, [assignment.item_id])


def take_places_again(project: Project, annotator_id: int) -> int:
    """Labels that gave up their places while they were left out take places that are free on their items. Returns how
    many are surplus now, as others have all the places.

    Runs in the caller's transaction, which has locked the person's membership.
    """
    delivered = Assignment.objects.delivered().filter(project=project, annotator=annotator_id)
    without = delivered.filter(purpose=Assignment.Purpose.PRODUCTION, is_surplus=False, slot__isnull=True)
    found = list(without.select_for_update(of=("self",)).order_by("pk"))
    surplus = 0
    for start in range(0, len(found), AT_ONCE):
        by_item = {assignment.item_id: assignment for assignment in found[start : start + AT_ONCE]}
        taken = _take_free(by_item)
        others = [by_item[item].pk for item in _complete(project, by_item.keys() - taken)]
        surplus += Assignment.objects.filter(pk__in=others).update(is_surplus=True)
    return surplus


def _complete(project: Project, items: Collection[int]) -> set[int]:
    """Those of the items that have all the places they shall have. Of a withdrawn item, or one of the calibration set,
    the free ones are gone: that its labels have no place says nothing of them."""
    planned = Count("slots", filter=Q(slots__purpose=Slot.Purpose.PLANNED))
    rows = Item.objects.filter(pk__in=items).annotate(n_planned=planned)
    wanted = current(project).quality_control.places
    return {pk for pk, overlaps, n in rows.values_list("pk", "in_overlap", "n_planned") if n >= wanted(overlaps)}


def _take_free(by_item: dict[int, Assignment]) -> set[int]:
    """Put one person's assignments into free slots of their items; the items that had one."""
    free = Slot.objects.select_for_update(skip_locked=True, of=("self",)).filter(item__in=by_item, assignment=None)
    chosen: dict[int, Slot] = {}
    for slot in free.order_by("item", "number"):
        slot.assignment = by_item[slot.item_id]
        chosen.setdefault(slot.item_id, slot)
    Slot.objects.bulk_update(chosen.values(), ["assignment"])
    return set(chosen)
