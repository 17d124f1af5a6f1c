"""How far the calibration set of a project is labeled, where people differ on it, and how near they come to what is
known.

What people said first counts: once they have submitted an item they may be told what is known, and change it. Labels
that were made of an item before it was chosen count as well, decisions and people who are left out do not.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import mean

from annotation.answers.context import OF_A_PAIR, context_of_version
from annotation.assignments import calibration
from annotation.models import Assignment, Item, Membership, Project, Submission
from annotation.models.querysets import DELIVERED
from annotation.quality.checked import KnownAnswers, Submitted, read_submissions
from annotation.quality.disagreement import Answered, Present, differences


@dataclass(frozen=True)
class TalkedOver:
    """An item of the set: how many have submitted it, and in words where they differ ("": nowhere; None: no question
    as it is asked now has two answers)."""

    item: Item
    answers: int
    words: str | None
    is_known: bool


@dataclass(frozen=True)
class Calibrated:
    """An annotator: items of the set they have submitted, and have still to label (what they skipped is neither), and
    how near (0 to 1) they come to what is known."""

    name: str
    done: int
    left: int
    likeness: float | None


@dataclass(frozen=True)
class Calibration:
    items: list[TalkedOver]
    people: list[Calibrated]

    @property
    def n_through(self) -> int:
        """How many annotators have nothing of the set left."""
        return sum(not person.left for person in self.people)


def calibration_of(project: Project) -> Calibration:
    """The set is small (``annotation.assignments.calibration.MOST``): a few queries, and the traces of what was
    answered."""
    items = list(calibration.items_of(project).select_related("trace_a", "trace_b", "a"))
    if not items or project.revision_id is None:
        return Calibration([], [])
    known, present = KnownAnswers(project), Present(project.revision_id)
    by_item: dict[int, list[Submitted]] = defaultdict(list)
    for one in _first_said(project, items):
        by_item[one.item].append(one)
    return Calibration(
        [
            TalkedOver(item, len(by_item[item.pk]), _words(by_item[item.pk], present), item.pk in known)
            for item in items
        ],
        _people(project, items, by_item, known),
    )


def _first_said(project: Project, items: list[Item]) -> list[Submitted]:
    excluded = Membership.objects.filter(project=project, is_excluded=True).values("user")
    made = Submission.objects.filter(assignment__item__in=items, assignment__state__in=DELIVERED, number=1)
    made = made.exclude(assignment__purpose=Assignment.Purpose.ADJUDICATION)
    made = made.exclude(assignment__annotator__in=excluded)
    return list(read_submissions(made.order_by("submitted_at", "seq")))


def _words(several: list[Submitted], present: Present) -> str | None:
    if len(several) < 2:
        return None
    context = OF_A_PAIR if several[0].is_pair else context_of_version(several[0].version)
    return differences([Answered(one.revision, one.values) for one in several], context, present)


def _people(
    project: Project, items: list[Item], by_item: dict[int, list[Submitted]], known: KnownAnswers
) -> list[Calibrated]:
    """The active annotators by name."""
    mine: dict[int, list[Submitted]] = defaultdict(list)
    for several in by_item.values():
        for one in several:
            mine[one.annotator].append(one)
    given: dict[int, int] = defaultdict(int)
    over = Assignment.objects.filter(~calibration.BEGUN, item__in=items)
    for annotator in over.values_list("annotator", flat=True):
        given[annotator] += 1
    active = Membership.objects.filter(
        project=project, role=Membership.Role.ANNOTATOR, state=Membership.State.ACTIVE, user__is_active=True
    ).exclude(is_excluded=True)
    names = active.order_by("user__username").values_list("user", "user__username")
    return [Calibrated(name, len(mine[pk]), len(items) - given[pk], _likeness(mine[pk], known)) for pk, name in names]


def _likeness(several: list[Submitted], known: KnownAnswers) -> float | None:
    found = [likeness for one in several if (likeness := known.likeness(one)) is not None]
    return mean(found) if found else None
