"""Traces chosen in a list, on their way to the page that exports them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from annotation.models import Item, Project

KEY = "chosen_traces"
MOST = 10_000


def export(model_admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
    """The action of a list: go on to the project's exports with the traces of the chosen rows."""
    projects = list(queryset.order_by().values_list("project", flat=True).distinct()[:2])
    if len(projects) != 1:
        messages.error(request, "Choose rows of one project: an export is of one.")
        return None
    items = Item.objects.filter(pk__in=queryset.order_by().values(model_admin.item_path))
    names = items.values_list("trace_a__external_id", "trace_b__external_id")[: MOST + 1]
    traces = sorted({name for pair in names for name in pair if name is not None})
    if len(traces) > MOST:
        messages.error(request, f"An export can be of at most {MOST:,} chosen traces. Filter the list, or export all.")
        return None
    request.session[KEY] = {"project": projects[0], "traces": traces}
    return redirect("manage-exports", Project.objects.get(pk=projects[0]).slug)


def chosen(request: HttpRequest, project: Project) -> list[str]:
    """The ids of the traces that were chosen last, if they are this project's."""
    kept = request.session.get(KEY) or {}
    return list(kept["traces"]) if kept.get("project") == project.pk else []


def forget(request: HttpRequest) -> None:
    """They were exported."""
    request.session.pop(KEY, None)
