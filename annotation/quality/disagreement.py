"""The items on which annotators differ so far that somebody has to decide, and in words what they differ about.

Compared are the labels that exports count; of a question whose meaning changed, only answers to its present meaning.
An item is among them where exports call an answer tied (``annotation.queries.aggregate``), and where answers lie so far
apart that a majority does not settle it (``Scheme.contested``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from django.db.models import Count, QuerySet

from annotation.answers.context import OF_A_PAIR
from annotation.models import Item, Project, Submission
from annotation.projects.revisions import config_of, meaning_key
from annotation.quality.ratings import Stored
from annotation.queries import aggregate
from annotation.queries.asked import questions_of
from annotation.queries.counted import counted_submissions
from annotation.queries.shapes import Question
from annotation.schemes.base import Answers, ItemContext, Scheme, Told

CHUNK = 2000
STEPS_NAMED = 6
MAX_WORDS = 300


class Dispute(NamedTuple):
    """An item, how many answers to it count, and what they differ about."""

    item: int
    answers: int
    words: str


class Answered(NamedTuple):
    """One person's frozen answers, and the revision they were given under."""

    revision: int
    values: dict[str, Any]


class Present:
    """The questions of a project as they are asked now, and which of them earlier revisions asked in this meaning."""

    def __init__(self, revision_id: int) -> None:
        self.schemes = config_of(revision_id).annotation_schemes
        self.questions = questions_of(revision_id)
        self._meanings = {scheme.name: meaning_key(scheme) for scheme in self.schemes}
        self._same: dict[int, frozenset[str]] = {}

    def given(self, scheme: Scheme, several: Sequence[Answered]) -> list[Answers]:
        """The answers to a question as it is asked now."""
        return [
            one.values[scheme.name]
            for one in several
            if one.values.get(scheme.name) and scheme.name in self._asked_by(one.revision)
        ]

    def _asked_by(self, revision_id: int) -> frozenset[str]:
        if revision_id not in self._same:
            asked = config_of(revision_id).annotation_schemes
            same = (scheme.name for scheme in asked if self._meanings.get(scheme.name) == meaning_key(scheme))
            self._same[revision_id] = frozenset(same)
        return self._same[revision_id]


def disputes_of(project: Project, *, using: str, check: Callable[[], None] = lambda: None) -> list[Dispute]:
    """All of a project's, in item order. One pass over the answers of items that several people answered."""
    if project.revision_id is None:
        return []
    present = Present(project.revision_id)
    return [
        Dispute(item, len(several), words)
        for item, several, context in _answered(_counted(project, using), check)
        if (words := difference(several, context, present))
    ]


def tied_items(project: Project, *, using: str, check: Callable[[], None] = lambda: None) -> list[int]:
    """The items of a project whose answers exports call tied: of a question no answer was given most often."""
    if project.revision_id is None:
        return []
    present = Present(project.revision_id)
    answered = _answered(_counted(project, using), check)
    return [item for item, several, context in answered if _is_tied(several, context, present)]


def is_tied(item: Item) -> bool:
    """The same of one item, with all that is saved in this transaction."""
    if item.project.revision_id is None:
        return False
    present = Present(item.project.revision_id)
    of_item = _counted(item.project, "default").filter(assignment__item=item)
    return any(_is_tied(several, context, present) for _, several, context in _answered(of_item))


def n_answers(project: Project, item: Item) -> int:
    """How many answers to an item count."""
    return _counted(project, "default").filter(assignment__item=item).count()


def difference(several: Sequence[Answered], context: ItemContext, present: Present) -> str:
    """What has to be decided between these answers to one item, in words; empty when nothing has."""
    return _in_words(
        _contrast(scheme, given, context)
        for scheme, given in _several(several, present)
        if _needs_decision(scheme, present.questions[scheme.name], given, context)
    )


def differences(several: Sequence[Answered], context: ItemContext, present: Present) -> str | None:
    """Everything that these answers to one item differ about, in words, whatever most of them say; None where no
    question has two answers."""
    answered = list(_several(several, present))
    return _in_words(_contrast(scheme, given, context) for scheme, given in answered) if answered else None


def _several(several: Sequence[Answered], present: Present) -> Iterator[tuple[Scheme, list[Answers]]]:
    """The questions that more than one person answered, with the answers."""
    answered = ((scheme, present.given(scheme, several)) for scheme in present.schemes)
    return ((scheme, given) for scheme, given in answered if len(given) > 1)


