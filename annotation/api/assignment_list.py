"""The assignments of a project, for people who look into it as a whole."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db.models import Q
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import access
from annotation.api import lookup
from annotation.models import Assignment
from potato_site.accounts.models import name_key
from potato_site.api import pages, query
from potato_site.api.endpoint import Endpoint

HELP = (
    "Who does not manage the project gets none of what others did for `gold` or `screening`, and reads `production` "
    "for their own `gold`."
)
FILTERS = ("state", "username", "trace")


class AssignmentRowShown(serializers.Serializer):
    id = serializers.UUIDField()
    item = serializers.IntegerField()
    trace = serializers.CharField(help_text="The id in the trace's document; of a pair, side a.")
    trace_b = serializers.CharField(allow_null=True, help_text="Side b of a pair; null of a single trace.")
    username = serializers.CharField()
    purpose = serializers.ChoiceField(choices=Assignment.Purpose.choices, help_text=HELP)
    state = serializers.ChoiceField(choices=Assignment.State.choices)
    opened_at = serializers.DateTimeField(allow_null=True)
    lease_until = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(
        allow_blank=True, help_text="Why it was skipped, given back, taken away or reopened."
    )


class AssignmentList(Endpoint):
    tag = "Items"
    scopes = {"GET": "read"}

    @extend_schema(
        operation_id="assignments",
        summary="Assignments of a project",
        parameters=[
            *pages.PARAMETERS,
            OpenApiParameter("state", str, enum=Assignment.State.values),
            OpenApiParameter("username", str, description="Only those of this person."),
            OpenApiParameter("trace", str, description="Only those of the trace with this id."),
        ],
        responses=pages.of(AssignmentRowShown),
    )
    def get(self, request: Request, slug: str) -> Response:
        """Who has which item and how far they are, in the order of handing out. What they said: see the submissions."""
        query.only(request, *FILTERS, paged=True)
        project = lookup.administered_project(request, slug)
        rows = Assignment.objects.filter(access.work(request.user, [project.pk]), project=project)
        state = query.choice(request, "state", tuple(Assignment.State.values))
        username, trace = query.text(request, "username"), query.text(request, "trace")
        if state is not None:
            rows = rows.filter(state=state)
        if username is not None:
            rows = rows.filter(annotator__name_key=name_key(username))
        if trace is not None:
            rows = rows.filter(Q(item__trace_a__external_id=trace) | Q(item__trace_b__external_id=trace))
        rows = rows.select_related("item__trace_a", "item__trace_b", "annotator")
        return pages.page(request, rows, partial(shown, manages=access.manages(request.user, project)))


def shown(assignment: Assignment, *, manages: bool) -> dict[str, Any]:
    return {
        "id": assignment.public_id,
        "item": assignment.item_id,
        **lookup.traces_of(assignment.item),
        "username": assignment.annotator.get_username(),
        "purpose": assignment.purpose_told(manages=manages),
        "state": assignment.state,
        "opened_at": assignment.opened_at,
        "lease_until": assignment.lease_until,
        "reason": assignment.reason,
    }
