"""How well people label the items whose answer is known.

Every submission about such an item counts, whether the item came to check the person or for its label; an adjudicator's
does not, nor one of the calibration set, whose known answers people see, or of a screening, nor the one that the answer
was taken from. Answers to what a question used to mean, or of withdrawn items, are not compared.
A submission's likeness is the mean of its questions' (``Scheme.likeness``), a person's that of their latest LATEST
submissions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import mean
from typing import Any, NamedTuple

from django.db.models import QuerySet

from annotation.answers.context import OF_A_PAIR
from annotation.models import Gold, Project, Submission
from annotation.models.querysets import DELIVERED, NOT_WORK, present
from annotation.projects.revisions import config_of, meaning_key
from annotation.quality.ratings import Stored
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


class KnownAnswers:
    """What is known in a project, by item: answers to the questions as they are asked now."""

    def __init__(self, project: Project, *, using: str = "default") -> None:
        present = _meanings(project.revision_id) if project.revision_id else {}
        gold = Gold.objects.using(using).filter(item__project=project)
        self._by_item: dict[int, list[Known]] = defaultdict(list)
        self._meanings: dict[int, set[Meaning]] = {}
        rows = gold.values_list("item", "scheme__name", "scheme__digest", "value", "taken_from")
        for item, name, key, value, taken_from in rows:
            if scheme := present.get((name, key)):
                self._by_item[item].append(((name, key), scheme, value, taken_from))

    def __contains__(self, item: int) -> bool:
        return item in self._by_item

    def __bool__(self) -> bool:
        return bool(self._by_item)

    def likeness(self, submitted: Submitted) -> float | None:
        """How near a submission comes to what is known of its item; None where nothing can be compared."""
        context = OF_A_PAIR if submitted.is_pair else Stored(submitted.version, submitted.n_steps)
        if submitted.revision not in self._meanings:
            self._meanings[submitted.revision] = set(_meanings(submitted.revision))
        found = [
            scheme.likeness(submitted.values.get(scheme.name) or {}, answer, context)
            for meaning, scheme, answer, taken_from in self._by_item.get(submitted.item, ())
            if meaning in self._meanings[submitted.revision] and taken_from != submitted.assignment
        ]
        likeness = [one for one in found if one is not None]
        return mean(likeness) if likeness else None


class Submitted(NamedTuple):
    """A current submission; ``version``: of the item's (first) trace, which has ``n_steps``."""

    assignment: int
    annotator: int
    revision: int
    item: int
    version: int
    is_pair: bool
    values: dict[str, Any]
    n_steps: int


def checked_people(project: Project, *, using: str) -> dict[int, Checked]:
    """User id → how near their answers come to the known ones. Who has labeled no such item is not there."""
    known = KnownAnswers(project, using=using)
    scores: dict[int, list[float]] = defaultdict(list)
    for submitted in _submissions(project, known, using):
        mine = scores[submitted.annotator]
        if len(mine) < LATEST and (likeness := known.likeness(submitted)) is not None:
            mine.append(likeness)
    return {annotator: Checked(len(mine), mean(mine)) for annotator, mine in scores.items() if mine}


def _meanings(revision_id: int) -> dict[Meaning, Scheme]:
    return {(scheme.name, meaning_key(scheme)): scheme for scheme in config_of(revision_id).annotation_schemes}


def _submissions(project: Project, known: KnownAnswers, using: str) -> Iterator[Submitted]:
    """Of items that are not withdrawn and of which something is known, the latest first."""
    if not known:
        return iter(())
    rows = Submission.objects.using(using).filter(
        present("assignment__item__"),
        project=project,
        is_current=True,
        assignment__state__in=DELIVERED,
        assignment__item__in=Gold.objects.using(using).filter(item__project=project).values("item"),
    )
    rows = rows.exclude(assignment__purpose__in=NOT_WORK).order_by("-submitted_at", "-pk")
    return (one for one in read_submissions(rows) if one.item in known)


def read_submissions(rows: QuerySet[Submission]) -> Iterator[Submitted]:
    columns = rows.values_list(
        "assignment", "assignment__annotator", "revision", "assignment__item", "assignment__item__a",
        "assignment__item__b", "values", "assignment__item__a__n_steps",
    )  # fmt: skip
    for assignment, annotator, revision, item, a, b, values, n_steps in columns.iterator(chunk_size=CHUNK):
        yield Submitted(assignment, annotator, revision, item, a, b is not None, values, n_steps)
