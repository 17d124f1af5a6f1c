"""Who says the same again and again: one label down whole traces, or one first error trace after trace.

What is the same is no sign by itself: many traces are right all through. It is one where chance would hardly make it
so, as the *others* of the project label. What a scheme says is repeated is its ``habit``; a person is told apart from
the others by their own rate, so that a project of many flawless traces makes nobody conspicuous.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from math import exp, lgamma, log, log1p
from typing import Any

from annotation.models import Membership, Project, Submission
from annotation.models.querysets import DELIVERED, NOT_WORK
from annotation.projects.revisions import config_of, meaning_key
from annotation.schemes.base import Scheme

# A trace is long with so many labels, and labeled alike when a run of one label is more than this share of them.
LONG, ALIKE_SHARE = 12, 0.95
# So many traces in a row with the same first error, or none.
ROW = 8
# What chance makes more seldom than this.
RARE = 0.001
# Of how many labels, and answers, of the others their mix can be told.
ENOUGH_LABELS, ENOUGH_ANSWERS = 100, 20
# A person is conspicuous by no fewer traces than these.
ALIKE_TRACES = 3
CHUNK = 2000

Question = tuple[str, str]  # a question's name, and the digest of what it means
Run = tuple[str, int, int]  # a label, how often it stands in a row, and how many labels there are


@dataclass(frozen=True)
class Straight:
    """Of one question: ``alike`` of a person's ``long`` traces are labeled alike throughout, or ``said`` was the answer
    ``row`` times in a row. What is 0 is not conspicuous."""

    scheme: str
    alike: int = 0
    long: int = 0
    row: int = 0
    said: str = ""


@dataclass
class _Person:
    """What is kept of one person's answers to one question while they are read."""

    labels: Counter[str] = field(default_factory=Counter)
    long: int = 0
    # Of the traces that look alike.
    runs: Counter[Run] = field(default_factory=Counter)
    whole: list[str] = field(default_factory=list)

    def add(self, steps: tuple[str, ...], whole: str) -> None:
        self.labels.update(steps)
        if whole:
            self.whole.append(whole)
        if len(steps) < LONG:
            return
        self.long += 1
        run, label = max((len(list(group)), label) for label, group in groupby(steps))
        if run / len(steps) > ALIKE_SHARE:
            self.runs[label, run, len(steps)] += 1


def straight_people(project: Project, *, using: str, check: Callable[[], None] = lambda: None) -> dict[int, Straight]:
    """User id → what is conspicuous, of the first such question. Everybody else is not there."""
    present = _questions(project.revision_id) if project.revision_id else {}
    if not present:
        return {}
    read = _read(project, set(present), using, check)
    found: dict[int, Straight] = {}
    for question in present:
        people = read.get(question, {})
        for one, straight in (*_down(question[0], people), *_across(question[0], people)):
            found.setdefault(one, straight)
    return found


def _read(
    project: Project, wanted: set[Question], using: str, check: Callable[[], None]
) -> dict[Question, dict[int, _Person]]:
    asked = cache(_questions)
    found: dict[Question, dict[int, _Person]] = defaultdict(lambda: defaultdict(_Person))
    for number, (person, revision, values) in enumerate(_rows(project, using)):
        if number % CHUNK == 0:
            check()
        for question, scheme in asked(revision).items():
            if question in wanted and (answers := values.get(question[0])):
                habit = scheme.habit(answers)
                found[question][person].add(habit.steps, habit.whole)
    return found


def _questions(revision_id: int) -> dict[Question, Scheme]:
    """Those whose answers can be the same again and again."""
    schemes = config_of(revision_id).annotation_schemes
    return {(one.name, meaning_key(one)): one for one in schemes if type(one).habit is not Scheme.habit}


def _rows(project: Project, using: str) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Person, revision and values, in the order they were submitted. Who is left out is no measure for others."""
    left_out = Membership.objects.using(using).filter(project=project, is_excluded=True).values("user")
    rows = Submission.objects.using(using).filter(project=project, is_current=True, assignment__state__in=DELIVERED)
    rows = rows.exclude(assignment__purpose__in=NOT_WORK)
    rows = rows.exclude(assignment__annotator__in=left_out).order_by("seq")
    return rows.values_list("assignment__annotator", "revision", "values").iterator(chunk_size=CHUNK)


# --- down a trace ------------------------------------------------------------------------------------------


def _down(scheme: str, people: dict[int, _Person]) -> Iterator[tuple[int, Straight]]:
    """Who labels long traces alike throughout, where chance would not, and oftener than the others do."""
    labels = sum((person.labels for person in people.values()), Counter[str]())
    runs = sum((person.runs for person in people.values()), Counter[Run]())
    traces = sum(person.long for person in people.values())
    for one, person in people.items():
        others = labels - person.labels
        if others.total() < ENOUGH_LABELS or person.runs.total() < ALIKE_TRACES:
            continue
        alike = _unlikely(person.runs, others)
        # By the same measure: how often it is so with the others.
        usual = (_unlikely(runs - person.runs, others) + 0.5) / (traces - person.long + 1)
        if alike >= ALIKE_TRACES and _at_least(alike, person.long, usual) < RARE:
            yield one, Straight(scheme, alike=alike, long=person.long)


def _unlikely(runs: Counter[Run], others: Counter[str]) -> int:
    """How many of these runs the labels of the others would hardly make."""
    return sum(count for run, count in runs.items() if _run(others, *run) < RARE)


# --- from trace to trace -----------------------------------------------------------------------------------


def _across(scheme: str, people: dict[int, _Person]) -> Iterator[tuple[int, Straight]]:
    """Who gives one answer trace after trace, where chance would not."""
    counted = {one: Counter(person.whole) for one, person in people.items()}
    total = sum(counted.values(), Counter[str]())
    for one, person in people.items():
        others = total - counted[one]
        if others.total() < ENOUGH_ANSWERS or not person.whole:
            continue
        row, said = max((len(list(group)), said) for said, group in groupby(person.whole))
        if row >= ROW and _run(others, said, row, len(person.whole)) < RARE:
            yield one, Straight(scheme, row=row, said=said)


# --- chance ------------------------------------------------------------------------------------------------


def _run(others: Counter[str], value: str, run: int, tries: int) -> float:
    """At most how likely ``tries`` answers hold a run of this value, if they came as the others' did. A value that
    nobody else gave is taken for a rare one, not for an impossible one."""
    share = (others[value] + 1) / (others.total() + len(others) + 1)
    return min(1.0, float(tries - run + 1) * share**run)


def _at_least(hits: int, tries: int, share: float) -> float:
    """How likely ``hits`` or more of so many tries are (binomial)."""
    ways = (lgamma(tries + 1) - lgamma(n + 1) - lgamma(tries - n + 1) for n in range(hits))
    fewer = sum(exp(way + n * log(share) + (tries - n) * log1p(-share)) for n, way in enumerate(ways))
    return max(0.0, 1.0 - fewer)
