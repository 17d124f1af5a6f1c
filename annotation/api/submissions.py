"""What people submitted, as it was frozen: in the order of the project's change counter."""

from __future__ import annotations

from functools import partial
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import access
from annotation.api import lookup
from annotation.api.assignment_list import HELP
from annotation.models import Assignment, Submission
from potato_site.accounts.models import name_key
from potato_site.api import pages, query
from potato_site.api.endpoint import Endpoint

FILTERS = ("username", "since", "current", "item")
MAX_SEQ = 2**63 - 1


class SubmissionShown(serializers.Serializer):
    seq = serializers.IntegerField(help_text="The project's change counter at that moment; unique.")
    assignment = serializers.UUIDField()
    item = serializers.IntegerField()
    trace = serializers.CharField(help_text="The id in the trace's document; of a pair, side a.")
    trace_b = serializers.CharField(allow_null=True, help_text="Side b of a pair; null of a single trace.")
    username = serializers.CharField()
    purpose = serializers.ChoiceField(choices=Assignment.Purpose.choices, help_text=HELP)
    number = serializers.IntegerField(help_text="Of this assignment's submissions, from 1.")
    revision = serializers.IntegerField(help_text="Of the configuration that was answered.")
    is_current = serializers.BooleanField(help_text="Not replaced by a later one and not invalidated.")
    values = serializers.DictField(help_text="Scheme → key → value.")
    active_ms = serializers.IntegerField()
    flags = serializers.ListField(
        child=serializers.CharField(),
        help_text="`surplus` (also where the label lost its place since), `too_fast`, `unread`.",
    )
    submitted_at = serializers.DateTimeField()


class SubmissionList(Endpoint):
    tag = "Submissions"
    scopes = {"GET": "read"}

    @extend_schema(
        operation_id="submissions",
        summary="Submissions of a project",
        parameters=[
            *pages.PARAMETERS,
            OpenApiParameter("username", str, description="Only those of this person."),
            OpenApiParameter(
                "since", {"type": "integer", "minimum": 0}, description="Only those with a greater `seq`."
            ),
            OpenApiParameter(
                "current", {"type": "boolean", "default": True}, description="false: also replaced and void ones."
            ),
            OpenApiParameter("item", {"type": "integer", "minimum": 1}, description="Only of this item."),
        ],
        responses=pages.of(SubmissionShown),
    )
    def get(self, request: Request, slug: str) -> Response:
        """To follow a project, keep the last `seq` and ask with `since`. What is invalidated later keeps its `seq`."""
        query.only(request, *FILTERS, paged=True)
        project = lookup.administered_project(request, slug)
        work = access.work(request.user, [project.pk], "assignment__")
        rows = Submission.objects.filter(work, project=project).select_related(
            "assignment__item__trace_a", "assignment__item__trace_b", "assignment__annotator", "revision"
        )
        since = pages.number_of(request, "since", 0, MAX_SEQ, -1)
        if since >= 0:
            rows = rows.filter(seq__gt=since)
        if query.flag(request, "current") is not False:
            rows = rows.filter(is_current=True)
        username = query.text(request, "username")
        if username is not None:
            rows = rows.filter(assignment__annotator__name_key=name_key(username))
        item = pages.number_of(request, "item", 1, MAX_SEQ, 0)
        if item:
            rows = rows.filter(assignment__item=item)
        return pages.page(request, rows, partial(shown, manages=access.manages(request.user, project)), by=("seq",))


def shown(submission: Submission, *, manages: bool) -> dict[str, Any]:
    assignment = submission.assignment
    return {
        "seq": submission.seq,
        "assignment": str(assignment.public_id),
        "item": assignment.item_id,
        **lookup.traces_of(assignment.item),
        "username": assignment.annotator.get_username(),
        "purpose": assignment.purpose_told(manages=manages),
        "number": submission.number,
        "revision": submission.revision.number,
        "is_current": submission.is_current,
        "values": submission.values,
        "active_ms": submission.active_ms,
        "flags": submission.standing_flags,
        "submitted_at": submission.submitted_at,
    }
