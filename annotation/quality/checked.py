"""How well people label the items whose answer is known.

Every submission about such an item counts, whether the item came to check the person or for its label; an adjudicator's
does not, nor the one that the known answer was taken from. Answers to what a question used to mean are not compared.
A submission's likeness is the mean of its questions' (``Scheme.likeness``), a person's that of their latest LATEST
submissions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from annotation.answers.context import OF_A_PAIR, context_of_version
from annotation.models import Assignment, Gold, Project, Submission
from annotation.models.querysets import DELIVERED
from annotation.projects.revisions import config_of, meaning_key
from annotation.schemes.base import Answers, Scheme

Meaning = tuple[str, str]  # a question's name, and the digest of what it means
Known = tuple[Meaning, Scheme, Answers, int | None]  # and whose assignment the answer was taken from

LATEST = 20
CHUNK = 500


@dataclass(frozen=True)
class Checked:
    """``submissions`` of a person that were compared, the latest ones only; ``likeness`` (0 to 1) is their mean."""

    submissions: int
    likeness: float


def checked_people(project: Project, *, using: str) -> dict[int, Checked]:
    """User id → how near their answers come to the known ones. Who has labeled no such item is not there."""
    known = _known(project, using)
    scores: dict[int, list[float]] = defaultdict(list)
    meanings: dict[int, set[Meaning]] = {}
    for assignment, annotator, revision, item, version, is_pair, values in _submissions(project, known, using):
        mine = scores[annotator]
        if len(mine) == LATEST:
            continue
        context = OF_A_PAIR if is_pair else context_of_version(version)
        if revision not in meanings:
            meanings[revision] = set(_meanings(revision))
        found = [
            scheme.likeness(values.get(scheme.name) or {}, answer, context)
            for meaning, scheme, answer, taken_from in known[item]
            if meaning in meanings[revision] and taken_from != assignment
        ]
        if likeness := [one for one in found if one is not None]:
            mine.append(sum(likeness) / len(likeness))
    return {annotator: Checked(len(mine), sum(mine) / len(mine)) for annotator, mine in scores.items() if mine}


def _known(project: Project, using: str) -> dict[int, list[Known]]:
    """Item → what is known of it, by question as it is asked now."""
    present = _meanings(project.revision_id) if project.revision_id else {}
    gold = Gold.objects.using(using).filter(item__project=project)
    found: dict[int, list[Known]] = defaultdict(list)
    rows = gold.values_list("item", "scheme__name", "scheme__digest", "value", "taken_from")
    for item, name, key, value, taken_from in rows:
        if scheme := present.get((name, key)):
            found[item].append(((name, key), scheme, value, taken_from))
    return found


def _meanings(revision_id: int) -> dict[Meaning, Scheme]:
    return {(scheme.name, meaning_key(scheme)): scheme for scheme in config_of(revision_id).annotation_schemes}


def _submissions(project: Project, known: dict[int, Any], using: str) -> Iterator[tuple[Any, ...]]:
    """(assignment, annotator, revision, item, version of its trace, whether it is a pair, values), the latest first."""
    if not known:
        return
    rows = Submission.objects.using(using).filter(
        project=project,
        is_current=True,
        assignment__state__in=DELIVERED,
        assignment__item__in=Gold.objects.using(using).filter(item__project=project).values("item"),
    )
    rows = rows.exclude(assignment__purpose=Assignment.Purpose.ADJUDICATION).order_by("-submitted_at", "-pk")
    columns = rows.values_list(
        "assignment", "assignment__annotator", "revision", "assignment__item", "assignment__item__a",
        "assignment__item__b", "values",
    )  # fmt: skip
    for assignment, annotator, revision, item, a, b, values in columns.iterator(chunk_size=CHUNK):
        if item in known:
            yield assignment, annotator, revision, item, a, b is not None, values
