"""A new project: its name, traces, questions, people and quality on one page, made all at once."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from annotation import access
from annotation.admin.large_files import takes_large_files
from annotation.admin.new_project_form import OWN, NewProjectForm
from annotation.models import Project
from annotation.projects import create
from annotation.projects.presets import presets
from potato_site.accounts.decorators import person_of, signed_in
from potato_site.accounts.models import User
from potato_site.home import HomeError
from traces import uploads
from traces.import_options import ImportOptions
from traces.models import Dataset
from traces.uploads import UploadRefused


def may_make(request: HttpRequest) -> bool:
    return access.manages_something(request.user)


def refused(request: HttpRequest, error: UploadRefused) -> HttpResponse:
    """Nothing was read, so the form is empty again: the page says why."""
    form = NewProjectForm(user=person_of(request))
    return _page(request, form, status=error.status, refusal=str(error))


@takes_large_files(may_make, refused)
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@never_cache
def new(request: HttpRequest) -> HttpResponse:
    if not may_make(request):
        raise Http404
    user = person_of(request)
    if request.method != "POST":
        return _page(request, NewProjectForm(user=user))
    form = NewProjectForm(request.POST, request.FILES, user=user)
    if not form.is_valid():
        return _page(request, form)
    try:
        project = _make(form, user)
    except UploadRefused as error:
        form.add_error("file", str(error))
        return _page(request, form)
    except (OSError, HomeError) as error:
        form.add_error(None, f"The folder of the project cannot be made: {getattr(error, 'strerror', None) or error}.")
        return _page(request, form)
    _tell(request, form, project)
    return redirect("manage-overview", slug=project.slug)


def _make(form: NewProjectForm, user: User) -> Project:
    """The project with its first file of traces, or nothing."""
    values = form.cleaned_data
    file, op_id = values["file"], values["op_id"]
    made = create.made_before(user, op_id)

    def make() -> Dataset:
        nonlocal made
        dataset = values["dataset"] if values["traces"] == "existing" else values["name"]
        made = create.create_project(values["name"], dataset, form.config, form.entries, user, op_id)
        return made.dataset

    if made is None and file is not None:
        data = form.config.data
        uploads.receive(
            make,
            file,
            name=file.name,
            length=file.size,
            user=user,
            options=ImportOptions(id_key=data.id_key, text_key=data.text_key),
        )
    elif made is None:
        make()
    assert made is not None
    return made


def _tell(request: HttpRequest, form: NewProjectForm, project: Project) -> None:
    messages.success(request, f"“{project.name}” is made. It is a draft: nobody else sees it until you open it.")
    for note in form.warnings:
        messages.warning(request, str(note))


def _page(request: HttpRequest, form: NewProjectForm, status: int = 200, refusal: str = "") -> HttpResponse:
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "New project",
        "form": form,
        "refusal": refusal,
        "presets": presets(),
        "own": OWN,
        "chosen": form["questions"].value(),
        "limit_bytes": settings.POTATO_MAX_UPLOAD_BYTES,
    }
    return render(request, "admin/new_project.html", context, status=status)
