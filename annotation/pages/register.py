"""The page where anybody becomes an annotator of a project that allows it."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import login as start_session
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from annotation.models import Project
from annotation.pages.joining import joining
from annotation.projects import registration
from annotation.projects.membership import Refused
from potato_site.accounts import limits
from potato_site.accounts.client import client_network
from potato_site.accounts.decorators import login_url
from potato_site.accounts.forms import NewAccountForm
from potato_site.accounts.models import User
from potato_site.accounts.views import BACKEND


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest, slug: str) -> HttpResponse:
    project = registration.open_project(slug)
    if isinstance(request.user, User):
        return _join(request, project, request.user)
    form = NewAccountForm(request.POST if request.method == "POST" else None)
    context = {"project": project, "form": form, "login": login_url(request.path)}
    if request.method == "POST":
        # Refused ones count too: the form tells which names exist.
        if not limits.take("register", client_network(request)):
            return render(request, "annotation/register.html", {**context, "too_many": True}, status=429)
        if form.is_valid() and (user := _register(project, form)):
            start_session(request, user, backend=BACKEND)
            messages.success(request, f"Welcome to {project.name}.")
            return redirect("project", slug=slug)
    return render(request, "annotation/register.html", context)


def _register(project: Project, form: NewAccountForm) -> User | None:
    data = form.cleaned_data
    try:
        return registration.register(project, data["username"], data["password1"], data["email"])
    except ValidationError as error:
        form.add_error("username", error)
        return None


def _join(request: HttpRequest, project: Project, user: User) -> HttpResponse:
    if request.method != "POST":
        return render(request, "annotation/register.html", {"project": project})
    try:
        with joining(request):
            registration.join(project, user)
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect("home")
    return redirect("project", slug=project.slug)
