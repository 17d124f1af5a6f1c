"""Which of a project's questions an export is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from annotation.queries import Question, fully_resolved
from exports.formats import Takes
from exports.options import Options

REWARD, REVIEW = "process_reward", "code_review"


class UnknownScheme(LookupError):
    """The project asks no such question. ``str()`` is a sentence that lists those it asks; ``option`` named it."""

    def __init__(self, message: str, option: str = "scheme") -> None:
        super().__init__(message)
        self.option = option


@dataclass(frozen=True)
class Asked:
    """What is exported: the question about steps (None: no format needs one), the one about the outcome, the rest."""

    reward: Question | None
    # A choice, or a part of a review that is one: its verdict.
    outcome: Question | None
    # The values of the outcome that mean "fully resolved".
    resolved: tuple[str, ...]
    others: tuple[Question, ...]

    @property
    def reward_name(self) -> str:
        """What the answers to the question about steps are under; nothing is, where there is none."""
        return self.reward.name if self.reward else ""

    @cached_property
    def others_by_name(self) -> dict[str, Question]:
        return {question.name: question for question in self.others}

    @property
    def questions(self) -> list[Question]:
        return [*([self.reward] if self.reward else []), *self.others]


def choose(questions: Sequence[Question], options: Options, takes: Takes) -> Asked:
    """Which questions the options mean. Raises UnknownScheme: one that is named is not there, or step labels are
    needed and the project has none."""
    rewards = [question for question in questions if question.type == REWARD]
    reward = choose_scheme(questions, options.scheme) if rewards or options.scheme or takes == "rewards" else None
    outcome = _outcome(questions, options.outcome_scheme)
    others = tuple(question for question in questions if reward is None or question.name != reward.name)
    return Asked(reward, outcome, _resolving(outcome) if outcome else (), others)


def choose_scheme(questions: Sequence[Question], name: str | None = None) -> Question:
    """The process reward question called ``name``, else the project's first. Raises UnknownScheme."""
    rewards = [question for question in questions if question.type == REWARD]
    if not rewards:
        raise UnknownScheme("the project has no process_reward scheme to export")
    chosen = next((question for question in rewards if question.name == name), None if name else rewards[0])
    if chosen is None:
        known = ", ".join(question.name for question in rewards)
        raise UnknownScheme(f"no process_reward scheme is called {name!r}; the project has: {known}")
    return chosen


def _outcome(questions: Sequence[Question], name: str | None) -> Question | None:
    """What says whether the issue was resolved: a choice with the option "Fully Resolved", or what is named. Raises
    UnknownScheme."""
    possible = outcomes(questions)
    if name is None:
        return next((question for question in possible if not question.part and _resolving(question)), None)
    chosen = next((question for question in possible if question.name == name), None)
    if chosen is None:
        known = ", ".join(question.name for question in possible) or "none"
        raise UnknownScheme(
            f"no choice or verdict about the whole trace is called {name!r}; the project has: {known}", "outcome_scheme"
        )
    return chosen


def outcomes(questions: Sequence[Question]) -> list[Question]:
    """What may be asked for as the outcome: choices about the whole trace, and verdicts of reviews."""
    found = []
    for question in questions:
        if question.scope == "item" and question.merge == "choice" and question.labels:
            found.append(question)
        elif question.type == REVIEW and question.labels:
            found.append(replace(question, type="verdict", scope="item", merge="choice", part="verdict"))
    return found


def _resolving(question: Question) -> tuple[str, ...]:
    """The value that means "fully resolved", if any; of a verdict those that approve."""
    if question.part:
        return tuple(label.value for label in question.labels if label.reward == 1)
    return tuple(filter(None, [fully_resolved(question.labels)]))
