"""What every page of a project in the admin stands in: the project's name, its state, its tabs."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from annotation import access
from annotation.admin.checklist import checklist
from annotation.models import Project
from potato_site.accounts.decorators import person_of


class Tab(NamedTuple):
    """One tab. The first of ``routes`` that exists is where it leads; a list of the admin shows this project's rows."""

    key: str
    label: str
    routes: tuple[str, ...]


TABS = (
    Tab("overview", "Overview", ("manage-overview",)),
    Tab("items", "Items", ("admin:annotation_item_changelist",)),
    Tab("assignments", "Assignments", ("admin:annotation_assignment_changelist",)),
    Tab("people", "People", ("manage-people", "admin:annotation_membership_changelist")),
    Tab("traces", "Traces", ("manage-upload",)),
    Tab("setup", "Set-up", ("manage-setup",)),
    Tab("quality", "Quality", ("manage-quality",)),
    Tab("exports", "Exports", ("manage-exports", "admin:exports_export_changelist")),
    Tab("history", "History", ("manage-history", "admin:accounts_auditentry_changelist")),
)


def project_context(request: HttpRequest, project: Project, tab: str, **extra: Any) -> dict[str, Any]:
    """The context of a page that extends ``admin/project_base.html``; ``tab`` is the key of the current one.

    ``may_change`` says whether this person manages the project or only looks into it; a draft has a ``checklist`` of
    what is still to be done (``admin/_draft.html`` shows it).
    """
    return {
        **admin.site.each_context(request),
        "project": project,
        "tab": tab,
        "tabs": tabs_of(project),
        "title": project.name,
        "may_change": access.manages(request.user, project),
        "checklist": checklist(project, person_of(request)) if project.state == Project.State.DRAFT else [],
        **extra,
    }


def tabs_of(project: Project) -> list[dict[str, str]]:
    """The tabs whose page exists: ``{"key", "label", "url"}``."""
    found = ((tab, _url(tab, project)) for tab in TABS)
    return [{"key": tab.key, "label": tab.label, "url": url} for tab, url in found if url]


def _url(tab: Tab, project: Project) -> str:
    for route in tab.routes:
        try:
            if route.startswith("admin:"):
                return f"{reverse(route)}?project__id__exact={project.pk}"
            return reverse(route, args=[project.slug])
        except NoReverseMatch:
            continue
    return ""
