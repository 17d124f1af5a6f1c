"""Submitting: the last operations are kept, everything is checked, and the values are frozen."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from annotation import access
from annotation.answers.context import OF_A_PAIR, asked_of, context_of, n_steps_of
from annotation.answers.ops import ID, Malformed, Op, Reply, check_shown, parse_ops, record
from annotation.answers.show_if import asked
from annotation.assignments import mirror, pairing, places, states, tie_breakers, timing
from annotation.assignments.accepting import accept_answers
from annotation.models import Answer, AnswerEvent, Assignment, Presence, Submission
from annotation.models.querysets import FLAGS
from annotation.projects import counter
from annotation.projects.revisions import config_of, meaning_key
from annotation.schemes.base import ItemContext, Missing, Scheme
from potato_site.textjson import canonical


@dataclass
class NotYet(Exception):
    """Why an item cannot be submitted now. What it carried was kept all the same, as ``reply`` says."""

    reply: Reply
    missing: list[Missing] = field(default_factory=list)
    wait_seconds: int = 0
    # Another tab changed answers that this page has not shown (they are in reply.theirs).
    changed_elsewhere: bool = False


@dataclass(frozen=True)
class _Request:
    op_id: str
    tab: str
    version: int
    ops: list[Op]
    signal: object


def submit(
    public_id: uuid.UUID,
    user: Any,
    payload: object,
    now: datetime | None = None,
    *,
    shown: str = "",
    questions: str = "",
) -> Submission:
    """Submit an assignment: ``{"op_id", "tab", "version", "ops", "presence": {"seq", "delta_ms", "steps"}}``.

    ``version`` is the one the page shows, ``shown`` and ``questions`` as for apply_ops. The same ``op_id`` again
    returns the same submission. Raises Malformed, Http404, states.Closed, or NotYet (operations and time are kept then,
    nothing is frozen).
    """
    request = _parse(payload)
    now = now or timezone.now()
    with transaction.atomic():
        assignment = access.locked_assignment_of(user, public_id)
        earlier = list(Submission.objects.filter(assignment=assignment).order_by("number"))
        for submission in earlier:
            if submission.op_id == request.op_id:
                return submission
        accept_answers(assignment, now)
        check_shown(assignment, shown, questions)
        outcome = _try(assignment, request, earlier, now)
    # Raised here, not above: an exception would roll back the operations that were good.
    if isinstance(outcome, NotYet):
        raise outcome
    return outcome


def _parse(payload: object) -> _Request:
    if not isinstance(payload, dict):
        raise Malformed("expected an object")
    op_id, tab, version = payload.get("op_id"), payload.get("tab"), payload.get("version")
    if not (isinstance(op_id, str) and ID.fullmatch(op_id) and isinstance(tab, str) and ID.fullmatch(tab)):
        raise Malformed("a submission needs op_id and tab")
    if not isinstance(version, int) or isinstance(version, bool):
        raise Malformed("a submission needs the version shown")
    return _Request(op_id, tab, version, parse_ops(payload.get("ops", [])), payload.get("presence"))


def _try(assignment: Assignment, request: _Request, earlier: list[Submission], now: datetime) -> Submission | NotYet:
    reply = record(assignment, request.ops, now)
    presence = timing.count(assignment, request.signal, now)
    elsewhere = _changes_elsewhere(assignment, request)
    if reply.conflicts or reply.refused or elsewhere:
        reply.theirs = reply.theirs or elsewhere
        return NotYet(reply, changed_elsewhere=bool(elsewhere or reply.conflicts))
    assert assignment.revision_id is not None
    config = config_of(assignment.revision_id)
    context = context_of(assignment.item_id)
    answers = dict(Answer.objects.filter(assignment=assignment).values_list("scheme", "value"))
    values, missing = _judge(asked_of(config, assignment.item_id), answers, context)
    wait = timing.wait_seconds(timing.minimum_seconds(assignment, config), presence.active_ms)
    if missing or wait:
        return NotYet(reply, missing, wait)
    if earlier:
        Submission.objects.filter(assignment=assignment, is_current=True).update(is_current=False)
    flags = _flags(assignment, presence, _judged(asked_of(config, assignment.item_id), values, context))
    return _freeze(assignment, request, values, presence.active_ms, flags, len(earlier) + 1, now)


def _changes_elsewhere(assignment: Assignment, request: _Request) -> list[dict[str, Any]]:
    """What other tabs changed behind the version this page shows."""
    if assignment.version <= request.version:
        return []
    own_tabs = {request.tab, *(op.tab for op in request.ops)}
    later = AnswerEvent.objects.filter(assignment=assignment, version__gt=request.version).exclude(tab__in=own_tabs)
    return [
        {"scheme": scheme, "key": key, "value": value}
        for scheme, changes in later.order_by("version").values_list("scheme", "changes")
        for key, value in changes.items()
    ]


def has_unsubmitted(assignment: Assignment, current: Submission) -> bool:
    """Whether its answers as they are would be submitted as something else than ``current``. Of a submission under
    another revision, as far as both ask the same."""
    assert assignment.revision_id is not None
    answers = dict(Answer.objects.filter(assignment=assignment).values_list("scheme", "value"))
    schemes = asked_of(config_of(assignment.revision_id), assignment.item_id)
    values, _ = _judge(schemes, answers, context_of(assignment.item_id))
    same = [scheme.name for scheme in asked_then_and_now(assignment, current)]
    now, then = ({name: given.get(name) for name in same} for given in (values, current.values))
    return canonical(now) != canonical(then)


def asked_then_and_now(assignment: Assignment, current: Submission) -> list[Scheme]:
    """The questions of an assignment that mean the same as when ``current`` was submitted."""
    assert assignment.revision_id is not None
    schemes, before = (
        asked_of(config_of(pk), assignment.item_id) for pk in (assignment.revision_id, current.revision_id)
    )
    meant = {scheme.name: meaning_key(scheme) for scheme in before}
    return [scheme for scheme in schemes if meant.get(scheme.name) == meaning_key(scheme)]


def _judge(
    schemes: tuple[Scheme, ...], answers: Mapping[str, Mapping[str, Any]], context: ItemContext
) -> tuple[dict[str, Any], list[Missing]]:
    """(values to freeze, what is missing). Answers to what is not asked now are left out."""
    about = asked(schemes, answers, context)
    shown = [scheme for scheme in schemes if scheme.name in about]
    missing = [gap for scheme in shown for gap in scheme.missing(answers.get(scheme.name, {}), about[scheme.name])]
    frozen = {scheme.name: scheme.final(answers.get(scheme.name, {}), about[scheme.name]) for scheme in shown}
    values = {name: dict(given) for name, given in frozen.items() if given}
    return values, missing


def _judged(schemes: tuple[Scheme, ...], values: Mapping[str, Any], context: ItemContext) -> set[int]:
    """The steps that somebody must have read to say this. Of a pair nothing is known: it has two of each."""
    if context is OF_A_PAIR:
        return set()
    return set().union(*(scheme.judged(values.get(scheme.name, {}), context) for scheme in schemes))


def _freeze(
    assignment: Assignment,
    request: _Request,
    values: dict[str, Any],
    active_ms: int,
    flags: list[str],
    number: int,
    now: datetime,
) -> Submission:
    assert assignment.revision_id is not None
    submission = Submission.objects.create(
        assignment=assignment,
        project_id=assignment.project_id,
        number=number,
        seq=counter.bump(assignment.project_id),
        op_id=request.op_id,
        revision_id=assignment.revision_id,
        values=values,
        active_ms=active_ms,
        flags=flags,
        submitted_at=now,
    )
    states.submitted(assignment, submission.flags)
    tie_breakers.settle(assignment.item_id)
    pairing.after_submit(assignment.item_id, config_of(assignment.revision_id))
    mirror.request(assignment)
    return submission


def _flags(assignment: Assignment, presence: Presence, judged: set[int]) -> list[str]:
    """An adjudication has none: it takes nobody's place, and others have read the item before."""
    if assignment.is_adjudication:
        return []
    surplus = not places.claim(assignment)
    too_fast = timing.is_too_fast(presence.active_ms, n_steps_of(assignment.item_id))
    unread = timing.is_unread(presence.steps, judged)
    return [flag for flag, raised in zip(FLAGS, (surplus, too_fast, unread), strict=True) if raised]
