"""What a person is told of an item of the calibration set once they have submitted it: their answers beside the known
ones, and why those are right."""

from __future__ import annotations

from dataclasses import dataclass

from annotation.answers.context import asked_of, context_of
from annotation.answers.words import words_of
from annotation.models import Assignment, Submission
from annotation.models.querysets import DELIVERED
from annotation.projects.revisions import config_of
from annotation.quality.gold import known_answers


@dataclass(frozen=True)
class Feedback:
    """One question. ``is_same``: whether they say the same; None where that cannot be told."""

    title: str
    yours: list[str]
    known: list[str]
    rationale: str
    is_same: bool | None


def feedback_of(assignment: Assignment) -> list[Feedback]:
    """Empty for work that is no calibration or not submitted, and where nothing is known."""
    if not assignment.is_calibration or assignment.state not in DELIVERED:
        return []
    latest = Submission.objects.get(assignment=assignment, is_current=True)
    context, found = context_of(assignment.item_id), []
    for scheme, gold in known_answers(assignment.item_id, asked_of(config_of(latest.revision_id), assignment.item_id)):
        given = latest.values.get(scheme.name) or {}
        likeness = scheme.likeness(given, gold.value, context)
        yours, known = (words_of(scheme.told(answers, context)) for answers in (given, gold.value))
        is_same = None if likeness is None else likeness == 1
        found.append(Feedback(scheme.title, yours, known, gold.rationale, is_same))
    return found
