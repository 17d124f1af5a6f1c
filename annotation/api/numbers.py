"""Progress and agreement: counted now where that is quick, else what a job counted last, with its age."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api import lookup
from annotation.models import Item, Project, Submission
from annotation.quality import statistics
from annotation.quality.agreement import METRICS, agreement
from annotation.quality.status import status
from potato_site.api import query
from potato_site.api.endpoint import Endpoint
from potato_site.api.problems import Problem

DEFAULT_METRIC = "krippendorff_alpha"
# Up to so many items or submissions are counted while a program waits: half a second of one web process.
QUICK = 1_000
TAG = "Numbers"


class AgreementOn(serializers.Serializer):
    scheme = serializers.CharField()
    measure = serializers.CharField()
    level = serializers.CharField()
    per = serializers.ChoiceField(choices=["item", "step", "file"])
    value = serializers.FloatField(allow_null=True, help_text="Null where it is undefined: `reason` says why.")
    interval = serializers.ListField(child=serializers.FloatField(), allow_null=True, help_text="95 %, by traces.")
    percent = serializers.FloatField(allow_null=True, help_text="Share of agreeing pairs, 0 to 1.")
    within_one_step = serializers.FloatField(
        allow_null=True, help_text="Of first errors: share of pairs that are the same or one step apart."
    )
    units = serializers.IntegerField()
    traces = serializers.IntegerField()
    annotators = serializers.IntegerField()
    reason = serializers.CharField(allow_blank=True)


class AgreementShown(serializers.Serializer):
    project = serializers.CharField()
    metric = serializers.CharField()
    seq = serializers.IntegerField(help_text="The project's change counter it was counted at.")
    results = AgreementOn(many=True)
    warnings = serializers.ListField(child=serializers.CharField())


class StatusShown(serializers.Serializer):
    project = serializers.CharField()
    name = serializers.CharField()
    state = serializers.CharField()
    seq = serializers.IntegerField(help_text="The project's change counter it was counted at.")
    items = serializers.DictField(child=serializers.IntegerField(), help_text="total, finished, open")
    withdrawn = serializers.IntegerField()
    overlap = serializers.DictField()
    people = serializers.ListField(child=serializers.DictField())


class Agreement(Endpoint):
    tag = TAG
    scopes = {"GET": "read"}

    @extend_schema(
        operation_id="agreement",
        summary="Agreement of the annotators",
        parameters=[OpenApiParameter("metric", str, enum=sorted(METRICS), default=DEFAULT_METRIC)],
        responses=AgreementShown,
    )
    def get(self, request: Request, slug: str) -> Response:
        """For each measure of each question, with its interval."""
        query.only(request, "metric")
        metric = query.choice(request, "metric", tuple(METRICS)) or DEFAULT_METRIC
        project = lookup.administered_project(request, slug)
        is_quick = _is_at_most(Submission.objects.filter(project=project, is_current=True), QUICK)
        kind = statistics.KIND_OF[metric]
        return Response(_counted(project, kind, is_quick, lambda: agreement(project, metric).as_json()))


class Status(Endpoint):
    tag = TAG
    scopes = {"GET": "read"}

    @extend_schema(operation_id="status", summary="How far the project is", responses=StatusShown)
    def get(self, request: Request, slug: str) -> Response:
        """Items, the overlap, and each annotator's work (of large projects, that of the hundred last seen)."""
        query.only(request)
        project = lookup.administered_project(request, slug)
        is_quick = _is_at_most(Item.objects.filter(project=project), QUICK)
        return Response(_counted(project, statistics.PROGRESS, is_quick, lambda: status(project).as_json()))


def _is_at_most(rows: Any, number: int) -> bool:
    return rows.order_by()[: number + 1].count() <= number


def _counted(project: Project, kind: str, is_quick: bool, count: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The report, fresh if the project is small. Raises Problem where it was never counted."""
    if is_quick:
        return count()
    kept = statistics.read(project).get(kind)
    if kept is None:
        raise Problem("busy", "This was not counted yet; a job does it soon.", headers={"Retry-After": "60"})
    return {key: value for key, value in kept.payload.items() if key not in ("pairs", "n_people")}
