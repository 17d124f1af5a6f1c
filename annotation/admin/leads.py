"""Where the page of a dataset, a trace, an import or an account leads: to rows and pages of the person's projects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from annotation import access
from annotation.models import Item, Membership, Project
from traces.models import Dataset, Trace

NAMED = 20
NONE = "–"


def items_with(trace: Trace, user: Any) -> SafeString | str:
    """The items made of a trace, each on its page, where it can be read."""
    made = Item.objects.filter(Q(trace_a=trace) | Q(trace_b=trace), project__in=access.administered(user).values("pk"))
    found = made.select_related("project").order_by("project", "position")
    return _links((reverse("manage-item", args=[item.project.slug, item.pk]), _called(item)) for item in found[:NAMED])


def _called(item: Item) -> str:
    return f"{item.project} (a pair)" if item.trace_b_id else str(item.project)


def projects_of(dataset: Dataset, user: Any, page: str) -> SafeString | str:
    """The projects that label a dataset: the ``page`` of each."""
    found = access.administered(user).filter(dataset=dataset).order_by("name", "pk")
    return _links((reverse(page, args=[project.slug]), project.name) for project in found[:NAMED])


def rows_of(dataset: Dataset, model: str, text: str) -> SafeString:
    """A list of the dataset's traces or imports."""
    address = reverse(f"admin:traces_{model}_changelist")
    return format_html('<a href="{}?{}">{}</a>', address, urlencode({"dataset": dataset.pk}), text)


def memberships_of(user: Any) -> SafeString | str:
    """What somebody is, and in which projects. For superusers."""
    found = Membership.objects.filter(user=user).exclude(project__state=Project.State.PURGING)
    return _links(
        (
            reverse("manage-people", args=[one.project.slug]),
            f"{one.project} ({one.get_role_display().lower()}, {one.get_state_display().lower()})",
        )
        for one in found.select_related("project").order_by("project__name", "pk")[:NAMED]
    )


def _links(found: Iterable[tuple[str, str]]) -> SafeString | str:
    return format_html_join(", ", '<a href="{}">{}</a>', found) or NONE
