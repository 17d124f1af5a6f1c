"""What is done for good: its name is typed, a job does it, and a page says how far that is, or begins it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from potato_site.accounts.decorators import person_of
from potato_site.jobs.models import Job


@dataclass(frozen=True)
class Said:
    """The words of the page. ``counted`` stands behind "3 of 7"; of ``done`` the first sentence is the news; the
    ``command`` does the same on the server."""

    title: str
    queued: str
    counted: str
    done: Sequence[str]
    failed: str
    command: str
    back: str
    back_to: str


def was_typed(request: HttpRequest, wanted: str) -> bool:
    """Whether the form of ``admin/_typed.html`` came with what it asked for."""
    return request.POST.get("typed", "").strip() == wanted


def job_of(request: HttpRequest, kind: str, job_id: int) -> Job:
    """One that this person began; any for a superuser. Raises Http404."""
    job = Job.objects.filter(pk=job_id, kind=kind).first()
    if job is None or (job.params["by"] != request.user.pk and not person_of(request).is_superuser):
        raise Http404
    return job


def progress(
    request: HttpRequest, job: Job, route: str, begin_again: Callable[[Job], Job], say: Callable[[Job], Said]
) -> HttpResponse:
    """How far it is. A POST begins again what failed, and leads to the ``route`` of the new job."""
    if request.method == "POST":
        return redirect(route, begin_again(job).pk)
    said = say(job)
    context = {
        **admin.site.each_context(request),
        "title": said.title,
        "said": said,
        "route": route,
        "job": job,
        "is_live": job.state in Job.LIVE,
        "done": job.progress.get("done") or 0,
        "total": job.progress.get("total") or 0,
    }
    template = "admin/for_good.html#progress" if getattr(request, "htmx", False) else "admin/for_good.html"
    return render(request, template, context)
