"""The page of a project's exports in the admin: ask for one, watch it being made, download what was published."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers

from annotation import access
from annotation.admin import selection
from annotation.admin.frame import project_context
from exports import current, download, requests
from exports.asked import UnknownScheme
from exports.forms import ExportForm
from exports.models import Export, ExportSchedule
from exports.options import changed, options_of
from exports.preview import preview
from exports.releases import is_gone, published
from exports.requests import CannotExport
from exports.steps import UnknownReward
from potato_site.accounts.decorators import person_of, signed_in
from potato_site.numbers import whole_number

PER_PAGE = 25
SHOWN_FILES = 12
# Options the table has words for.
TOLD = ("scheme", "include_surplus", "traces")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@never_cache
@vary_on_headers("HX-Request")
def exports(request: HttpRequest, slug: str) -> HttpResponse:
    """The list; POST asks for another one."""
    project = access.administered_project(request.user, slug)
    if request.method != "POST":
        part = "#published" if request.headers.get("HX-Target") == "published" else ""
        form = None if part else ExportForm(project, chosen=selection.chosen(request, project))
        return render(request, f"exports/exports.html{part}", _context(request, project, form))
    form = ExportForm(project, request.POST, chosen=selection.chosen(request, project))
    if form.is_valid() and "preview" in request.POST:
        try:
            shown = preview(project, form.cleaned_data["format"], options_of(form.options()))
        except (UnknownScheme, UnknownReward) as error:
            form.add_error(None, str(error))
        else:
            return render(request, "exports/exports.html", {**_context(request, project, form), "preview": shown})
    elif form.is_valid():
        try:
            _ask(request, project, form)
        except CannotExport as error:
            form.add_error(None, str(error))
        else:
            selection.forget(request)
            return redirect("manage-exports", slug)
    return render(request, "exports/exports.html", _context(request, project, form))


def _ask(request: HttpRequest, project: Any, form: ExportForm) -> None:
    """Ask for an export, or say that there is one: nothing new would appear in the list. Raises CannotExport."""
    name, options = form.cleaned_data["format"], form.options()
    if published(project, name, requests.checked(project, name, options)):
        messages.info(request, "Nothing has changed since the last export with these options: use that one.")
        return
    requests.ask(project, name, options, person_of(request))


@require_safe
@signed_in  # type: ignore[arg-type]  # a streamed answer is none of Django's HttpResponse
@never_cache
def export_file(request: HttpRequest, slug: str, export_id: int, name: str) -> HttpResponseBase:
    """A file of an export, whole or in part."""
    project = access.administered_project(request.user, slug)
    export = Export.objects.filter(project=project, pk=export_id).first()
    if export is None:
        raise Http404
    return download.send(export, name, request.headers)


def _context(request: HttpRequest, project: Any, form: ExportForm | None) -> dict[str, Any]:
    before = whole_number(request.GET.get("before", ""))
    rows = Export.objects.filter(project=project).order_by("-pk")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows[: PER_PAGE + 1])
    under_way = requests.under_way(project)
    return project_context(
        request,
        project,
        "exports",
        form=form,
        under_way=under_way,
        is_live=any(asked.is_live for asked in under_way),
        exports=[_row(export, project) for export in found[:PER_PAGE]],
        kept=current.kept(project) if form else [],
        n_schedules=ExportSchedule.objects.filter(project=project).count() if form else 0,
        older=found[PER_PAGE - 1].pk if len(found) > PER_PAGE else None,
        is_first_page=not before,
    )


def _row(export: Export, project: Any) -> dict[str, Any]:
    counts = export.manifest.get("counts", {})
    files = [
        {"name": name, "sha256": file.sha256, "bytes": file.size, "is_manifest": file.size is None}
        for name, file in download.files_of(export).items()
    ]
    return {
        "export": export,
        "scheme": export.manifest.get("scheme", ""),
        "changed_options": [one for one in changed(export.options) if one[0] not in TOLD],
        "changes": export.manifest.get("changes"),
        "warnings": export.manifest.get("warnings", []),
        "n_chosen": len(export.options.get("traces") or ()),
        "with_surplus": bool(export.options.get("include_surplus")),
        "counts": counts,
        "left_out": sorted(counts.get("left_out", {}).items()),
        "files": files[:SHOWN_FILES] + files[-1:] if len(files) > SHOWN_FILES + 1 else files,
        "more_files": max(len(files) - SHOWN_FILES - 1, 0),
        "is_current": export.seq == project.seq,
        "is_gone": is_gone(export),
    }
