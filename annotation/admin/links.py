"""From a number to the list behind it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from annotation.models import Project


@dataclass(frozen=True)
class Links:
    """Addresses of lists of the admin, filtered."""

    unfinished: str
    free: str
    short_of_overlap: str
    filled_in_vain: str
    open: str
    reopened: str
    known_void: str
    overdue: str
    too_fast: str
    surplus: str
    unread: str
    skipped: str
    often_skipped: str
    submissions: str
    people: str
    setup: str
    stranded: str
    adjudicate: str
    traces: str


def links_of(project: Project) -> Links:
    def rows(model: str, **filters: str) -> str:
        address = reverse(f"admin:annotation_{model}_changelist")
        return f"{address}?{urlencode({'project': project.pk, **filters})}"

    return Links(
        unfinished=rows("item", work="unfinished"),
        free=rows("item", work="free"),
        short_of_overlap=rows("item", work="short_of_overlap"),
        filled_in_vain=rows("item", work="filled_in_vain"),
        open=rows("assignment", state__exact="open"),
        reopened=rows("assignment", state__exact="reopened"),
        known_void=rows("gold", source="void"),
        overdue=rows("assignment", attention="overdue"),
        too_fast=rows("assignment", attention="too_fast"),
        surplus=rows("assignment", attention="surplus"),
        unread=rows("submission", flag="unread", is_current__exact="1"),
        skipped=rows("assignment", state__exact="skipped"),
        often_skipped=rows("item", work="skipped"),
        submissions=rows("submission"),
        people=reverse("manage-people", args=[project.slug]),
        setup=reverse("manage-setup", args=[project.slug]),
        stranded=reverse("manage-people", args=[project.slug]) + "?from=waiting",
        adjudicate=reverse("manage-adjudicate", args=[project.slug]),
        traces=reverse("manage-upload", args=[project.slug]),
    )


def answers_link(slug: str, item_id: int, text: str, by: str = "") -> SafeString:
    """To the answers to an item on its trace: everybody's, or those ``by`` one person."""
    address = reverse("manage-item", args=[slug, item_id]) + (f"?{urlencode({'by': by})}" if by else "")
    return format_html('<a href="{}">{}</a>', address, text)
