"""What a token may reach of datasets: what its person may, within its project."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import Http404
from rest_framework.request import Request

from potato_site.api.tokens import within
from traces.access import datasets_of
from traces.models import Dataset, Trace


def datasets(request: Request) -> QuerySet[Dataset]:
    return within(request.auth, datasets_of(request.user), "projects")


def dataset(request: Request, pk: int) -> Dataset:
    """Raises Http404."""
    found = datasets(request).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def trace(request: Request, dataset_id: int, pk: int) -> Trace:
    """A trace of the dataset, its current version fetched along. Raises Http404."""
    rows = dataset(request, dataset_id).traces.select_related("current").filter(pk=pk)
    found = rows.first()
    if found is None:
        raise Http404
    return found
