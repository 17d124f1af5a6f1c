"""The save protocol: operations in, events and current answers out, each with one effect however often it is sent.

An operation sets keys of one scheme::

    {"id": "…", "tab": "…", "base": 7, "scheme": "step_reward", "set": {"12": {"label": "correct"}}, "device_at": "…"}

``base`` is the assignment's version that the page had seen when the operation was made, and stays so however often it
is sent; ``tab`` is the id of the page load. Each operation is
judged alone: known ids are acknowledged again, a key that another tab changed after ``base`` is a conflict, a value
the scheme does not take is refused, everything else is kept.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, TypedDict

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from annotation import access
from annotation.answers.context import asked_of, context_of, digest_of, questions_digest
from annotation.assignments import states
from annotation.assignments.accepting import accept_answers
from annotation.models import Answer, AnswerEvent, Assignment
from annotation.projects.revisions import config_of
from annotation.schemes.base import MAX_KEY, ItemContext, Refused, Scheme
from potato_site.textjson import canonical

MAX_OPS = 200
MAX_KEYS = 10_000
MAX_ID = 64
# Bytes of one question's answers to one item, as JSON: far above what people write, and each save writes them anew.
MAX_ANSWER = 2_000_000
# The tab of operations that put an item back as it was submitted: no page has such an id.
LEFT = "left as it was"
ID = re.compile(rf"[\w.:-]{{1,{MAX_ID}}}", re.ASCII)
# Any text but control characters and lone surrogates, which a database or a file could not hold.
KEY = re.compile(rf"[^\x00-\x1f\ud800-\udfff]{{0,{MAX_KEY}}}")


class Malformed(ValueError):
    """The request is not a list of operations. ``str()`` says what is wrong; nothing was kept."""


class Seen(TypedDict):
    """What apply_ops is told of what the labels were given to."""

    shown: str
    questions: str


@dataclass(frozen=True)
class Op:
    """One operation, its shape checked and nothing else."""

    id: str
    tab: str
    base: int
    scheme: str
    changes: dict[str, Any]
    device_at: datetime | None


@dataclass
class Reply:
    """What became of each operation.

    ``conflicts`` are ``{"op", "scheme", "key", "value", "was_left"}``: ``value`` is what another tab has set meanwhile,
    or what was submitted, where the item was left as it was (``was_left``).
    ``theirs`` are changes of other tabs that the page has not seen: ``[{"scheme", "key", "value"}]``, value null for a
    removed key. The page must show them before it takes ``version`` as its new base.
    """

    version: int
    acked: list[str] = field(default_factory=list)
    conflicts: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)
    theirs: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def apply_ops(
    public_id: uuid.UUID,
    user: Any,
    ops: object,
    now: datetime | None = None,
    *,
    shown: str = "",
    questions: str = "",
) -> Reply:
    """Save ``ops`` (parsed JSON) to the user's assignment in one transaction.

    ``shown`` is the digest of the trace version the labels were given to, ``questions`` that of the questions they
    answer; empty: the caller does not say. Raises Malformed, Http404, or
    :class:`annotation.assignments.states.Closed` when the assignment takes no answers.
    """
    parsed = parse_ops(ops)
    now = now or timezone.now()
    with transaction.atomic():
        assignment = access.locked_assignment_of(user, public_id)
        accept_answers(assignment, now)
        check_shown(assignment, shown, questions)
        return record(assignment, parsed, now)


def check_shown(assignment: Assignment, shown: str, questions: str) -> None:
    """Refuse labels that were given to another version of the trace, or to other questions. Raises Closed."""
    if shown and shown != digest_of(assignment.item_id):
        raise states.Closed("The trace has changed since this page was opened. Reload the page.")
    assert assignment.revision_id is not None  # pinned at opening
    if questions and questions != questions_digest(asked_of(config_of(assignment.revision_id), assignment.item_id)):
        raise states.Closed("The questions have changed since this page was opened. Reload the page.")


def parse_ops(raw: object) -> list[Op]:
    """The shape of a request. Raises Malformed."""
    if not isinstance(raw, list) or len(raw) > MAX_OPS:
        raise Malformed(f"expected a list of at most {MAX_OPS} operations")
    ops = [_parse_op(item) for item in raw]
    if len({op.id for op in ops}) != len(ops):
        raise Malformed("two operations have the same id")
    return ops


def _parse_op(raw: object) -> Op:
    if not isinstance(raw, dict):
        raise Malformed("an operation must be an object")
    for key in ("id", "tab", "scheme"):
        if not isinstance(raw.get(key), str) or not ID.fullmatch(raw[key]):
            raise Malformed(f"an operation needs {key}: 1 to {MAX_ID} letters, digits and . : _ -")
    base, changes = raw.get("base"), raw.get("set")
    if not isinstance(base, int) or isinstance(base, bool) or base < 0:
        raise Malformed("an operation needs base: the version it was made on")
    if not isinstance(changes, dict) or not 0 < len(changes) <= MAX_KEYS or not all(map(KEY.fullmatch, changes)):
        raise Malformed("an operation needs set: an object of keys and values")
    return Op(raw["id"], raw["tab"], base, raw["scheme"], changes, _device_time(raw.get("device_at")))


def _device_time(raw: object) -> datetime | None:
    """What the device's clock said; a wrong or missing one is no reason to refuse a label."""
    if not isinstance(raw, str) or len(raw) > 40:
        return None
    try:
        parsed = parse_datetime(raw)
        # In UTC here, where the first and the last hours of the calendar can still be refused.
        return parsed.astimezone(UTC) if parsed is not None and timezone.is_aware(parsed) else None
    except (ValueError, OverflowError):
        return None


