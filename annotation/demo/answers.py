"""The demo's answers, given the way people give theirs: handed out, saved, read for a while and submitted."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from annotation.answers.ops import apply_ops
from annotation.answers.submission import NotYet, submit
from annotation.assignments.handout import hand_out
from annotation.assignments.timing import SIGNAL_LIMIT_MS, seen
from annotation.models import Assignment, Project
from potato_site.accounts.models import User
from potato_site.safe_yaml import load_yaml

ANSWERS = Path(__file__).resolve().parent / "answers.yaml"
# Everything happened this long ago, one item after another, so that nothing lies in the future.
BEGAN = timedelta(hours=2)
READING_SIGNALS = 8

Values = dict[str, dict[str, Any]]


class DoNotFit(Exception):
    """The project asks something else than what the answers were prepared for. ``str()`` says what."""


@dataclass
class Clock:
    """The time at which the demo's people work."""

    now: datetime

    def forward(self, milliseconds: int) -> datetime:
        self.now += timedelta(milliseconds=milliseconds)
        return self.now


@dataclass(frozen=True)
class Prepared:
    """The answers of one project: how many items each person does, and trace → person → scheme → answer."""

    limit: int
    traces: Mapping[str, Mapping[str, Mapping[str, Any]]]

    @property
    def people(self) -> list[str]:
        return sorted({name for answers in self.traces.values() for name in answers})

    def of(self, trace: str, person: str) -> Values:
        """The operations' values. A list in the file stands for the labels of steps 0, 1, 2, …"""
        return {
            scheme: {str(step): {"label": label} for step, label in enumerate(answer)}
            if isinstance(answer, list)
            else dict(answer)
            for scheme, answer in self.traces.get(trace, {}).get(person, {}).items()
        }


def prepared(name: str) -> Prepared:
    """The answers to the project file ``<name>.yaml``."""
    value, _ = load_yaml(ANSWERS.read_bytes(), ANSWERS.name)
    return Prepared(**value[name])


def add_answers(project: Project, name: str) -> int:
    """Give the prepared answers to ``project`` unless anybody has worked in it yet. Returns how many were submitted.

    All or none: what is interrupted starts from the beginning next time. Raises DoNotFit.
    """
    with transaction.atomic():
        if Assignment.objects.filter(project=project).exists():
            return 0
        answers, clock = prepared(name), Clock(timezone.now() - BEGAN)
        return sum(answer_next(project, user, answers, clock) for user in _turns(answers))


def _turns(answers: Prepared) -> Iterator[User]:
    """The people in turn, as two colleagues who work through the queue side by side."""
    people = [user for user in map(User.objects.named, answers.people) if user is not None]
    for _ in range(answers.limit):
        yield from people


def answer_next(project: Project, user: User, answers: Prepared, clock: Clock) -> bool:
    """Take the next item, save its answers, read, submit. False if there is none or nothing is prepared for it.

    Raises DoNotFit.
    """
    assignment = hand_out(project, user, clock.now).assignment
    values = answers.of(assignment.item.trace_a.external_id, user.username) if assignment else {}
    if assignment is None or not values:
        return False
    saved = apply_ops(assignment.public_id, user, _ops(values, assignment.version), clock.now)
    if saved.refused:
        raise DoNotFit(saved.refused[0]["message"])
    for number in range(1, READING_SIGNALS + 1):
        signal = {"seq": number, "delta_ms": SIGNAL_LIMIT_MS, "steps": {}}
        seen(assignment.public_id, user, signal, clock.forward(SIGNAL_LIMIT_MS))
    payload = {"op_id": uuid.uuid4().hex, "tab": "demo", "version": saved.version, "ops": []}
    try:
        submit(assignment.public_id, user, payload, clock.now)
    except NotYet as not_yet:
        raise DoNotFit(_why(not_yet)) from None
    return True


def _why(not_yet: NotYet) -> str:
    if not_yet.missing:
        return not_yet.missing[0].message
    return f"{not_yet.wait_seconds} s more would have to be read"


def _ops(values: Values, base: int) -> list[dict[str, Any]]:
    return [
        {"id": uuid.uuid4().hex, "tab": "demo", "base": base, "scheme": scheme, "set": changes}
        for scheme, changes in values.items()
    ]
