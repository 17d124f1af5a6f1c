"""How far the calibration set of a project is labeled, where people differ on it, and how near they come to what is
known. Everything that was submitted of its items counts here, by whomever, for whatever it was made."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import mean

from annotation.answers.context import OF_A_PAIR, context_of_version
from annotation.models import Assignment, Item, Membership, Project, Submission
from annotation.models.querysets import DELIVERED
from annotation.quality.checked import KnownAnswers, Submitted, read_submissions
from annotation.quality.disagreement import Answered, Present, differences


@dataclass(frozen=True)
class TalkedOver:
    """An item of the set: how many have submitted it, and in words where they differ (empty: nowhere, so far)."""

    item: Item
    answers: int
    words: str
    is_known: bool


@dataclass(frozen=True)
class Calibrated:
    """An annotator: items of the set they have submitted, and how near (0 to 1) they come to what is known of these."""

    name: str
    done: int
    likeness: float | None


@dataclass(frozen=True)
class Calibration:
    items: list[TalkedOver]
    people: list[Calibrated]

    @property
    def n_through(self) -> int:
        """How many annotators have submitted the whole set."""
        return sum(person.done == len(self.items) for person in self.people)


def calibration_of(project: Project) -> Calibration:
    """Five queries, and what the set holds: it is small (``annotation.assignments.calibration.MOST``)."""
    items = Item.objects.present().filter(project=project, in_calibration=True).order_by("position")
    found = list(items.select_related("trace_a", "trace_b", "a"))
    if not found or project.revision_id is None:
        return Calibration([], [])
    made = Submission.objects.filter(
        assignment__item__in=[item.pk for item in found], assignment__state__in=DELIVERED, is_current=True
    )
    made = made.exclude(assignment__purpose=Assignment.Purpose.ADJUDICATION)
    by_item: dict[int, list[Submitted]] = defaultdict(list)
    for one in read_submissions(made.order_by("submitted_at", "seq")):
        by_item[one.item].append(one)
    known = KnownAnswers(project)
    present = Present(project.revision_id)
    return Calibration(
        [
            TalkedOver(item, len(by_item[item.pk]), _words(by_item[item.pk], present), item.pk in known)
            for item in found
        ],
        _people(project, by_item, known),
    )


def _words(several: list[Submitted], present: Present) -> str:
    if len(several) < 2:
        return ""
    context = OF_A_PAIR if several[0].is_pair else context_of_version(several[0].version)
    return differences([Answered(one.revision, one.values) for one in several], context, present)


def _people(project: Project, by_item: dict[int, list[Submitted]], known: KnownAnswers) -> list[Calibrated]:
    """The active annotators by name."""
    mine: dict[int, list[Submitted]] = defaultdict(list)
    for several in by_item.values():
        for one in several:
            mine[one.annotator].append(one)
    active = Membership.objects.filter(
        project=project, role=Membership.Role.ANNOTATOR, state=Membership.State.ACTIVE, user__is_active=True
    )
    names = active.order_by("user__username").values_list("user", "user__username")
    return [Calibrated(name, len(mine[pk]), _likeness(mine[pk], known)) for pk, name in names]


def _likeness(several: list[Submitted], known: KnownAnswers) -> float | None:
    found = [likeness for one in several if (likeness := known.likeness(one)) is not None]
    return mean(found) if found else None
