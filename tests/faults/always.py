"""What holds in a project whatever people did to it, in whatever order."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from django.db import transaction
from django.urls import reverse

from annotation.answers.ops import event_digest
from annotation.assignments import screening, shares
from annotation.assignments.handout import hand_out
from annotation.assignments.states import HOLDS_SLOT
from annotation.models import Answer, AnswerEvent, Assignment, Item, Membership, Recruit, Slot, Submission
from annotation.models.querysets import BEFOREHAND, DELIVERED
from annotation.projects.revisions import current
from annotation.quality import statistics
from annotation.quality.status import status
from tests.exports.increments import brought_up_to_date, read
from tests.faults.stage import Stage

EXPORTS = {"annotations": "trace_id", "prm": "trace_id", "csv": "trace_id", "preference_pairs": ""}


def answers_are_what_was_done(stage: Stage) -> None:
    """The chain of operations is whole, and gives the answers there are. A label is submitted once, or not at all."""
    for one in Assignment.objects.filter(project=stage.project):
        head, found = "", defaultdict[str, dict[str, Any]](dict)
        events = list(AnswerEvent.objects.filter(assignment=one).order_by("version"))
        for number, event in enumerate(events, 1):
            assert event.version == number
            head = event_digest(head, number, event.op_id, event.tab, event.scheme, event.changes)
            found[event.scheme].update(event.changes)
        assert (one.version, one.head) == (len(events), head)
        kept = dict(Answer.objects.filter(assignment=one).values_list("scheme", "value"))
        replayed = {name: {k: v for k, v in value.items() if v is not None} for name, value in found.items()}
        assert {k: v for k, v in kept.items() if v} == {k: v for k, v in replayed.items() if v}, one
        n_current = Submission.objects.filter(assignment=one, is_current=True).count()
        assert n_current == (one.state in DELIVERED), one
        in_hand = (Assignment.State.RESERVED, Assignment.State.OPEN, Assignment.State.REOPENED)
        assert (one.lease_until is not None) == (one.state in in_hand), one
    newest = Submission.objects.filter(project=stage.project).order_by("-seq").first()
    assert newest is None or newest.seq <= stage.fresh().seq


def places_are_well_filled(stage: Stage) -> None:
    """A place holds a label of its item, and none is free beside a label that counts and has none."""
    free = set()
    for slot in Slot.objects.filter(project=stage.project).select_related("assignment"):
        if slot.assignment is None:
            free.add(slot.item_id)
            continue
        assert slot.assignment.item_id == slot.item_id
        assert slot.assignment.state in HOLDS_SLOT
        assert slot.assignment.purpose == Assignment.Purpose.PRODUCTION
    labels = Assignment.objects.counting().delivered().filter(project=stage.project, slot=None, is_surplus=False)
    labels = labels.filter(purpose=Assignment.Purpose.PRODUCTION, item__in_calibration=False)
    lonely = labels.filter(item__in=Item.objects.present()).values_list("item", flat=True)
    assert not free.intersection(lonely)


def items_have_their_places(stage: Stage) -> None:
    """Once planning is done: as many as the project asks for, or as there are labels in them."""
    config = current(stage.fresh())
    for item in Item.objects.present().filter(project=stage.project, kind__in=config.kinds):
        planned = Slot.objects.filter(item=item, purpose=Slot.Purpose.PLANNED)
        wanted = 0 if item.in_calibration else config.quality_control.places(item.in_overlap)
        taken = planned.exclude(assignment=None).count()
        assert planned.count() == max(wanted, taken), (item, wanted, taken)


def who_could_work_gets_something(stage: Stage) -> None:
    for member in Membership.objects.filter(project=stage.fresh(), role="annotator", state="active"):
        if member.stage != Membership.Stage.PRODUCTION or member.is_excluded or member.caps:
            continue
        share = shares.standing_of(stage.project, member.user_id)
        if share is not None and share.refusal:
            continue
        with transaction.atomic():
            tries = screening.standing_of(member, stage.now)
            found = hand_out(stage.project, member.user, stage.now)
            if tries is not None and not tries.is_through:
                transaction.set_rollback(True)
                continue
            had = Assignment.objects.filter(annotator=member.user).values("item")
            free = Item.objects.with_free_places([stage.project.pk]).open_to(member.group).exclude(pk__in=had)
            assert found.assignment or not free.exists(), (member.user, found.reason)
            transaction.set_rollback(True)


def nobody_labels_before_they_passed(stage: Stage) -> None:
    """Who is to be screened, is at it, or failed gets nothing else; but for what they had in hand."""
    for member in stage.members().filter(state="active"):
        standing = screening.standing_of(member, stage.now)
        mine = Assignment.objects.filter(project=stage.project, annotator=member.user)
        if standing is None or standing.is_through or mine.filter(state=Assignment.State.OPEN).exists():
            continue
        with transaction.atomic():
            found = hand_out(stage.project, member.user, stage.now).assignment
            is_through = screening.standing_of(member, stage.now).is_through
            assert found is None or is_through or found.purpose in BEFOREHAND, (member.user, standing)
            transaction.set_rollback(True)


def shares_are_paid_once(stage: Stage) -> None:
    """Every item counts for one visit; a code is given for something, and nothing is in hand behind it. Whose share is
    done gets the code."""
    in_hand = (Assignment.State.RESERVED, Assignment.State.OPEN)
    for recruit in Recruit.objects.filter(project=stage.project).select_related("user"):
        mine = Assignment.objects.working().filter(project=stage.project, annotator=recruit.user)
        visits = list(recruit.visits.all())
        assert sum(visit.credited for visit in visits) <= mine.filter(state__in=shares.WORKED).count(), recruit
        if not any(visit.is_under_way for visit in visits):
            assert not mine.filter(state__in=in_hand).exists(), recruit
            continue
        standing = shares.standing_of(stage.project, recruit.user_id)
        with transaction.atomic():
            assert shares.settle(stage.project, recruit.user) or not standing.is_done, recruit
            transaction.set_rollback(True)


def numbers_agree(stage: Stage) -> None:
    """What is counted for the pages is what the command counts."""
    statistics.compute(stage.fresh())
    kept, items = statistics.finished([stage.project])[stage.project.pk], status(stage.project).items
    assert (kept["finished"], kept["total"]) == (items.finished, items.total)


def pages_are_shown(stage: Stage, client: Any) -> None:
    client.force_login(stage.boss)
    for name in ("overview", "quality", "people", "upload", "attempts", "calibration", "adjudicate", "exports"):
        assert client.get(reverse(f"manage-{name}", args=[stage.project.slug])).status_code == 200, name
    for one in Assignment.objects.filter(project=stage.project).select_related("annotator"):
        client.force_login(one.annotator)
        assert client.get(reverse("label", args=[one.public_id])).status_code in (200, 302, 404, 410), one


class Exported:
    """Exports that were made on the way: with what changed since, each is the full one of today."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.earlier: dict[str, tuple[list[dict[str, Any]], int]] = {}

    def goes_on(self, stage: Stage) -> None:
        for name, key in EXPORTS.items():
            options = {"min_margin": 0.0} if name == "preference_pairs" else {}
            whole, _, built = read(stage.project, self.folder / "whole", name, **options)
            if name in self.earlier:
                before, seq = self.earlier[name]
                rows, named, _ = read(stage.project, self.folder / "since", name, since_seq=seq, **options)
                now, today = brought_up_to_date(before, rows, named, key), brought_up_to_date([], whole, [], key)
                assert not set(now) ^ set(today), (name, seq, named, set(now) ^ set(today))
                assert now == today, name
            self.earlier[name] = whole, built.seq
