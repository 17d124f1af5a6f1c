"""Asking the questions as they are now of work that was begun under earlier ones."""

from __future__ import annotations

import uuid
from datetime import datetime

from annotation.answers.context import asked_of
from annotation.answers.ops import Op, record
from annotation.assignments import states
from annotation.models import Answer, Assignment
from annotation.projects.revisions import config_of, meaning_key

# Of operations that no page sent.
TAB = "asked-anew"


def ask_anew(assignment: Assignment, now: datetime) -> bool:
    """Pin a locked assignment that takes answers to the project's present revision. Answers to a question that means
    something else since, or is asked no more, are taken back by an operation as if the person had done it; the others
    stay. Returns whether the revision is another one. Raises states.Closed where nothing is asked of the item now."""
    revision_id = assignment.project.revision_id
    if revision_id is None or assignment.revision_id in (None, revision_id):
        return False
    asked = {scheme.name: meaning_key(scheme) for scheme in asked_of(config_of(revision_id), assignment.item_id)}
    if not asked:
        raise states.Closed("Nothing is asked of this item as the questions are now.")
    before = {
        scheme.name: meaning_key(scheme) for scheme in asked_of(config_of(assignment.revision_id), assignment.item_id)
    }
    given = Answer.objects.filter(assignment=assignment).order_by("scheme").values_list("scheme", "value")
    gone = {name: dict.fromkeys(value) for name, value in given if value and before.get(name) != asked.get(name)}
    ops = [Op(uuid.uuid4().hex, TAB, assignment.version, name, changes, None) for name, changes in gone.items()]
    record(assignment, ops, now)
    assignment.revision_id = revision_id
    assignment.save(update_fields=["revision"])
    return True
