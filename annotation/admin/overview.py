"""A project's overview: the numbers that are kept, with their age, and what is going on this minute."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from annotation import access
from annotation.admin.attention import is_hasty, is_skipping, is_wrong, notices, told_of_straight
from annotation.admin.figures import figures_of
from annotation.admin.frame import project_context
from annotation.admin.links import links_of
from annotation.models import Project
from annotation.projects import invitations
from annotation.projects.revisions import config_of
from annotation.quality import statistics
from annotation.quality.live import COUNTED, live, submissions_since
from potato_site.accounts.decorators import signed_in

PEOPLE_SHOWN = 25
NO_CONTENT = 204


@require_safe
@signed_in
@never_cache
@vary_on_headers("HX-Request", "HX-Target")
def overview(request: HttpRequest, slug: str) -> HttpResponse:
    """The page; to htmx the part that it asks for again. Kept numbers that did not change are not sent twice."""
    project = access.administered_project(request.user, slug)
    stats = statistics.read(project)
    part = request.headers.get("HX-Target", "") if request.headers.get("HX-Request") else ""
    if part == "figures" and request.GET.get("counted") == _mark(stats):
        return HttpResponse(status=NO_CONTENT)
    if part == "draft":
        return render(request, "admin/overview.html#draft", project_context(request, project, "overview"))
    template = f"admin/overview.html#{part}" if part in ("figures", "live") else "admin/overview.html"
    return render(request, template, project_context(request, project, "overview", **_context(request, project, stats)))


@require_safe
@signed_in
@never_cache
def quality(request: HttpRequest, slug: str) -> HttpResponse:
    """Agreement in full: every measure with its interval, and who agrees with whom."""
    project = access.administered_project(request.user, slug)
    stats = statistics.read(project)
    compares = project.revision_id is not None and config_of(project.revision_id).labels_pairs
    context = {
        "figures": figures_of(stats, timezone.now()),
        "age": _age(project, stats),
        "compares": compares,
        "decides": _decides(request, project),
    }
    return render(request, "admin/quality.html", project_context(request, project, "quality", **context))


@require_POST
@signed_in
@never_cache
def count(request: HttpRequest, slug: str) -> HttpResponse:
    """Have everything counted now. (It is counted by itself once a minute where something changed.)"""
    project = access.managed_project(request.user, slug)
    statistics.request(project.pk, delay_seconds=0)
    messages.info(request, "The numbers are being counted; they appear here when that is done.")
    return redirect("manage-overview", slug=project.slug)


def _context(request: HttpRequest, project: Project, stats: dict[str, statistics.Stat]) -> dict[str, Any]:
    figures, links = figures_of(stats, timezone.now()), links_of(project)
    now = live(project, timezone.now(), partial(access.work, request.user, [project.pk]))
    # Nobody asks while there is nothing to decide.
    decides = bool(figures.to_decide) and _decides(request, project)
    known_void = bool(figures.progress and figures.progress.get("known_void"))
    manages = known_void and access.managed(request.user).filter(pk=project.pk).exists()
    people = figures.progress["people"] if figures.progress else []
    return {
        "figures": figures,
        "live": now,
        "links": links,
        "notices": notices(project, figures, now, links, decides=decides, manages=manages),
        "people": [_person(one) for one in people[:PEOPLE_SHOWN]],
        "any_checked": any(one.get("checked") for one in people[:PEOPLE_SHOWN]),
        "any_straight": any(one.get("straight") for one in people[:PEOPLE_SHOWN]),
        "awaited": 0 if people else invitations.awaited(project),
        "age": _age(project, stats),
        "counted": _mark(stats),
    }


def _decides(request: HttpRequest, project: Project) -> bool:
    return access.adjudicated(request.user).filter(pk=project.pk).exists()


def _person(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        # Numbers of an earlier release do not have the reopened ones.
        "in_hand": row["assigned"] + row.get("reopened", 0),
        "is_hasty": is_hasty(row["too_fast"], row["submitted"]),
        "is_skipping": is_skipping(row["skipped"], row["submitted"]),
        "is_wrong": is_wrong(row.get("checked")),
        "told_of_straight": told_of_straight(row["straight"]) if row.get("straight") else "",
    }


def _mark(stats: dict[str, statistics.Stat]) -> str:
    """Changes whenever the numbers were counted again."""
    kept = stats.get(statistics.COUNT)
    return kept.computed_at.isoformat() if kept else ""


def _age(project: Project, stats: dict[str, statistics.Stat]) -> dict[str, Any] | None:
    """When the numbers were counted, and how many submissions came since; None before the first time."""
    kept = stats.get(statistics.COUNT)
    if kept is None:
        return None
    since = 0 if kept.is_current else submissions_since(project, kept.seq)
    return {"at": kept.computed_at, "since": since, "is_more": since >= COUNTED, "is_current": kept.is_current}
