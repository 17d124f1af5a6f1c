"""Known answers over the API: for managers of the project only."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api import lookup
from annotation.models import Gold, Item, Project
from annotation.quality.gold import NotGold, delete_gold, set_gold
from potato_site.accounts.decorators import person_of
from potato_site.api.endpoint import Endpoint, Strict, read
from potato_site.api.pages import PARAMETERS, of, page
from potato_site.api.problems import Problem, translate


class GoldShown(serializers.Serializer):
    item = serializers.IntegerField()
    trace = serializers.CharField(help_text="The id in the trace's document; of a pair, side a.")
    trace_b = serializers.CharField(allow_null=True, help_text="Side b of a pair; null of a single trace.")
    scheme = serializers.CharField()
    scheme_version = serializers.IntegerField(help_text="Which meaning of the question it answers.")
    value = serializers.JSONField(help_text="As in a submission: the answer's keys and their values.")
    rationale = serializers.CharField()
    use = serializers.ChoiceField(Gold.Use.values)


class GoldGiven(Strict):
    value = serializers.JSONField(help_text='As in a submission, `{"first_error": {"step": 3}}` say.')
    rationale = serializers.CharField(required=False, default="", allow_blank=True, trim_whitespace=False)
    use = serializers.ChoiceField(
        Gold.Use.values,
        required=False,
        default=Gold.Use.HIDDEN,
        help_text="Only the items of `hidden` ones are handed out to check.",
    )


@translate(NotGold)
def refusal(error: NotGold) -> Problem:
    return Problem("invalid", errors=[{"field": name, "message": message} for name, message in error.problems])


class GoldAnswers(Endpoint):
    tag = "Gold"
    scopes = {"GET": "manage"}

    @extend_schema(
        summary="Known answers of a project",
        operation_id="gold",
        description="Annotators never see them. Items with one check people's work: docs/projects.md.",
        parameters=PARAMETERS,
        responses=of(GoldShown),
    )
    def get(self, request: Request, slug: str) -> Response:
        rows = Gold.objects.filter(item__project=lookup.managed_project(request, slug)).select_related(
            "scheme", "item__trace_a", "item__trace_b"
        )
        return page(request, rows, show_gold)


class GoldAnswer(Endpoint):
    tag = "Gold"
    scopes = {"GET": "manage", "PUT": "manage", "DELETE": "manage"}

    @extend_schema(summary="One known answer", operation_id="gold_one", responses=GoldShown)
    def get(self, request: Request, slug: str, item_id: int, scheme: str) -> Response:
        return Response(show_gold(_gold(lookup.managed_project(request, slug), item_id, scheme)))

    @extend_schema(
        summary="Set a known answer",
        operation_id="gold_set",
        description="It is checked as an annotator's would be, for the trace version that the item shows.",
        request=GoldGiven,
        responses=GoldShown,
    )
    def put(self, request: Request, slug: str, item_id: int, scheme: str) -> Response:
        project, given = lookup.managed_project(request, slug), read(GoldGiven, request)
        item = Item.objects.filter(project=project, pk=item_id).first()
        if item is None:
            raise Http404
        gold = set_gold(project, item, scheme, given.pop("value"), user=person_of(request), **given)
        return Response(show_gold(gold))

    @extend_schema(summary="Forget a known answer", operation_id="gold_delete", responses={204: None})
    def delete(self, request: Request, slug: str, item_id: int, scheme: str) -> Response:
        project = lookup.managed_project(request, slug)
        delete_gold(project, _gold(project, item_id, scheme), person_of(request))
        return Response(status=204)


def show_gold(gold: Gold) -> dict[str, Any]:
    return {
        "item": gold.item_id,
        **lookup.traces_of(gold.item),
        "scheme": gold.scheme.name,
        "scheme_version": gold.scheme.version,
        "value": gold.value,
        "rationale": gold.rationale,
        "use": gold.use,
    }


def _gold(project: Project, item_id: int, scheme: str) -> Gold:
    rows = Gold.objects.filter(item__project=project, item=item_id, scheme__name=scheme)
    found = rows.select_related("scheme", "item__trace_a", "item__trace_b").order_by("-pk").first()
    if found is None:
        raise Http404
    return found
