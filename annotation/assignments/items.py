"""Items and slots from a dataset: one item per trace, or per pair, as many slots as it shall have annotators."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, Max, OuterRef, Q
from django.db.models.functions import Length

from annotation.assignments import overlap, pairing, places, queue, tie_breakers
from annotation.assignments.fresh import fresh_traces
from annotation.assignments.stepless import asks_of_steps_only
from annotation.models import Assignment, Gold, Item, Project, Slot
from annotation.models.querysets import withdrawn
from annotation.projects.config import ProjectConfig
from annotation.projects.counter import bump
from annotation.projects.revisions import config_of
from potato_site import planner
from traces.models import Trace

BATCH = 2000
FEW = 200


def sync_items(project: Project, *, check: Callable[[], None] = lambda: None) -> int:
    """Make items for the dataset's new traces, move unopened items to changed versions, and plan the slots.

    Many short transactions, so that nobody's save waits long: an item without slots is simply not handed out yet, and
    a call that was cut off is completed by the next. Safe to call again at any time. ``check`` is called between them.
    Returns the number of new items.
    """
    assert project.revision_id is not None
    config = config_of(project.revision_id)
    made, fewest = 0, 1 if asks_of_steps_only(config) else 0
    if config.labels_traces:
        made += sum(len(batch) for batch in _one_after_the_other(partial(_make_items, project, fewest), check))
    for pairs in pairing.make_missing(project, config, check):
        with _alone(project):
            made += len(pairing.save(project, pairs))
    quality, kinds = config.quality_control, config.kinds
    check()
    with _alone(project):
        for kind in kinds:
            overlap.choose(project, quality.overlap_share, kind)
        _drop_slots(project, config)
    _close_up(project, config, check)
    _put_in_order(project, config.hand_out.order, check)
    for number in range(1, quality.overlap_depth + 1):
        for _ in _one_after_the_other(partial(_make_slots, project, number, config.hand_out.order, kinds), check):
            pass
    check()
    tied, settled = tie_breakers.due(project, config, check)
    for batch in _batches(iter(settled)):
        with _alone(project):
            tie_breakers.give_up(batch)
        check()
    for item in tied:
        with _alone(project):
            tie_breakers.settle(item)
        check()
    # Last: those who are opening one of these items wait from here on.
    with _alone(project):
        _move_unopened(project)
    if made >= planner.MANY:
        planner.look_again([Item, Slot])
    return made


@contextmanager
def _alone(project: Project) -> Iterator[None]:
    """A transaction in which nobody else plans this project."""
    with transaction.atomic():
        # No key: opening an item refers to the project and must not wait for this.
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        yield


def _one_after_the_other(make: Callable[..., list[int]], check: Callable[[], None]) -> Iterator[list[int]]:
    """Batches, each behind the last one's end, until one is not full: it was the last."""
    behind, is_full = -1, True
    while is_full:
        check()
        batch = make(behind=behind)
        yield batch
        is_full = len(batch) == BATCH
        behind = batch[-1] if batch else behind


def _make_items(project: Project, fewest: int, *, behind: int) -> list[int]:
    """One batch of items, at the end of the list, for traces behind this id that have at least ``fewest`` steps.
    Returns the traces' ids."""
    # Documents are imported in file order, so trace ids are too.
    fresh = fresh_traces(project).filter(pk__gt=behind, current__n_steps__gte=fewest).order_by("pk")
    rows = fresh.values_list("pk", "current", "current__agent", "current__n_steps", "current__outcome")
    with _alone(project):
        batch = list(rows[:BATCH])
        last = Item.objects.filter(project=project).aggregate(position=Max("position"))["position"]
        Item.objects.bulk_create(
            Item(
                project=project,
                trace_a_id=trace,
                a_id=version,
                position=place,
                stratum=overlap.stratum(agent, n_steps, outcome),
            )
            for place, (trace, version, agent, n_steps, outcome) in enumerate(batch, 0 if last is None else last + 1)
        )
        if batch:
            # What is left to label is part of an export's manifest.
            project.seq = bump(project.pk)
    return [trace for trace, *_ in batch]


