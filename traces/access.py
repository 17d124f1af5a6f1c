"""Every look-up of a dataset by a person: its managers have it, and superusers. For all others it does not exist."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404

from traces.models import Dataset


def datasets_of(user: Any) -> QuerySet[Dataset]:
    """The datasets a person may look into and change."""
    if not user.is_authenticated or not user.is_active:
        return Dataset.objects.none()
    kept = Dataset.objects.filter(is_going=False)
    return kept if user.is_superuser else kept.filter(managers=user)


def dataset_of(user: Any, pk: int) -> Dataset:
    """A dataset this person may change. Raises Http404."""
    found = datasets_of(user).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found
