"""Deleting a project for good: what would go, the slug typed, and how far it is."""

from __future__ import annotations

from functools import partial

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from annotation import access
from annotation.admin import for_good
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
        if for_good.was_typed(request, project.slug):
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
    job = for_good.job_of(request, purging.JOB, job_id)
    # Who managed this project alone comes in no more.
    back = reverse("admin:index") if access.administers_something(request.user) else reverse("home")
    return for_good.progress(request, job, "manage-purged", purging.begin_again, partial(_said, back))


def _said(back: str, job: Job) -> for_good.Said:
    name, result = job.params["name"], job.progress.get("result") or {}
    stays = [f"What was delivered to {result['output']} stays there."] if result.get("output") else []
    return for_good.Said(
        title=f"Deleting {name}",
        queued="Nobody finds the project any more. What belongs to it is deleted as soon as a worker is free.",
        counted="rows are gone",
        done=[f"{name} is deleted.", *stays, *result.get("spared", ())],
        failed="Nobody finds the project any more, but not all of it is gone.",
        command=f"potato purge {job.params['slug']}",
        back=back,
        back_to="Projects",
    )
