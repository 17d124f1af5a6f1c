"""Forgetting a person: what would become of them, the name typed, and how far it is. For superusers: an account belongs
to the whole site."""

from __future__ import annotations

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from annotation.admin import for_good
from annotation.models import Assignment
from annotation.projects import forgetting
from potato_site.accounts.decorators import person_of, signed_in
from potato_site.accounts.forget import neutral_name
from potato_site.accounts.models import User
from potato_site.jobs.models import Job
from potato_site.operations.forgets import parts


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@never_cache
def forget(request: HttpRequest, user_id: int) -> HttpResponse:
    by = person_of(request)
    if not by.is_superuser:
        raise Http404
    user = get_object_or_404(User, pk=user_id)
    if not forgetting.is_left(user):
        raise Http404
    error = ""
    if request.method == "POST":
        if for_good.was_typed(request, user.username):
            try:
                job = forgetting.begin(user, by, with_exports="with_exports" in request.POST)
                return redirect("manage-forgotten", job.pk)
            except forgetting.CannotForget as refused:
                error = f"Nothing was changed: {str(refused).removesuffix('.')}."
        else:
            error = f"This is not the name. Type {user.username} to forget the person."
    projects = list(forgetting.projects_of(user))
    context = {
        **admin.site.each_context(request),
        "title": f"Forget {user.username}",
        "person": user,
        "becomes": neutral_name(user),
        "projects": projects,
        "n_assignments": Assignment.objects.filter(annotator=user).count(),
        "files": forgetting.files_of(user),
        "n_published": sum(part.published([project.pk for project in projects]) for part in parts.values()),
        "told_of_files": _told_of_files(forgetting.named_in_files(user)),
        "with_exports": "with_exports" in request.POST,
        "error": error,
    }
    return render(request, "admin/forget.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@never_cache
def forgotten(request: HttpRequest, job_id: int) -> HttpResponse:
    """How far it is. A POST begins again what failed."""
    if not person_of(request).is_superuser:
        raise Http404
    job = for_good.job_of(request, forgetting.JOB, job_id)
    return for_good.progress(request, job, "manage-forgotten", forgetting.begin_again, _said)


def _said(job: Job) -> for_good.Said:
    result = job.progress.get("result") or {}
    user = User.objects.filter(pk=job.params["person"]).first()
    done = [f"The person is forgotten. The account is called {result.get('name', '')} now."]
    if removed := result.get("removed"):
        done.append(f"{removed:,} file{' of theirs was' if removed == 1 else 's of theirs were'} removed.")
    if published := result.get("published"):
        done.append(
            "1 published export of their projects stays, and may name them."
            if published == 1
            else f"{published:,} published exports of their projects stay, and may name them."
        )
    if told := _told_of_files(job.params["files"]):
        done.append(told)
    return for_good.Said(
        title="Forgetting a person",
        queued="Nobody can sign in with the account any more. The rest is done as soon as a worker is free.",
        counted="parts are done",
        done=done,
        failed="Nobody can sign in with the account any more, but not all of the person is forgotten.",
        command=f"potato forget-person {user.username if user else ''}".strip(),
        back=reverse("admin:accounts_user_changelist"),
        back_to="Users",
    )


def _told_of_files(slugs: list[str]) -> str:
    if not slugs:
        return ""
    names = "configuration file of {} names" if len(slugs) == 1 else "configuration files of {} name"
    return f"The {names.format(', '.join(slugs))} them: take them out, or loading makes the account anew."
