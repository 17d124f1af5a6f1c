"""What a person is told of an item of the calibration set once they have submitted it: their answers beside the known
ones, and why those are right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from annotation.answers.context import asked_of, context_of
from annotation.answers.words import words_of
from annotation.models import Assignment, Submission
from annotation.models.querysets import DELIVERED
from annotation.projects.revisions import config_of
from annotation.quality.gold import known_answers
from annotation.schemes.base import Told


@dataclass(frozen=True)
class Feedback:
    """One question. ``is_same``: whether they say the same; None where that cannot be told."""

    title: str
    yours: list[str]
    known: list[str]
    rationale: str
    is_same: bool | None


def feedback_of(assignment: Assignment) -> list[Feedback]:
    """Empty for work that is no calibration or not submitted, for items that have left the set, and where nothing is
    known."""
    if not (assignment.is_calibration and assignment.state in DELIVERED and assignment.item.in_calibration):
        return []
    latest = Submission.objects.filter(assignment=assignment, is_current=True).first()
    if latest is None:
        return []
    context, found = context_of(assignment.item_id), []
    for scheme, gold in known_answers(assignment.item_id, asked_of(config_of(latest.revision_id), assignment.item_id)):
        given = latest.values.get(scheme.name) or {}
        yours, known = (scheme.told(answers, context) for answers in (given, gold.value))
        is_same = None if scheme.likeness(given, gold.value, context) is None else _compared(yours) == _compared(known)
        found.append(Feedback(scheme.title, words_of(yours), words_of(known), gold.rationale, is_same))
    return found


def _compared(told: list[Told]) -> dict[tuple[str, int | None], Any]:
    return {(one.part, one.step): one.compare for one in told if one.anchor is None and one.compare is not None}
