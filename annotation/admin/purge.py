"""Deleting a project for good: what would go, the slug typed, and how far it is."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from annotation import access
from annotation.admin.frame import project_context
from annotation.projects import purge as purging
from annotation.projects import purged_dataset
from potato_site.accounts.decorators import person_of, signed_in
from potato_site.jobs.models import Job


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@never_cache
def purge(request: HttpRequest, slug: str) -> HttpResponse:
    project = access.managed_project(request.user, slug)
    error = ""
    if request.method == "POST":
        if request.POST.get("slug", "").strip() == project.slug:
            try:
                return redirect("manage-purged", purging.begin(project, person_of(request)).pk)
            except purging.NotClosed:
                error = "The project was opened again. Close it first."
        else:
            error = f"This is not its name. Type {project.slug} to delete it."
    context = {
        **project_context(request, project, "setup"),
        "rows": [(name, count) for name, count in purging.counts(project).items() if count],
        "of_dataset": purged_dataset.told(project),
        "stays_in": purging.stays_in(project),
        "may_go": purging.may_go(project),
        "error": error,
    }
    return render(request, "admin/purge.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@never_cache
def purged(request: HttpRequest, job_id: int) -> HttpResponse:
    """How far it is, for who began it: the project is found by nobody any more. A POST begins again what failed."""
    job = Job.objects.filter(pk=job_id, kind=purging.JOB).first()
    if job is None or (job.params["by"] != request.user.pk and not person_of(request).is_superuser):
        raise Http404
    if request.method == "POST":
        return redirect("manage-purged", purging.begin_again(job).pk)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": f"Deleting {job.params['name']}",
        "job": job,
        "is_live": job.state in Job.LIVE,
        "done": job.progress.get("done") or 0,
        "total": job.progress.get("total") or 0,
        "result": job.progress.get("result") or {},
        # Who managed this project alone comes in no more.
        "back": reverse("admin:index") if access.administers_something(request.user) else reverse("home"),
    }
    template = "admin/purged.html#progress" if getattr(request, "htmx", False) else "admin/purged.html"
    return render(request, template, context)
