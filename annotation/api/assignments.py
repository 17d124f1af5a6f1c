"""Labeling by a program: take an item, read it, save, submit. The functions of the labeling page, nothing else."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.answers import ops, show_if, submission
from annotation.answers.context import asked_of, context_of, digest_of, questions_digest, suggestions
from annotation.api import lookup
from annotation.api.readable import readable
from annotation.assignments import leaving, reopened, states, timing
from annotation.assignments.handout import hand_out
from annotation.models import Answer, Assignment, Presence, Submission
from annotation.projects.config import ProjectConfig
from annotation.projects.revisions import config_of
from potato_site.api.endpoint import Endpoint, Strict, read
from potato_site.api.problems import Problem
from traces.store import load_document

TAG = "Labeling"
TO_CHANGE = 100
TRACE_B_HELP = "Side b of a pair; null of a single trace."
SHOWN_HELP = "SHA-256 of the trace version you read, from the assignment; checked where it is given."
ASKED_HELP = "SHA-256 of the questions you answer, from the assignment; checked where it is given."


# --- shapes ------------------------------------------------------------------------------------------------


class AssignmentShown(serializers.Serializer):
    id = serializers.UUIDField()
    project = serializers.SlugField()
    trace = serializers.CharField(help_text="The id in the trace's document; of a pair, side a.")
    trace_b = serializers.CharField(allow_null=True, help_text=TRACE_B_HELP)
    state = serializers.ChoiceField(choices=Assignment.State.choices)
    version = serializers.IntegerField(help_text="How many operations were kept: the `base` of the next one.")
    trace_sha256 = serializers.CharField()
    opened_at = serializers.DateTimeField(allow_null=True)
    lease_until = serializers.DateTimeField(allow_null=True, help_text="Every save prolongs it.")


class NextShown(serializers.Serializer):
    assignment = AssignmentShown(allow_null=True)
    reason = serializers.CharField(help_text="Why there is none; empty when there is one.")
    to_change = serializers.ListField(
        child=serializers.UUIDField(),
        help_text="Submitted items that are open for changes, what ends first before the others; at most 100.",
    )


class ReadingShown(serializers.Serializer):
    seq = serializers.IntegerField(help_text="Of the last signal that was counted.")
    active_ms = serializers.IntegerField(help_text="Reading time counted so far.")


class StateShown(AssignmentShown):
    step_types = serializers.ListField(
        child=serializers.CharField(), help_text="Of a pair none: no single step of it is asked about."
    )
    schemes = serializers.ListField(
        child=serializers.DictField(), help_text="The questions that this item is asked, as the page has them."
    )
    questions_sha256 = serializers.CharField(
        help_text="Of these questions; another one once a manager has the item answered anew."
    )
    answers = serializers.DictField(help_text="Scheme → key → value, as saved so far.")
    suggestions = serializers.DictField(help_text="Scheme → labels that came with the trace, to confirm or change.")
    show_if = serializers.DictField(help_text="Scheme → the answer of another one it depends on.")
    submission = serializers.IntegerField(allow_null=True, help_text="The number of the submission that counts.")
    reading = ReadingShown()
    minimum_seconds = serializers.FloatField(help_text="Reading time needed before submitting.")


class ReadableTraceShown(serializers.Serializer):
    id = serializers.CharField()
    issue_description = serializers.CharField(allow_blank=True)
    steps = serializers.ListField(child=serializers.DictField())
    record = serializers.DictField(help_text="The fields of a record without steps.")


class AssignmentTraceShown(ReadableTraceShown):
    trace_b = ReadableTraceShown(allow_null=True, help_text=TRACE_B_HELP)


class ReplyShown(serializers.Serializer):
    version = serializers.IntegerField()
    acked = serializers.ListField(child=serializers.CharField(), help_text="Kept, now or before.")
    conflicts = serializers.ListField(child=serializers.DictField())
    refused = serializers.ListField(child=serializers.DictField(), help_text="Not taken: `op` and `message`.")
    theirs = serializers.ListField(child=serializers.DictField(), help_text="What others changed since `base`.")


class SubmittedShown(serializers.Serializer):
    assignment = serializers.UUIDField()
    number = serializers.IntegerField()
    seq = serializers.IntegerField()
    active_ms = serializers.IntegerField()
    submitted_at = serializers.DateTimeField()


OP_SCHEMA = {
    "type": "object",
    "required": ["id", "tab", "base", "scheme", "set"],
    "properties": {
        "id": {"type": "string", "description": "Your own id; sent again it has no second effect."},
        "tab": {"type": "string", "description": "Names your program's run. Others' later changes are conflicts."},
        "base": {"type": "integer", "minimum": 0, "description": "The version it was made on."},
        "scheme": {"type": "string"},
        "set": {"type": "object", "additionalProperties": True, "description": "Key → value; null removes a key."},
    },
    "example": {
        "id": "op-1", "tab": "run-1", "base": 0, "scheme": "step_reward", "set": {"first_error": {"step": 3}},
    },
}  # fmt: skip


@extend_schema_field({"type": "array", "maxItems": ops.MAX_OPS, "items": OP_SCHEMA})
class OpsField(serializers.JSONField):
    """Operations; annotation.answers.ops judges them."""


SIGNAL_SCHEMA = {
    "type": "object",
    "properties": {
        "seq": {"type": "integer", "description": "1, 2, 3 …: a repeated or late one counts nothing."},
        "delta_ms": {"type": "integer", "description": "Read since the last signal; at most 15 s count."},
        "steps": {"type": "object", "additionalProperties": {"type": "integer"}, "description": "Step → ms."},
    },
    "example": {"seq": 1, "delta_ms": 15000, "steps": {"0": 9000, "1": 6000}},
}


@extend_schema_field(SIGNAL_SCHEMA)
class SignalField(serializers.JSONField):
    """Reading time; annotation.assignments.timing judges it."""


class OpsGiven(Strict):
    ops = OpsField()
    trace_sha256 = serializers.CharField(required=False, default="", max_length=64, help_text=SHOWN_HELP)
    questions_sha256 = serializers.CharField(required=False, default="", max_length=64, help_text=ASKED_HELP)


class SubmitGiven(Strict):
    op_id = serializers.CharField(help_text="Your own id of this submission; sent again it has no second effect.")
    tab = serializers.CharField()
    version = serializers.IntegerField(help_text="The version you have seen.")
    ops = OpsField(required=False, default=list, help_text="The last operations.")
    presence = SignalField(required=False, default=None, allow_null=True)
    trace_sha256 = serializers.CharField(required=False, default="", max_length=64, help_text=SHOWN_HELP)
    questions_sha256 = serializers.CharField(required=False, default="", max_length=64, help_text=ASKED_HELP)


class LeaveGiven(Strict):
    submission = serializers.IntegerField(
        required=False, default=None, allow_null=True,
        help_text="The number of the submission that shall stay, from the assignment; checked where it is given.",
    )  # fmt: skip


class SkipGiven(Strict):
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=500)


# --- what is shown -----------------------------------------------------------------------------------------


def shown(assignment: Assignment) -> dict[str, Any]:
    return {
        "id": str(assignment.public_id),
        "project": assignment.project.slug,
        **lookup.traces_of(assignment.item),
        "state": assignment.state,
        "version": assignment.version,
        "trace_sha256": digest_of(assignment.item_id),
        "opened_at": assignment.opened_at,
        "lease_until": assignment.lease_until,
    }


def whole(assignment: Assignment) -> dict[str, Any]:
    config = config_pinned(assignment)
    schemes = asked_of(config, assignment.item_id)
    reading = Presence.objects.filter(assignment=assignment).values("seq", "active_ms").first()
    current = Submission.objects.filter(assignment=assignment, is_current=True)
    return {
        **shown(assignment),
        "step_types": list(context_of(assignment.item_id).step_types),
        "schemes": [{"name": one.name, "title": one.title, **one.page_state()} for one in schemes],
        "questions_sha256": questions_digest(schemes),
        "answers": dict(Answer.objects.filter(assignment=assignment).values_list("scheme", "value")),
        "suggestions": suggestions(schemes, context_of(assignment.item_id)),
        "show_if": show_if.for_page(schemes),
        "submission": current.values_list("number", flat=True).first(),
        "reading": reading or {"seq": 0, "active_ms": 0},
        "minimum_seconds": timing.minimum_seconds(assignment, config),
    }


def config_pinned(assignment: Assignment) -> ProjectConfig:
    assert assignment.revision_id is not None  # pinned when it was opened
    return config_of(assignment.revision_id)


def submitted(frozen: Submission, public_id: uuid.UUID) -> dict[str, Any]:
    return {
        "assignment": str(public_id),
        "number": frozen.number,
        "seq": frozen.seq,
        "active_ms": frozen.active_ms,
        "submitted_at": frozen.submitted_at,
    }


def _seen_by(given: dict[str, Any]) -> ops.Seen:
    """Which trace and which questions the caller has read, as far as it says so; taken out of ``given``."""
    return {"shown": given.pop("trace_sha256"), "questions": given.pop("questions_sha256")}


# --- endpoints ---------------------------------------------------------------------------------------------


class Next(Endpoint):
    tag = TAG
    scopes = {"POST": "annotate"}

    @extend_schema(operation_id="next_item", summary="Start or continue", request=None, responses=NextShown)
    def post(self, request: Request, slug: str) -> Response:
        """The item the person has open, else the next one, else why there is none."""
        project, _ = lookup.labeled_project(request, slug)
        given = hand_out(project, request.user)
        found = given.assignment and lookup.assignment(request, given.assignment.public_id)
        waiting = reopened.to_change(project, request.user).values_list("public_id", flat=True)[:TO_CHANGE]
        return Response(
            {
                "assignment": shown(found) if found else None,
                "reason": given.reason,
                "to_change": [str(public_id) for public_id in waiting],
            }
        )


class One(Endpoint):
    tag = TAG
    scopes = {"GET": "annotate"}

    @extend_schema(operation_id="assignment", summary="An assignment with its questions", responses=StateShown)
    def get(self, request: Request, public_id: uuid.UUID) -> Response:
        """Everything the labeling page starts from."""
        return Response(whole(lookup.assignment(request, public_id)))


class Trace(Endpoint):
    tag = TAG
    scopes = {"GET": "annotate"}

    @extend_schema(operation_id="assignment_trace", summary="The trace to be labeled", responses=AssignmentTraceShown)
    def get(self, request: Request, public_id: uuid.UUID) -> Response:
        """What the page shows of it and no more: a known outcome, say, stays unknown. Of a pair, both sides."""
        assignment = lookup.assignment(request, public_id)
        item, layout = assignment.item, config_pinned(assignment).html_layout
        other = readable(load_document(item.b_id), layout) if item.b_id is not None else None
        return Response({**readable(load_document(item.a_id), layout), "trace_b": other})


class Operations(Endpoint):
    tag = TAG
    scopes = {"POST": "annotate"}

    @extend_schema(operation_id="assignment_save", summary="Save answers", request=OpsGiven, responses=ReplyShown)
    def post(self, request: Request, public_id: uuid.UUID) -> Response:
        """Each operation is judged alone. A conflict (409) or a refusal leaves the others kept."""
        lookup.in_bounds(request, public_id)
        given = read(OpsGiven, request)
        reply = ops.apply_ops(public_id, request.user, given["ops"], **_seen_by(given))
        if reply.conflicts:
            raise Problem("conflict", "Somebody else has set the same keys since the base.", **reply.as_dict())
        return Response(reply.as_dict())


class Submit(Endpoint):
    tag = TAG
    scopes = {"POST": "annotate"}

    @extend_schema(operation_id="assignment_submit", summary="Submit", request=SubmitGiven, responses=SubmittedShown)
    def post(self, request: Request, public_id: uuid.UUID) -> Response:
        """Freeze the answers. 422 says what is missing; the operations it carried are kept all the same."""
        lookup.in_bounds(request, public_id)
        given = read(SubmitGiven, request)
        seen = _seen_by(given)
        return Response(submitted(submission.submit(public_id, request.user, given, **seen), public_id))


class Seen(Endpoint):
    tag = TAG
    scopes = {"POST": "annotate"}

    @extend_schema(
        operation_id="assignment_seen", summary="Count reading time",
        request={"application/json": SIGNAL_SCHEMA}, responses=ReadingShown,
    )  # fmt: skip
    def post(self, request: Request, public_id: uuid.UUID) -> Response:
        """At most 15 s a signal and never more than the time that went by; only needed where there is a minimum."""
        lookup.in_bounds(request, public_id)
        return Response(timing.seen(public_id, request.user, request.data))


class _Move(Endpoint):
    tag = TAG
    scopes = {"POST": "annotate"}

    def moved(self, request: Request, public_id: uuid.UUID) -> Response:
        return Response(shown(lookup.assignment(request, public_id)))


class Skip(_Move):
    @extend_schema(
        operation_id="assignment_skip", summary="Skip for good", request=SkipGiven, responses=AssignmentShown
    )
    def post(self, request: Request, public_id: uuid.UUID) -> Response:
        """Somebody else gets the item."""
        lookup.in_bounds(request, public_id)
        states.skip(public_id, request.user, read(SkipGiven, request)["reason"])
        return self.moved(request, public_id)


class Release(_Move):
    @extend_schema(
        operation_id="assignment_release", summary="Give back for now", request=SkipGiven, responses=AssignmentShown
    )
    def post(self, request: Request, public_id: uuid.UUID) -> Response:
        """The same person may take it up again; the answers stay."""
        lookup.in_bounds(request, public_id)
        states.release(public_id, request.user, read(SkipGiven, request)["reason"])
        return self.moved(request, public_id)


class Leave(_Move):
    @extend_schema(
        operation_id="assignment_leave", summary="Leave a reopened item as it was", request=LeaveGiven,
        responses=AssignmentShown,
    )  # fmt: skip
    def post(self, request: Request, public_id: uuid.UUID) -> Response:
        """What was submitted before stands, and is what the answers are again; what was saved since is taken back."""
        lookup.in_bounds(request, public_id)
        leaving.leave_as_it_was(public_id, request.user, read(LeaveGiven, request)["submission"])
        return self.moved(request, public_id)


class Reopen(_Move):
    @extend_schema(
        operation_id="assignment_reopen", summary="Change a submitted item", request=None, responses=AssignmentShown
    )
    def post(self, request: Request, public_id: uuid.UUID) -> Response:
        """Within 24 hours. The submission stays valid until the next one."""
        lookup.in_bounds(request, public_id)
        states.reopen(public_id, request.user)
        return self.moved(request, public_id)
