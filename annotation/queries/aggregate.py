"""Several annotators to one label per trace.

Plain Python: what comes in are exported answers (JSON values), in the order in which they were submitted. One annotator
passes through. Of several, the plurality wins; what is tied is resolved cautiously, towards the error (or, with
``ties="latest"``, away from it), and marked ``needs_adjudication``: the documents promise one line per trace.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from annotation.queries.shapes import Question
from potato_site.canonical import canonical

REWARD, COMPARISON = "process_reward", "pairwise"
T = TypeVar("T", bound=Hashable)

ALL_CORRECT = float("inf")
NO_LABEL = {"label": None, "reward": None, "label_source": "human"}


class Result(NamedTuple):
    """One value for several answers.

    ``agreement`` is the share of annotators (0 to 1) who agree with the value; None when only one answered.
    ``agreeing`` lists the places of those who agree, in the order given.
    """

    value: Any
    agreement: float | None
    is_tie: bool
    agreeing: tuple[int, ...]

    @property
    def method(self) -> str:
        return "single" if self.agreement is None else "majority"


def one_of(question: Question, given: Sequence[Any], mode: str) -> Result:
    """One value for what several people answered to a question (``mode``: how a process reward was asked)."""
    if question.type == REWARD:
        return process_reward(given, mode)
    if question.merge == "first":
        return Result(text(given), None, False, ())
    if question.type == COMPARISON:
        return comparison(given)
    merge = MERGES[question.merge]
    if question.merge == "options":
        merge = partial(options, order=[label.value for label in question.labels])
    # A list holds a value per step (all annotators saw the same version of the trace).
    return per_step(given, merge) if question.scope == "step" else merge(given)


def mode_of(modes: Collection[str]) -> str:
    """How a process reward was asked. Where the project changed it between submissions, only steps are comparable."""
    found = set(modes)
    return found.pop() if len(found) == 1 else "per_step"


def process_reward(answers: Sequence[dict[str, Any]], mode: str, ties: str = "earliest") -> Result:
    """One process reward of several: ``{"first_error_step", "all_correct", "steps": [{label, reward, label_source}]}``.

    ``first_error``: the first error named most often; of tied ones the earliest. ``per_step``: the label given most
    often, step by step; of tied ones the one with the lowest reward. ``ties="latest"`` takes the latest and the
    highest instead. Steps nobody labeled keep the label None. ``stop_at_first_error``: as per step, and nothing behind
    the first error that comes out.
    """
    if len(answers) == 1:
        return Result(answers[0], None, False, (0,))
    if mode == "first_error":
        return _by_first_error(answers, ties)
    return _by_step(answers, ties, stops=mode == "stop_at_first_error")


def choice(values: Sequence[Any]) -> Result:
    """The value given most often; of tied ones the one that comes first."""
    if len(values) == 1:
        return Result(values[0], None, False, (0,))
    keys = [canonical(value) for value in values]
    tops = _most_frequent(keys)
    agreeing = tuple(place for place, key in enumerate(keys) if key == tops[0])
    return Result(values[agreeing[0]], _share(len(agreeing), len(values)), len(tops) > 1, agreeing)


def comparison(values: Sequence[dict[str, Any]]) -> Result:
    """The comparison of whoever chose the side that was chosen most often: reasons and grades differ without a tie.
    It is tied where nothing is ``preferred``. Who chose no side has no vote."""
    voters = [place for place, value in enumerate(values) if value["side"] is not None]
    sides = [values[place]["side"] for place in voters]
    if not sides:
        return Result(values[0], None, False, (0,))
    chosen = choice(sides)
    agreeing = tuple(voters[place] for place in chosen.agreeing)
    return Result(values[agreeing[0]], chosen.agreement, preferred(sides) is None, agreeing)


def preferred(sides: Sequence[T]) -> T | None:
    """What more than half of the votes of a comparison say, be it that neither is better; None: it is tied."""
    [(side, count)] = Counter(sides).most_common(1)
    return side if 2 * count > len(sides) else None


def options(values: Sequence[list[Any]], order: Sequence[Any] = ()) -> Result:
    """Of several lists of choices, what at least half chose; where that is nothing, the first list. Half is a tie.

    ``order``: of the options. Others come last, in the order of the answers.
    """
    votes = Counter(option for value in values for option in dict.fromkeys(value))
    chosen = [option for option, count in votes.items() if 2 * count >= len(values)]
    ranks = {option: place for place, option in enumerate(order)}
    merged = sorted(chosen or values[0], key=lambda option: ranks.get(option, len(ranks)))
    agreeing = tuple(place for place, value in enumerate(values) if sorted(value) == sorted(merged))
    is_tie = not chosen or any(2 * count == len(values) for count in votes.values())
    return Result(merged, _share(len(agreeing), len(values)), is_tie, agreeing)


def median(values: Sequence[float]) -> Result:
    """The middle of several numbers (of an even count, half-way between the middle two). Never tied.

    A float always: readers that infer types take a column that begins with whole numbers for one, and refuse 2.5.
    """
    value = float(statistics.median(values))
    agreeing = tuple(place for place, given in enumerate(values) if given == value)
    return Result(value, _share(len(agreeing), len(values)), False, agreeing)


MERGES: dict[str, Callable[[Sequence[Any]], Result]] = {"choice": choice, "options": options, "median": median}


def per_step(values: Sequence[list[Any]], merge: Callable[[Sequence[Any]], Result]) -> Result:
    """``merge`` at every step of lists of equal length. A step nobody answered stays None."""
    columns = [[value for value in column if value is not None] for column in zip(*values, strict=True)]
    results = [merge(column) if column else None for column in columns]
    merged = [result.value if result else None for result in results]
    agreeing = tuple(place for place, value in enumerate(values) if value == merged)
    shares = [result.agreement for result in results if result and result.agreement is not None]
    agreement = sum(shares) / len(shares) if len(values) > 1 and shares else None
    return Result(merged, agreement, any(result.is_tie for result in results if result), agreeing)


def agreeing_first(values: Sequence[Any], agreeing: Sequence[int]) -> list[Any]:
    """The answers of those who agree with the label, then the others', so that a row does not contradict itself."""
    if len(values) == 1:
        return list(values)
    return [values[place] for place in [*agreeing, *(place for place in range(len(values)) if place not in agreeing)]]


