"""Which of a project's questions an export is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from annotation.queries import Question
from exports.formats import Takes
from exports.options import Options

REWARD = "process_reward"
FULLY = "fully resolved"


class UnknownScheme(LookupError):
    """The project asks no such question. ``str()`` is a sentence that lists those it asks; ``option`` named it."""

    def __init__(self, message: str, option: str = "scheme") -> None:
        super().__init__(message)
        self.option = option


@dataclass(frozen=True)
class Asked:
    """What is exported: the question about steps (None: no format needs one), the one about the outcome, the rest."""

    reward: Question | None
    outcome: Question | None
    # The value of the outcome that means "fully resolved".
    resolved: str
    others: tuple[Question, ...]

    @property
    def reward_name(self) -> str:
        """What the answers to the question about steps are under; nothing is, where there is none."""
        return self.reward.name if self.reward else ""

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
    return Asked(reward, outcome, _fully_resolved(outcome) if outcome else "", others)


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
    """The choice about the whole trace that says whether the issue was resolved. Raises UnknownScheme."""
    choices = [question for question in questions if is_choice(question)]
    if name is None:
        return next((question for question in choices if _fully_resolved(question)), None)
    chosen = next((question for question in choices if question.name == name), None)
    if chosen is None:
        known = ", ".join(question.name for question in choices) or "none"
        raise UnknownScheme(
            f"no choice about the whole trace is called {name!r}; the project has: {known}", "outcome_scheme"
        )
    return chosen


def is_choice(question: Question) -> bool:
    return question.scope == "item" and question.merge == "choice" and bool(question.labels)


def _fully_resolved(question: Question) -> str:
    """The value of the option "Fully Resolved", else of one whose value is ``resolved``; "" when there is none."""
    by_text = [label.value for label in question.labels if label.text.casefold() == FULLY]
    by_value = [label.value for label in question.labels if label.value.casefold() in ("resolved", "fully_resolved")]
    return next(iter([*by_text, *by_value]), "")
