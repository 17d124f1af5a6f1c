"""The buttons that open, pause and close a project."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import NoReverseMatch, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from annotation import access
from annotation.models import Project
from annotation.projects import lifecycle
from potato_site.accounts.decorators import person_of, signed_in

State = Project.State
DONE = {
    State.OPEN: "The project is open: its annotators get items now.",
    State.PAUSED: "The project is paused: nobody gets a new item. What people have open they can still submit.",
    State.CLOSED: "The project is closed: nobody gets a new item. What people have open they can still submit.",
}


@require_POST
@signed_in
@never_cache
def change(request: HttpRequest, slug: str) -> HttpResponse:
    project = access.managed_project(request.user, slug)
    state = request.POST.get("state", "")
    try:
        if lifecycle.set_state(project, state, person_of(request)):
            messages.success(request, DONE[State(state)])
    except lifecycle.NotReady as not_ready:
        for sentence in not_ready.missing:
            messages.error(request, sentence)
    return redirect(_back(request, project))


def _back(request: HttpRequest, project: Project) -> str:
    """The project's page the button stood on."""
    came_from = request.headers.get("Referer", "")
    start = request.build_absolute_uri(f"/admin/p/{project.slug}/")
    if came_from.startswith(start) and url_has_allowed_host_and_scheme(came_from, {request.get_host()}):
        return came_from
    try:
        return reverse("manage-overview", args=[project.slug])
    except NoReverseMatch:
        return reverse("admin:index")