def record(assignment: Assignment, ops: list[Op], now: datetime) -> Reply:
    """Judge and keep operations of a locked, open assignment (inside the caller's transaction). Raises Malformed."""
    if any(op.base > assignment.version for op in ops):
        # It would pass for having seen every other tab's changes.
        raise Malformed("an operation was made on a version that does not exist")
    book = _Book.open(assignment, ops)
    reply = Reply(assignment.version)
    for op in ops:
        book.judge(op, reply)
    if book.events:
        book.close(now)
    reply.version = assignment.version
    reply.theirs = book.unseen(ops)
    return reply


def put_back(assignment: Assignment, ops: list[Op], now: datetime) -> None:
    """Keep operations that set a locked assignment's answers to what was submitted, unjudged: a question may take less
    by now than it did then."""
    book = _Book.open(assignment, ops)
    for op in ops:
        after = {**book.answers.get(op.scheme, {}), **op.changes}
        book.answers[op.scheme] = {key: value for key, value in after.items() if value is not None}
        book.events.append((op, op.changes))
    book.close(now)


@dataclass
class _Book:
    """The state one request works on: what is stored, what other tabs did, what is to be written."""

    assignment: Assignment
    schemes: Mapping[str, Scheme]
    ctx: ItemContext
    known: dict[str, tuple[str, dict[str, Any]]]
    foreign: list[tuple[int, str, str, dict[str, Any]]]
    answers: dict[str, dict[str, Any]]
    events: list[tuple[Op, dict[str, Any]]] = field(default_factory=list)
    # Bytes of the answers by scheme, of those that this request changes.
    sizes: dict[str, int] = field(default_factory=dict)

    @classmethod
    def open(cls, assignment: Assignment, ops: list[Op]) -> _Book:
        assert assignment.revision_id is not None  # pinned at opening
        schemes = {scheme.name: scheme for scheme in asked_of(config_of(assignment.revision_id), assignment.item_id)}
        return cls(
            assignment,
            schemes,
            context_of(assignment.item_id),
            _known(assignment, ops),
            _foreign(assignment, ops),
            _answers(assignment, ops),
        )

    def judge(self, op: Op, reply: Reply) -> None:
        try:
            changes = self._clean(op)
        except Refused as problem:
            reply.refused.append({"op": op.id, "message": str(problem)})
            return
        if op.id in self.known:
            if self.known[op.id] == (op.scheme, changes):
                reply.acked.append(op.id)
            else:
                reply.conflicts.append(_conflict(op, None, None))
            return
        clashes = self._clashes(op, changes)
        if clashes:
            reply.conflicts += clashes
            return
        try:
            self.answers[op.scheme] = self._changed(op.scheme, changes)
        except Refused as problem:
            reply.refused.append({"op": op.id, "message": str(problem)})
            return
        self.events.append((op, changes))
        reply.acked.append(op.id)

    def _clean(self, op: Op) -> dict[str, Any]:
        scheme = self.schemes.get(op.scheme)
        if scheme is None:
            raise Refused(f"there is no question {op.scheme[:40]!r} here")
        return {key: None if value is None else scheme.clean(key, value, self.ctx) for key, value in op.changes.items()}

    def _changed(self, name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The answers with the changes. Raises Refused where they become more than is kept; less is always taken."""
        before, scheme = self.answers.get(name, {}), self.schemes[name]
        after = {key: value for key, value in {**before, **changes}.items() if value is not None}
        scheme.check_amount(before, after)
        size = self.sizes[name] if name in self.sizes else _size(before, before)
        grown = _size(after, changes) - _size(before, changes)
        if grown > 0 and size + grown > MAX_ANSWER:
            raise Refused(f"the answers to “{scheme.title}” would be larger than {MAX_ANSWER // 1_000_000} MB together")
        self.sizes[name] = size + grown
        return after

    def _clashes(self, op: Op, changes: dict[str, Any]) -> list[dict[str, Any]]:
        """The conflicts: keys that another tab set to something else after ``op.base``; all of them where the item was
        left as it was since."""
        current = self.answers.get(op.scheme, {})
        last: dict[str, str] = {}
        for version, tab, scheme, theirs in self.foreign:
            if version <= op.base or tab == op.tab:
                continue
            if tab == LEFT:
                last = dict.fromkeys(changes, LEFT)
            elif scheme == op.scheme:
                last |= dict.fromkeys(theirs, tab)
        clashes = [key for key in changes if key in last and current.get(key) != changes[key]]
        return [_conflict(op, key, current.get(key), was_left=last[key] == LEFT) for key in clashes]

    def unseen(self, ops: Iterable[Op]) -> list[dict[str, Any]]:
        """The other tabs' changes, of each key that one of them was the last to set. Keys this request has just set
        itself are left out."""
        own = {(op.scheme, key) for op, changes in self.events for key in changes}
        tabs = {op.tab for op in ops}
        last = {
            (scheme, key): (tab, value) for _, tab, scheme, changes in self.foreign for key, value in changes.items()
        }
        theirs = {place: value for place, (tab, value) in last.items() if tab not in tabs and place not in own}
        return [{"scheme": scheme, "key": key, "value": value} for (scheme, key), value in theirs.items()]

    def close(self, now: datetime) -> None:
        """Write events, answers, version and head."""
        assignment = self.assignment
        rows = []
        for op, changes in self.events:
            assignment.version += 1
            assignment.head = event_digest(assignment.head, assignment.version, op.id, op.tab, op.scheme, changes)
            rows.append(
                AnswerEvent(
                    assignment=assignment, version=assignment.version, op_id=op.id, tab=op.tab, scheme=op.scheme,
                    changes=changes, device_at=op.device_at, saved_at=now, digest=assignment.head,
                )
            )  # fmt: skip
        try:
            AnswerEvent.objects.bulk_create(rows)
        except IntegrityError:
            raise Malformed("an operation was saved before, with an older base") from None
        Answer.objects.bulk_create(
            [
                Answer(assignment=assignment, scheme=name, value=self.answers[name], version=assignment.version)
                for name in {op.scheme for op, _ in self.events}
            ],
            update_conflicts=True,
            unique_fields=["assignment", "scheme"],
            update_fields=["value", "version"],
        )
        states.saved(assignment, now)


def _conflict(op: Op, key: str | None, value: Any, *, was_left: bool = False) -> dict[str, Any]:
    """``value`` is what counts; ``key`` is null where the operation's id was used before, for another one."""
    return {"op": op.id, "scheme": op.scheme, "key": key, "value": value, "was_left": was_left}


def _size(answers: Mapping[str, Any], keys: Iterable[str]) -> int:
    """Bytes that these keys take in the answers."""
    return sum(len(canonical({key: answers[key]})) for key in keys if key in answers)


def event_digest(head: str, version: int, op_id: str, tab: str, scheme: str, changes: Mapping[str, Any]) -> str:
    """SHA-256 over the previous digest and the event: one altered row breaks the chain from there on."""
    event = {"version": version, "op_id": op_id, "tab": tab, "scheme": scheme, "changes": changes}
    return hashlib.sha256(head.encode() + canonical(event)).hexdigest()


def _known(assignment: Assignment, ops: list[Op]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Operations of this request that are stored already: id → (scheme, changes).

    Storing one raised the version above its base, so a page that was up to date needs no query.
    """
    ids = [op.id for op in ops if op.base < assignment.version]
    if not ids:
        return {}
    stored = AnswerEvent.objects.filter(assignment=assignment, op_id__in=ids)
    return {op_id: (name, changes) for op_id, name, changes in stored.values_list("op_id", "scheme", "changes")}


def _foreign(assignment: Assignment, ops: list[Op]) -> list[tuple[int, str, str, dict[str, Any]]]:
    """Events behind the oldest base: (version, tab, scheme, changes). No query when the page was up to date."""
    base = min((op.base for op in ops), default=assignment.version)
    if base >= assignment.version:
        return []
    later = AnswerEvent.objects.filter(assignment=assignment, version__gt=base).order_by("version")
    return list(later.values_list("version", "tab", "scheme", "changes"))


def _answers(assignment: Assignment, ops: list[Op]) -> dict[str, dict[str, Any]]:
    if assignment.version == 0:
        return {}
    stored = Answer.objects.filter(assignment=assignment, scheme__in={op.scheme for op in ops})
    return dict(stored.values_list("scheme", "value"))
