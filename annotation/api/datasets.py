"""The list of datasets, making one, and withdrawing a trace: what follows rules of projects."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import transaction
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import access
from annotation.projects.withdrawal import set_withdrawn
from potato_site.accounts.decorators import person_of
from potato_site.accounts.models import AuditEntry
from potato_site.api.endpoint import Endpoint, Strict, read, unbound
from potato_site.api.pages import PARAMETERS, of, page
from traces.api import lookup, shown
from traces.models import Dataset


class NewDataset(Strict):
    name = serializers.CharField(max_length=200)


class Datasets(Endpoint):
    tag = "Datasets"
    scopes = {"GET": "read", "POST": "import"}

    @extend_schema(summary="Datasets", operation_id="datasets", parameters=PARAMETERS, responses=of(shown.DatasetShown))
    def get(self, request: Request) -> Response:
        return page(request, lookup.datasets(request), partial(shown.show_dataset, request))

    @extend_schema(
        summary="Make a dataset",
        operation_id="dataset_new",
        request=NewDataset,
        responses={201: OpenApiResponse(shown.DatasetShown, description="Made; its person manages it.")},
    )
    def post(self, request: Request) -> Response:
        unbound(request)
        if not access.manages_something(request.user):
            raise PermissionDenied("Only people who manage a project may make datasets.")
        dataset = make_dataset(read(NewDataset, request)["name"], person_of(request))
        answer = shown.show_dataset(request, dataset)
        return Response(answer, status=201, headers={"Location": answer["url"]})


@transaction.atomic
def make_dataset(name: str, user: Any) -> Dataset:
    """An empty dataset that ``user`` manages."""
    dataset = Dataset.objects.create(name=name)
    dataset.managers.add(user)
    AuditEntry.objects.create(user=user, action="dataset.make", object=f"dataset {dataset.pk}", after={"name": name})
    return dataset


class _Withdrawal(Endpoint):
    tag = "Datasets"
    scopes = {"POST": "import"}
    withdrawn: bool

    def change(self, request: Request, dataset_id: int, trace_id: int) -> Response:
        # A trace belongs to every project of its dataset: a token of one of them does not decide for the others.
        unbound(request)
        trace = lookup.trace(request, dataset_id, trace_id)
        set_withdrawn(trace, self.withdrawn, person_of(request))
        return Response(shown.show_trace(request, trace))


class Withdraw(_Withdrawal):
    withdrawn = True

    @extend_schema(
        summary="Withdraw a trace",
        operation_id="trace_withdraw",
        description="Nobody gets it any more, and exports and numbers leave it out. Nothing is deleted.",
        request=None,
        responses=shown.TraceShown,
    )
    def post(self, request: Request, dataset_id: int, trace_id: int) -> Response:
        return self.change(request, dataset_id, trace_id)


class Restore(_Withdrawal):
    withdrawn = False

    @extend_schema(
        summary="Restore a withdrawn trace", operation_id="trace_restore", request=None, responses=shown.TraceShown
    )
    def post(self, request: Request, dataset_id: int, trace_id: int) -> Response:
        return self.change(request, dataset_id, trace_id)
