"""Deciding where annotators differ, by a program: what there is to decide, and one item to decide."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import access
from annotation.api import lookup
from annotation.api.assignments import AssignmentShown, shown
from annotation.assignments import adjudication
from annotation.models import Assignment, Item
from annotation.quality import statistics
from annotation.quality.disagreement import n_answers
from potato_site.accounts.decorators import person_of
from potato_site.api import pages
from potato_site.api.endpoint import Endpoint


class DisputeShown(serializers.Serializer):
    item = serializers.IntegerField()
    trace = serializers.CharField(help_text="The id in the trace's document; of a pair, side a.")
    trace_b = serializers.CharField(allow_null=True, help_text="Side b of a pair; null of a single trace.")
    answers = serializers.IntegerField(help_text="How many people's answers count.")
    differences = serializers.CharField(help_text="What they differ about, in words.")


class Disputes(Endpoint):
    tag = "Adjudication"
    scopes = {"GET": "read"}

    @extend_schema(operation_id="adjudications", summary="What there is to decide", responses=pages.of(DisputeShown))
    def get(self, request: Request, slug: str) -> Response:
        """The items on which annotators differ, no majority settles it, nobody has decided, and no further annotator is
        asked about (`quality_control.tie_breakers`), as last counted."""
        project = lookup.adjudicated_project(request, slug)
        disputes, waiting = statistics.disputes(project)
        found = {one.item: one for one in disputes}
        decided = Assignment.objects.deciding().delivered().counting().filter(project=project)
        left = found.keys() - set(decided.values_list("item", flat=True)) - waiting
        rows = Item.objects.present().filter(pk__in=left).select_related("trace_a", "trace_b")

        def show(item: Item) -> dict[str, Any]:
            dispute = found[item.pk]
            about = {"answers": dispute.answers, "differences": dispute.words}
            return {"item": item.pk, **lookup.traces_of(item), **about}

        return pages.page(request, rows, show, by=("position", "pk"))


class Decide(Endpoint):
    tag = "Adjudication"
    scopes = {"POST": "annotate"}

    @extend_schema(operation_id="adjudicate", summary="Decide an item", request=None, responses=AssignmentShown)
    def post(self, request: Request, slug: str, item_id: int) -> Response:
        """An assignment whose submission is the final answer (docs/adjudication.md), opened or opened again; what is
        then done with it is as in labeling."""
        project = lookup.adjudicated_project(request, slug)
        item = Item.objects.filter(project=project, pk=item_id).select_related("project", "trace_a", "trace_b").first()
        if item is None:
            raise Http404
        opened = adjudication.open_item(item, person_of(request), n_answers(project, item))
        return Response(shown(access.assignment_of(request.user, opened.public_id)))