def _move_unopened(project: Project) -> None:
    """Items nobody has opened follow their trace to its newest version; the others stay where they were labeled.

    A known answer is an answer to a version, too.
    """
    opened = Assignment.objects.filter(item=OuterRef("pk"))
    known = Gold.objects.filter(item=OuterRef("pk"))
    newest = {side: Trace.objects.filter(pk=OuterRef(f"trace_{side}")).values("current")[:1] for side in ("a", "b")}
    unopened = Item.objects.filter(project=project).filter(~Exists(opened), ~Exists(known))
    is_stale = ~Q(a=F("trace_a__current")) | (Q(kind=Item.Kind.PAIR) & ~Q(b=F("trace_b__current")))
    stale = unopened.filter(is_stale).order_by("pk").values_list("pk", flat=True)
    for batch in _batches(iter(list(stale))):
        # Waits for everybody who is just opening one of them; the update then looks again at what is opened.
        list(Item.objects.select_for_update().filter(pk__in=batch).order_by("pk").values_list("pk"))
        unopened.filter(pk__in=batch).update(**newest)


def _make_slots(project: Project, number: int, order: str, kinds: list[str], *, behind: int) -> list[int]:
    """One batch of the slots of this number that are missing, behind this position, filled with labels that have none.
    Returns the positions."""
    have = Slot.objects.filter(item=OuterRef("pk"), number=number)
    items = Item.objects.filter(project=project, position__gt=behind).filter(~Exists(have))
    items = items.present().filter(kind__in=kinds, in_calibration=False)
    if number > 1:
        items = items.filter(in_overlap=True)
    with _alone(project):
        batch = list(items.order_by("position")[:BATCH])
        Slot.objects.bulk_create(
            Slot(
                item=item, project=project, number=number, queue_key=queue.queue_key(order, project.slug, item, number)
            )
            for item in batch
        )
        places.fill(project, [item.pk for item in batch])
    return [item.position for item in batch]


def _drop_slots(project: Project, config: ProjectConfig) -> None:
    """Delete the free slots that are too many, and those of items of other kinds."""
    free = Slot.objects.filter(project=project, assignment=None)
    # Places of tie-breakers come and go with the ties (tie_breakers), but for those of what is no longer handed out.
    surplus = (
        places.too_many(config) | withdrawn("item__") | Q(item__in_calibration=True) | ~Q(item__kind__in=config.kinds)
    )
    # One that somebody is just taking stays: a DELETE with a join would remove it under their hands.
    locked = free.filter(surplus).only("pk").select_for_update(skip_locked=True, of=("self",))
    for batch in _batches(iter([slot.pk for slot in locked])):
        Slot.objects.filter(pk__in=batch).delete()


def _close_up(project: Project, config: ProjectConfig, check: Callable[[], None]) -> None:
    """Labels in places that are too many move into free ones of their items."""
    taken = Slot.objects.filter(places.too_many(config), project=project).values("item")
    free = Slot.objects.filter(project=project, assignment=None, purpose=Slot.Purpose.PLANNED, item__in=taken)
    # Few at a time: who submits meanwhile waits for the project.
    for batch in _batches(iter(list(free.order_by("item").values_list("item", flat=True).distinct())), FEW):
        check()
        with _alone(project):
            places.close_up(project, batch)


def _put_in_order(project: Project, order: str, check: Callable[[], None]) -> None:
    """Free slots that stand in the queue by another order are put into this one."""
    free = Slot.objects.filter(project=project, assignment=None)
    others = free.annotate(length=Length("queue_key")).exclude(length__in=queue.lengths(order))
    # Few at a time: who asks for an item meanwhile skips them.
    for batch in _batches(iter(list(others.order_by("pk").values_list("pk", flat=True))), FEW):
        check()
        with _alone(project):
            slots = list(
                free.filter(pk__in=batch).select_related("item").select_for_update(skip_locked=True, of=("self",))
            )
            for slot in slots:
                slot.queue_key = queue.queue_key(order, project.slug, slot.item, slot.number)
            Slot.objects.bulk_update(slots, ["queue_key"])


def _batches(rows: Iterator[Any], size: int = BATCH) -> Iterator[list[Any]]:
    while batch := list(islice(rows, size)):
        yield batch
