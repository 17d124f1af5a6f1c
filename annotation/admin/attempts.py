"""The order of the attempts at each issue, as the comparisons of a project make it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from annotation import access
from annotation.admin.frame import project_context
from annotation.quality.ranking import rankings
from potato_site.accounts.decorators import signed_in

ISSUES_SHOWN = 25


@require_safe
@signed_in
@never_cache
def attempts(request: HttpRequest, slug: str) -> HttpResponse:
    """``?behind=KEY`` is the page that begins behind this issue."""
    project = access.administered_project(request.user, slug)
    found = rankings(project, behind=request.GET.get("behind", ""), limit=ISSUES_SHOWN + 1)
    shown = found[:ISSUES_SHOWN]
    context = {"rankings": shown, "behind": shown[-1].issue if len(found) > ISSUES_SHOWN else ""}
    return render(request, "admin/attempts.html", project_context(request, project, "quality", **context))
