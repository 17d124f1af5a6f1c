"""The traces of a project: what was imported, with what is wrong in it, and a form to upload more."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from annotation import access
from annotation.admin.attention import told_of_stepless
from annotation.admin.frame import project_context
from annotation.admin.large_files import takes_large_files
from annotation.admin.shown_imports import SHOWN_NAMES, shown_imports
from annotation.admin.upload_options import OptionsForm
from annotation.models import Item, Project
from annotation.projects.revisions import current
from potato_site.accounts.decorators import person_of, signed_in
from potato_site.accounts.models import AuditEntry
from traces import uploads, watching
from traces.access import dataset_of, datasets_of
from traces.models import Dataset, Import
from traces.uploads import Sent, UploadRefused


def may_upload(request: HttpRequest, slug: str) -> bool:
    """For managers of the project who also manage its dataset."""
    project = access.managed(request.user).filter(slug=slug).first()
    return project is not None and datasets_of(request.user).filter(pk=project.dataset_id).exists()


def refused(request: HttpRequest, error: UploadRefused, slug: str) -> HttpResponse:
    """Nothing was read: the page says why, with the status that fits."""
    if _is_script(request):
        return _told(str(error), error.status)
    return _page(request, access.managed_project(request.user, slug), status=error.status, errors=[str(error)])


@takes_large_files(may_upload, refused)
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@never_cache
def upload(request: HttpRequest, slug: str) -> HttpResponse:
    project = access.administered_project(request.user, slug)
    if request.method != "POST":
        return _page(request, project)
    project = access.managed_project(request.user, slug)
    dataset = dataset_of(request.user, project.dataset_id)
    errors, note = _receive(request, project, dataset)
    if _is_script(request):
        return _told("\n".join(errors), 422) if errors else _told(note, 202)
    if note:
        messages.info(request, note)
    if errors:
        return _page(request, project, errors=errors)
    return redirect("manage-upload", slug=slug)


def _receive(request: HttpRequest, project: Project, dataset: Dataset) -> tuple[list[str], str]:
    """Take the files of the form, as one import. Returns what was wrong, by file, and what else there is to say; the
    good ones are kept."""
    files = request.FILES.getlist("file")
    if not files:
        return ["Choose a file first."], ""
    form = OptionsForm(request.POST)
    if not form.is_valid():
        return [f"{form.fields[name].label}: {text}" for name, found in form.errors.items() for text in found], ""
    folders = _folders(request, len(files))
    sent = [
        Sent(file, file.name or "", file.size, folder=folder, close=file.close)
        for file, folder in zip(files, folders, strict=True)
    ]
    data = current(project).data
    options = replace(form.options(), id_key=data.id_key, text_key=data.text_key)
    batch, refused = uploads.receive_all(dataset, sent, user=person_of(request), options=options)
    note = ""
    if batch is not None and not batch.is_new:
        names = ", ".join(uploads.shown_name(one.name) for one in sent[:SHOWN_NAMES])
        more = f" and {len(sent) - SHOWN_NAMES} more" if len(sent) > SHOWN_NAMES else ""
        note = f"{names}{more} {'was' if len(sent) == 1 else 'were'} imported already: nothing to do."
    return [f"{error.name}: {error}" for error in refused], note


def _folders(request: HttpRequest, n: int) -> list[str]:
    """Where each of `n` files lay in what was dropped, as the script of the page tells; empty without it."""
    try:
        told = json.loads(request.POST.get("folders", "[]"))
    except ValueError:
        told = []
    is_whole = isinstance(told, list) and len(told) == n and all(isinstance(folder, str) for folder in told)
    return told if is_whole else [""] * n


@require_POST
@signed_in
def cancel(request: HttpRequest, slug: str, import_id: int) -> HttpResponse:
    """Stop an import under way."""
    batch = _import(request, slug, import_id)
    if not uploads.stop(batch, person_of(request)):
        messages.info(request, "That import was over already.")
    return redirect("manage-upload", slug=slug)


@require_POST
@signed_in
def retry(request: HttpRequest, slug: str, import_id: int) -> HttpResponse:
    """Run an import again that failed or was cancelled."""
    batch = _import(request, slug, import_id)
    if not uploads.retry(batch, person_of(request)):
        messages.error(request, "Its files are no longer on this server: upload them again.")
    return redirect("manage-upload", slug=slug)


@require_POST
@signed_in
def watch(request: HttpRequest, slug: str) -> HttpResponse:
    """Choose the folder of the server that the dataset is fed from: for superusers, among those the settings allow."""
    project = access.managed_project(request.user, slug)
    dataset = dataset_of(request.user, project.dataset_id)
    if not request.user.is_superuser:
        raise Http404
    folder = request.POST.get("folder", "")
    try:
        watching.watch(dataset, folder)
    except ValueError as error:
        messages.error(request, f"Not changed: {error}.")
    else:
        AuditEntry.objects.create(
            user=request.user, action="traces.watch", object=f"dataset {dataset.pk}", after={"folder": folder}
        )
    return redirect("manage-upload", slug=slug)


def _import(request: HttpRequest, slug: str, pk: int) -> Import:
    """An import into the dataset of a project this person manages. Raises Http404."""
    project = access.managed_project(request.user, slug)
    return get_object_or_404(dataset_of(request.user, project.dataset_id).imports, pk=pk)


def _is_script(request: HttpRequest) -> bool:
    return request.headers.get("Accept") == "application/json"


def _told(message: str, status: int) -> JsonResponse:
    return JsonResponse({"message": message}, status=status)


# --- the page ----------------------------------------------------------------------------------------------


def _page(request: HttpRequest, project: Project, status: int = 200, errors: Any = ()) -> HttpResponse:
    imports = shown_imports(project.dataset)
    is_live = any(one.is_live for one in imports)
    items = Item.objects.filter(project=project).order_by("-position").values_list("position", flat=True).first()
    context = project_context(
        request,
        project,
        "traces",
        errors=errors,
        imports=imports,
        options=OptionsForm(label_suffix=""),
        watched_folder=project.dataset.watched_folder,
        allowed_folders=watching.allowed_folders() if request.user.is_superuser else [],
        is_live=is_live,
        items=0 if items is None else items + 1,
        # Not while it is asked again every two seconds.
        without_steps=[] if is_live else told_of_stepless(project),
        may_upload=may_upload(request, project.slug),
        limit_bytes=settings.POTATO_MAX_UPLOAD_BYTES,
        limit_files=settings.DATA_UPLOAD_MAX_NUMBER_FILES,
        limit_text=f"{settings.POTATO_MAX_UPLOAD_BYTES / 1e6:,.0f} MB",
        traces_url=f"{reverse('admin:traces_trace_changelist')}?project={project.pk}",
    )
    template = "admin/upload.html#imports" if request.htmx else "admin/upload.html"  # type: ignore[attr-defined]
    return render(request, template, context, status=status)