def _in_words(parts: Iterable[str]) -> str:
    words = "; ".join(filter(None, parts))
    return words if len(words) <= MAX_WORDS else f"{words[:MAX_WORDS]}…"


def _is_tied(several: Sequence[Answered], context: ItemContext, present: Present) -> bool:
    return any(
        _has_no_majority(scheme, present.questions[scheme.name], given, context)
        for scheme, given in _several(several, present)
    )


def _needs_decision(scheme: Scheme, question: Question, given: Sequence[Answers], context: ItemContext) -> bool:
    return scheme.contested(given) or _has_no_majority(scheme, question, given, context)


def _has_no_majority(scheme: Scheme, question: Question, given: Sequence[Answers], context: ItemContext) -> bool:
    if question.merge == "first":
        return False
    values = [scheme.export(answers, context) for answers in given]
    return aggregate.one_of(question, values, question.mode).is_tie


def _contrast(scheme: Scheme, given: Sequence[Answers], context: ItemContext) -> str:
    """``First error: step 3 / step 9``, or the steps at which they differ; empty where they do not."""
    of_item = _differing([told for answers in given for told in scheme.told_of_item(answers, context)])
    if of_item:
        return "; ".join(_versus(scheme.title, part, said) for (part, _), said in of_item.items())
    of_steps = _differing([told for answers in given for told in scheme.told(answers, context)])
    steps = sorted(step for _, step in of_steps if step is not None)
    if not steps:
        return ""
    named = ", ".join(map(str, steps[:STEPS_NAMED]))
    more = f" and {len(steps) - STEPS_NAMED} more" if len(steps) > STEPS_NAMED else ""
    return f"{scheme.title}: step{'s' if len(steps) > 1 else ''} {named}{more}"


def _differing(told: Sequence[Told]) -> dict[tuple[str, int | None], list[Told]]:
    """The places (part, step) of which people said different things."""
    places: dict[tuple[str, int | None], list[Told]] = {}
    for one in told:
        if one.anchor is None and one.compare is not None:
            places.setdefault((one.part, one.step), []).append(one)
    return {place: said for place, said in places.items() if any(one.compare != said[0].compare for one in said)}


def _versus(title: str, part: str, said: Sequence[Told]) -> str:
    counts = Counter(one.text for one in said)
    texts = list(counts)
    heads = {text.partition(": ")[0] if ": " in text else "" for text in texts}
    head = part or title
    if len(heads) == 1 and "" not in heads:
        # Both are about the same: "First error: step 3", "First error: step 9".
        head = heads.pop()
    texts = [text.removeprefix(f"{head}: ") for text in texts]
    shown = [text if count == 1 else f"{text} ({count})" for text, count in zip(texts, counts.values(), strict=True)]
    return f"{head}{' ' if head.endswith('?') else ': '}{' / '.join(shown)}"


def _answered(
    counted: QuerySet[Submission], check: Callable[[], None] = lambda: None
) -> Iterator[tuple[int, list[Answered], ItemContext]]:
    """(item, its answers, what they are about) of the items among these submissions that have several of them."""
    for number, (item, rows) in enumerate(groupby(_rows(counted), key=itemgetter(0))):
        if number % CHUNK == 0:
            check()
        several = list(rows)
        if len(several) > 1:
            yield item, [Answered(*row[-2:]) for row in several], _context(several[0])


def _counted(project: Project, using: str) -> QuerySet[Submission]:
    return counted_submissions(project, using, kinds=Item.Kind.values)


def _rows(counted: QuerySet[Submission]) -> Iterator[tuple[Any, ...]]:
    several = counted.values("assignment__item").annotate(n=Count("pk")).filter(n__gt=1).order_by()
    rows = counted.filter(assignment__item__in=several.values("assignment__item")).values_list(
        "assignment__item_id", "assignment__item__kind", "assignment__item__a_id", "assignment__item__a__n_steps",
        "revision_id", "values",
    )  # fmt: skip
    order = ("assignment__item__position", "assignment__item_id", "submitted_at", "seq")
    yield from rows.order_by(*order).iterator(chunk_size=CHUNK)


def _context(row: tuple[Any, ...]) -> ItemContext:
    _, kind, version, n_steps, *_ = row
    return OF_A_PAIR if kind == Item.Kind.PAIR else Stored(version, n_steps)
