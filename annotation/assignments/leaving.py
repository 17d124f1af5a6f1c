"""Leaving a reopened item as it was: the submission stands, and the answers are again what was submitted."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from annotation import access
from annotation.answers.context import asked_of, context_of
from annotation.answers.ops import LEFT, Op, put_back
from annotation.answers.show_if import asked
from annotation.answers.submission import asked_then_and_now
from annotation.assignments import states
from annotation.models import Answer, Assignment, Submission
from annotation.models.querysets import DELIVERED
from annotation.projects.revisions import config_of
from annotation.schemes.base import ItemContext, Scheme
from potato_site.textjson import canonical

State = Assignment.State
AGAIN = "It was submitted again meanwhile: your changes count."


def leave_as_it_was(
    public_id: uuid.UUID, user: Any, number: int | None = None, now: datetime | None = None
) -> Assignment:
    """Change nothing of a reopened item. ``number`` is that of the submission the person means; None: they do not say.
    Raises Http404, states.Closed."""
    with transaction.atomic():
        assignment = access.locked_assignment_of(user, public_id)
        current = Submission.objects.filter(assignment=assignment, is_current=True).first()
        if number is not None and assignment.state in DELIVERED and (current is None or number != current.number):
            raise states.Closed(AGAIN)
        if assignment.state == State.REOPENED:
            if current is not None:
                _put_back(assignment, current, now or timezone.now())
            states.submitted(assignment)
        elif assignment.state != State.SUBMITTED:
            raise states.Closed("Only an item that is open for changes can be left as it was.")
        return assignment


def _put_back(assignment: Assignment, current: Submission, now: datetime) -> None:
    """Set the answers to what was submitted, by operations as if the person had done it. There is always one: what was
    made before it, and is still on its way from some page, is late by that."""
    assert assignment.revision_id is not None
    schemes = asked_of(config_of(assignment.revision_id), assignment.item_id)
    given = dict(Answer.objects.filter(assignment=assignment).values_list("scheme", "value"))
    both = asked_then_and_now(assignment, current)
    then = {**given, **{scheme.name: current.values.get(scheme.name, {}) for scheme in both}}
    about = asked(schemes, then, context_of(assignment.item_id))
    changes = {
        scheme.name: _changes(scheme, given.get(scheme.name, {}), then[scheme.name], about[scheme.name])
        for scheme in both
        if scheme.name in about
    }
    found = {name: each for name, each in changes.items() if each} or {schemes[0].name: {}}
    ops = [Op(uuid.uuid4().hex, LEFT, assignment.version, name, each, None) for name, each in found.items()]
    put_back(assignment, ops, now)


def _changes(
    scheme: Scheme, given: Mapping[str, Any], submitted: Mapping[str, Any], about: ItemContext
) -> dict[str, Any]:
    """What makes of the answers to a question those that were submitted. What is no part of a submission (what somebody
    has looked at, a comment that is not finished) stays."""
    counts = scheme.final(given, about)
    changes = {
        key: value
        for key, value in submitted.items()
        if key not in counts or canonical(counts[key]) != canonical(value)
    }
    after = {**given, **changes}
    # Without one answer others may count that did not before.
    while more := [key for key in scheme.final(after, about) if key in after and key not in submitted]:
        for key in more:
            del after[key]
            changes[key] = None
    return changes
