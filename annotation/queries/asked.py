"""The questions of a project, as each revision asked them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from annotation.models import Project, Submission
from annotation.projects.revisions import config_of
from annotation.queries.shapes import LabelMeaning, Question
from annotation.queries.snapshot import SNAPSHOT
from annotation.schemes.base import Scheme
from annotation.schemes.scoped import ANY_TOOL, OfSteps
from traces.document import step_types


def questions(project: Project, *, using: str = SNAPSHOT) -> list[Question]:
    """The project's questions in their order, then those only older submissions answered.

    A question counts as having gaps when any revision that was answered allows them.
    """
    used = Submission.objects.using(using).filter(project=project, is_current=True)
    revisions = list(used.values_list("revision_id", flat=True).distinct().order_by("-revision_id"))
    found: dict[str, Question] = {}
    gaps: set[str] = set()
    for pk in dict.fromkeys([project.revision_id, *revisions]):
        for question in questions_of(pk).values() if pk else ():
            found.setdefault(question.name, question)
            gaps |= {question.name} if question.has_gaps and pk in revisions else set()
    return [Question(**{**vars(question), "has_gaps": question.name in gaps}) for question in found.values()]


class _Revision(NamedTuple):
    schemes: dict[str, Scheme]
    questions: dict[str, Question]


class Asked(dict[int, _Revision]):
    """Revision id → what it asks, looked up once per read."""

    def __missing__(self, revision_id: int) -> _Revision:
        found = self[revision_id] = _Revision(
            {scheme.name: scheme for scheme in _schemes_of(revision_id)}, questions_of(revision_id)
        )
        return found


def _schemes_of(revision_id: int) -> Iterable[Scheme]:
    return config_of(revision_id).annotation_schemes


def questions_of(revision_id: int) -> dict[str, Question]:
    return {scheme.name: _question(scheme) for scheme in _schemes_of(revision_id)}


def _question(scheme: Scheme) -> Question:
    # It may name a type whose display is gone.
    types = step_types() | frozenset(scheme.step_types if isinstance(scheme, OfSteps) else ()) - {ANY_TOOL}
    asked = frozenset(filter(scheme.asks, types))
    return Question(
        name=scheme.name,
        type=scheme.annotation_type,
        scope=scheme.scope,
        mode=scheme.asked_as,
        merge=scheme.merge,
        has_gaps=scheme.has_gaps,
        labels=tuple(LabelMeaning(one.value, one.text, one.description, one.reward) for one in scheme.meanings()),
        step_types=frozenset() if asked == types else asked,
    )
