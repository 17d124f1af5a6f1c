"""The endpoints of exports. Who may look into a project as a whole may export it."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import Http404, HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api import lookup
from exports import download, requests
from exports.api.options import OptionsGiven
from exports.formats import formats
from exports.models import Export
from exports.requests import Asked, CannotExport
from potato_site.accounts.decorators import person_of
from potato_site.api.addresses import address
from potato_site.api.endpoint import Endpoint, Strict, read
from potato_site.api.pages import PARAMETERS, of, page
from potato_site.api.problems import Problem, translate
from potato_site.jobs.models import Job


class ExportAsked(Strict):
    format = serializers.CharField(max_length=64, help_text=f"One of: {', '.join(formats.names())}.")
    options = OptionsGiven(required=False)


class ExportFileShown(serializers.Serializer):
    name = serializers.CharField()
    sha256 = serializers.CharField(help_text="Also the ETag of the download.")
    bytes = serializers.IntegerField(allow_null=True)
    url = serializers.URLField()


class ExportShown(serializers.Serializer):
    id = serializers.IntegerField()
    format = serializers.CharField()
    options = serializers.DictField()
    seq = serializers.IntegerField(help_text="The project's change counter: the same seq and options, the same bytes.")
    published_at = serializers.DateTimeField()
    manifest = serializers.DictField()
    files = ExportFileShown(many=True)
    url = serializers.URLField()


class RequestShown(serializers.Serializer):
    id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=Job.State.choices)
    format = serializers.CharField()
    options = serializers.DictField()
    traces_done = serializers.IntegerField()
    error = serializers.CharField(help_text="Why it failed; empty otherwise.")
    export = ExportShown(allow_null=True, help_text="When the state is done.")
    url = serializers.URLField()


@translate(CannotExport)
def refusal(error: CannotExport) -> Problem:
    if not error.has_room:
        return Problem("no-room", str(error))
    return Problem("invalid", errors=[{"field": name, "message": message} for name, message in error.problems])


@translate(download.FileGone)
def gone(error: download.FileGone) -> Problem:
    return Problem("not-found", f"The export is known, but {error} on the server's disk.")


class Exports(Endpoint):
    tag = "Exports"
    scopes = {"GET": "export", "POST": "export"}

    @extend_schema(
        summary="Published exports", operation_id="exports_list", parameters=PARAMETERS, responses=of(ExportShown)
    )
    def get(self, request: Request, slug: str) -> Response:
        """The oldest first: the newest stands on the last page."""
        rows = _exports(lookup.administered_project(request, slug))
        return page(request, rows, partial(show_export, request))

    @extend_schema(
        summary="Ask for an export",
        operation_id="exports_ask",
        description="A job makes it: ask for what `Location` names until its state is `done`. Where the project has "
        "not changed since an export with the same options, it is that export.",
        request=ExportAsked,
        responses={202: OpenApiResponse(RequestShown, description="Queued.")},
    )
    def post(self, request: Request, slug: str) -> Response:
        project, given = lookup.administered_project(request, slug), read(ExportAsked, request)
        job = requests.ask(project, given["format"], given.get("options") or {}, person_of(request))
        answer = show_asked(request, Asked(job, None), slug)
        return Response(answer, status=202, headers={"Location": answer["url"]})


class OneRequest(Endpoint):
    tag = "Exports"
    scopes = {"GET": "export"}

    @extend_schema(summary="What became of a request", operation_id="exports_asked", responses=RequestShown)
    def get(self, request: Request, slug: str, job_id: int) -> Response:
        found = requests.asked(lookup.administered_project(request, slug), job_id)
        if found is None:
            raise Http404
        return Response(show_asked(request, found, slug))


class OneExport(Endpoint):
    tag = "Exports"
    scopes = {"GET": "export"}

    @extend_schema(summary="One export", operation_id="exports_one", responses=ExportShown)
    def get(self, request: Request, slug: str, export_id: int) -> Response:
        return Response(show_export(request, _export(request, slug, export_id)))


class ExportFile(Endpoint):
    tag = "Exports"
    scopes = {"GET": "export"}

    @extend_schema(
        summary="Download a file of an export",
        operation_id="exports_file",
        description="A part of it with `Range`; `If-Range` and `If-None-Match` take the ETag, its SHA-256.",
        parameters=[OpenApiParameter("Range", str, OpenApiParameter.HEADER, description="`bytes=1000-` say.")],
        responses={
            (200, "application/octet-stream"): OpenApiTypes.BINARY,
            (206, "application/octet-stream"): OpenApiTypes.BINARY,
            (304, "application/octet-stream"): OpenApiResponse(description="You have it."),
            (416, "application/octet-stream"): OpenApiResponse(description="No such bytes."),
        },
    )
    def get(self, request: Request, slug: str, export_id: int, name: str) -> HttpResponseBase:
        return download.send(_export(request, slug, export_id), name, request.headers)


def show_export(request: Request, export: Export) -> dict[str, Any]:
    slug = export.project.slug
    files = [
        {
            "name": name,
            "sha256": file.sha256,
            "bytes": file.size,
            "url": address(request, "api-export-file", slug, export.pk, name),
        }
        for name, file in download.files_of(export).items()
    ]
    return {
        "id": export.pk,
        "format": export.format,
        "options": export.options,
        "seq": export.seq,
        "published_at": export.published_at,
        "manifest": export.manifest,
        "files": files,
        "url": address(request, "api-export", slug, export.pk),
    }


def show_asked(request: Request, asked: Asked, slug: str) -> dict[str, Any]:
    return {
        "id": asked.job.pk,
        "state": asked.state,
        "format": asked.format,
        "options": asked.options,
        "traces_done": asked.done,
        "error": asked.error,
        "export": show_export(request, asked.export) if asked.export else None,
        "url": address(request, "api-export-request", slug, asked.job.pk),
    }


def _exports(project: Any) -> Any:
    return Export.objects.filter(project=project).select_related("project")


def _export(request: Request, slug: str, pk: int) -> Export:
    found = _exports(lookup.administered_project(request, slug)).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found