def text(values: Sequence[Any]) -> Any:
    """The first answer that is not empty; None when there is none.

    Texts are not merged: a key keeps one type, and every text stays in its author's own file.
    """
    return next((value for value in values if value not in (None, "", [], {})), None)


def _by_first_error(answers: Sequence[dict[str, Any]], ties: str) -> Result:
    marks = [_mark(answer) for answer in answers]
    tops = _most_frequent(marks)
    winner = max(tops) if ties == "latest" else min(tops)
    agreeing = tuple(place for place, mark in enumerate(marks) if mark == winner)
    return Result(answers[agreeing[0]], _share(len(agreeing), len(marks)), len(tops) > 1, agreeing)


def _mark(answer: dict[str, Any]) -> float:
    """Where the first error lies; all correct is behind every step."""
    first = answer["first_error_step"]
    return ALL_CORRECT if first is None else first


def _by_step(answers: Sequence[dict[str, Any]], ties: str, *, stops: bool) -> Result:
    columns = zip(*(answer["steps"] for answer in answers), strict=True)
    merged = [_merge_step(column, ties) for column in columns]
    if stops:
        end = next((place for place, (step, _, _) in enumerate(merged) if step["reward"] == 0), len(merged))
        merged[end + 1 :] = [(NO_LABEL, None, False)] * (len(merged) - end - 1)
    steps = [step for step, _, _ in merged]
    shares = [share for _, share, _ in merged if share is not None]
    agreeing = tuple(place for place, answer in enumerate(answers) if _labels(answer["steps"]) == _labels(steps))
    agreement = sum(shares) / len(shares) if shares else None
    return Result({**_ends(steps, answers), "steps": steps}, agreement, any(tied for _, _, tied in merged), agreeing)


def _merge_step(column: Sequence[dict[str, Any]], ties: str) -> tuple[dict[str, Any], float | None, bool]:
    """(the step's entry, the share of those who labeled it that agree or None for one, whether labels were tied)."""
    given = [step for step in column if step["label"] is not None]
    if not given:
        return column[0], None, False
    tops = _most_frequent([step["label"] for step in given])
    candidates = [step for step in given if step["label"] in tops]
    # Both keep the first of equals: of two labels with one reward, the one submitted first.
    choose = max if ties == "latest" else min
    winner = choose(candidates, key=lambda step: step["reward"])
    votes = sum(step["label"] == winner["label"] for step in given)
    return winner, _share(votes, len(given)), len(tops) > 1


def _labels(steps: Sequence[dict[str, Any]]) -> list[str | None]:
    return [step["label"] for step in steps]


def _ends(steps: Sequence[dict[str, Any]], answers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """All correct: no error, and no step lacks a label but those that are not asked about."""
    first = next((place for place, step in enumerate(steps) if step["reward"] == 0), None)
    complete = all(step["label"] is not None for step in steps) or any(answer["all_correct"] for answer in answers)
    return {"first_error_step": first, "all_correct": first is None and complete}


def _most_frequent(values: Sequence[T]) -> list[T]:
    """The values that occur most often, each once, in order of first appearance."""
    counts = Counter(values)
    top = max(counts.values())
    return [value for value, count in counts.items() if count == top]


def _share(part: int, whole: int) -> float | None:
    return None if whole == 1 else part / whole
