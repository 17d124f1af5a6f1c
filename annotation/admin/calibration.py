"""The calibration set of a project: who has labeled it, where they differ, how near they come to what is known. For
those who decide where annotators differ; what is known is for managers alone, as adjudicators may label, too."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from annotation import access
from annotation.admin.frame import project_context
from annotation.quality.calibrated import calibration_of
from potato_site.accounts.decorators import signed_in


@require_safe
@signed_in
@never_cache
def calibration(request: HttpRequest, slug: str) -> HttpResponse:
    project = access.adjudicated_project(request.user, slug)
    items = f"{reverse('admin:annotation_item_changelist')}?project__id__exact={project.pk}"
    context = {"calibration": calibration_of(project), "items_url": items}
    return render(request, "admin/calibration.html", project_context(request, project, "quality", **context))
