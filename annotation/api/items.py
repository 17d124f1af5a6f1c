"""The items of a project, for people who look into it as a whole."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.answers.context import shown_digest
from annotation.api import lookup
from annotation.assignments import managing
from annotation.assignments.queue import PRIORITY_LIMIT
from annotation.models import Item, Project, Slot
from annotation.models.projects import GROUP_LENGTH
from annotation.models.querysets import labeled_place, present, withdrawn
from annotation.projects.revisions import current
from potato_site.accounts.decorators import person_of
from potato_site.api import pages, query
from potato_site.api.endpoint import Endpoint, Strict, read

FILTERS = ("trace", "overlap", "withdrawn", "finished", "calibration")


class ItemShown(serializers.Serializer):
    id = serializers.IntegerField()
    position = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=Item.Kind.choices)
    traces = serializers.ListField(child=serializers.CharField(), help_text="Ids in the traces' documents.")
    schemes = serializers.ListField(child=serializers.CharField(), help_text="The questions asked of it, by name.")
    trace_sha256 = serializers.CharField(help_text="Of the version that is labeled; of a pair, of both.")
    stratum = serializers.CharField(allow_blank=True)
    priority = serializers.IntegerField()
    group = serializers.CharField(allow_blank=True, help_text="Handed out only to annotators of this group.")
    in_overlap = serializers.BooleanField()
    in_calibration = serializers.BooleanField(help_text="Everybody labels it first; none of that is a label.")
    is_withdrawn = serializers.BooleanField()
    labels_planned = serializers.IntegerField()
    labels_submitted = serializers.IntegerField()


class ItemChange(Strict):
    """What a manager changes of an item; what is left out stays."""

    priority = serializers.IntegerField(
        required=False,
        min_value=1 - PRIORITY_LIMIT,
        max_value=PRIORITY_LIMIT - 1,
        help_text="Above 0: handed out before all others; below 0: after them.",
    )
    group = serializers.CharField(
        required=False, allow_blank=True, max_length=GROUP_LENGTH, help_text="Empty: for everybody."
    )
    in_calibration = serializers.BooleanField(required=False)
    is_withdrawn = serializers.BooleanField(required=False, help_text="Handed out to nobody, and in no export.")


class ItemList(Endpoint):
    tag = "Items"
    scopes = {"GET": "read"}

    @extend_schema(
        operation_id="items",
        summary="Items of a project",
        parameters=[
            *pages.PARAMETERS,
            OpenApiParameter("trace", str, description="Only items of the trace with this id."),
            OpenApiParameter("overlap", bool, description="Labeled by several people, or not."),
            OpenApiParameter("withdrawn", bool),
            OpenApiParameter("calibration", bool, description="In the calibration set, or not."),
            OpenApiParameter("finished", bool, description="Has all labels it shall get, or not."),
        ],
        responses=pages.of(ItemShown),
    )
    def get(self, request: Request, slug: str) -> Response:
        """In the order of the dataset."""
        query.only(request, *FILTERS, paged=True)
        rows = filtered(request, items_of(lookup.administered_project(request, slug)))
        return pages.page(request, rows, shown, by=("position", "pk"))


class ItemOne(Endpoint):
    tag = "Items"
    scopes = {"GET": "read", "PATCH": "manage"}

    @extend_schema(operation_id="item", summary="One item", responses=ItemShown)
    def get(self, request: Request, slug: str, item_id: int) -> Response:
        return Response(shown(_one(lookup.administered_project(request, slug), item_id)))

    @extend_schema(operation_id="item_change", summary="Change an item", request=ItemChange, responses=ItemShown)
    def patch(self, request: Request, slug: str, item_id: int) -> Response:
        """All that is named, or nothing. What everybody labels first: docs/projects.md, "Calibrate"."""
        project, user = lookup.managed_project(request, slug), person_of(request)
        given, item = read(ItemChange, request), _one(project, item_id)
        with transaction.atomic():
            if "priority" in given:
                managing.set_priority(item.pk, user, given["priority"])
            if "group" in given:
                managing.keep_for(item.pk, user, given["group"])
            for name, (yes, no) in SWITCHES.items():
                if name in given:
                    (yes if given[name] else no)(item.pk, user)
        return Response(shown(_one(project, item_id)))


# What is switched on, and off.
SWITCHES = {
    "in_calibration": (managing.calibrate, managing.end_calibration),
    "is_withdrawn": (managing.withdraw, managing.restore),
}


def _one(project: Project, item_id: int) -> Any:
    found = items_of(project).filter(pk=item_id).first()
    if found is None:
        raise Http404
    return found


def items_of(project: Project) -> QuerySet[Any]:
    """The items with what is shown of them, in one query however many there are."""
    rows = Item.objects.filter(project=project).select_related("trace_a", "trace_b", "a", "b", "project")
    return rows.annotate(
        planned=Coalesce(_slots(Count("pk")), 0),
        submitted=Coalesce(_slots(Count("pk", filter=labeled_place())), 0),
    )


def _slots(count: Count) -> Subquery:
    of_item = Slot.objects.filter(item=OuterRef("pk")).order_by().values("item")
    return Subquery(of_item.annotate(n=count).values("n"), output_field=IntegerField())


def filtered(request: Request, rows: QuerySet[Any]) -> QuerySet[Any]:
    trace = query.text(request, "trace")
    if trace is not None:
        rows = rows.filter(Q(trace_a__external_id=trace) | Q(trace_b__external_id=trace))
    overlap, gone, finished = (query.flag(request, name) for name in ("overlap", "withdrawn", "finished"))
    if overlap is not None:
        rows = rows.filter(in_overlap=overlap)
    if (calibration := query.flag(request, "calibration")) is not None:
        rows = rows.filter(in_calibration=calibration)
    if gone is not None:
        rows = rows.filter(withdrawn() if gone else present())
    if finished is not None:
        whole = Q(submitted__gte=F("planned"), planned__gt=0)
        wanted = Q(in_calibration=False) | Q(planned__gt=0)
        rows = rows.filter(whole) if finished else rows.filter(wanted).exclude(whole)
    return rows


def shown(item: Any) -> dict[str, Any]:
    asked = current(item.project).asked_of(pair=item.kind == Item.Kind.PAIR)
    return {
        "id": item.pk,
        "position": item.position,
        "kind": item.kind,
        "traces": item.names,
        "schemes": [scheme.name for scheme in asked],
        "trace_sha256": shown_digest(item.a.sha256, item.b and item.b.sha256),
        "stratum": item.stratum,
        "priority": item.priority,
        "group": item.group,
        "in_overlap": item.in_overlap,
        "in_calibration": item.in_calibration,
        "is_withdrawn": item.is_gone,
        "labels_planned": item.planned,
        "labels_submitted": item.submitted,
    }
