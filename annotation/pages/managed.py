"""The projects a person runs, for the first page of the admin."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.urls import NoReverseMatch, reverse

from annotation import access
from annotation.models import Membership
from annotation.quality import statistics

SHOWN = 100


def projects(user: Any) -> list[dict[str, Any]]:
    """At most SHOWN + 1 of them, those that are open first: ``{"project", "url", "dataset", "roles", "finished",
    "total"}``.

    The last two count items, as of the last count; None before the first. ``dataset`` is its name, where it is called
    otherwise than the project.
    """
    order = {"open": 0, "paused": 1, "draft": 2, "closed": 3}
    found = list(access.administered(user).select_related("dataset").order_by("name", "pk")[: SHOWN + 1])
    roles: dict[int, list[str]] = defaultdict(list)
    for membership in Membership.objects.filter(user=user, project__in=found, state=Membership.State.ACTIVE):
        roles[membership.project_id].append(membership.get_role_display().lower())
    found.sort(key=lambda project: order.get(project.state, 4))
    counted = statistics.finished(found)
    return [
        {
            "project": project,
            "url": _url(project.slug),
            "dataset": "" if project.dataset.name in (project.name, str(project)) else project.dataset.name,
            "roles": ", ".join(roles[project.pk]),
            **counted.get(project.pk, {"finished": None, "total": None}),
        }
        for project in found
    ]


def new_url(user: Any) -> str:
    """Where a project is made, for those who may."""
    try:
        return reverse("manage-new") if access.manages_something(user) else ""
    except NoReverseMatch:
        return ""


def _url(slug: str) -> str:
    try:
        return reverse("manage-overview", args=[slug])
    except NoReverseMatch:
        return reverse("admin:annotation_item_changelist") + f"?project={slug}"
