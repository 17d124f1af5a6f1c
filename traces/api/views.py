"""The endpoints of datasets: their traces, the uploads that bring them, and what became of each."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from potato_site.accounts.decorators import person_of
from potato_site.api.endpoint import Endpoint
from potato_site.api.pages import PARAMETERS, number_of, of, page
from potato_site.api.problems import Problem
from potato_site.api.query import flag
from traces import store, uploads
from traces.api import lookup, shown
from traces.api.uploads import MEDIA_TYPES, MULTIPART, arriving, arriving_files, is_form
from traces.import_options import ImportOptions
from traces.models import Document, Import
from traces.recognition import AUTO, UnknownFormat
from traces.shaping import Shaping, checked_issue_id

UPLOAD_PARAMETERS = [
    OpenApiParameter("name", str, description="What to call the file in reports."),
    OpenApiParameter("format", str, description="A converter's name; `auto` by default."),
    OpenApiParameter("id_key", str, description="Where a record has no `id`: the key of its id."),
    OpenApiParameter("text_key", str, description="Where it has no `issue_description`: the key of that text."),
    OpenApiParameter("redact", bool, description="Replace API keys, tokens and e-mail addresses."),
    OpenApiParameter("drop_subagents", bool, description="Leave out what sub-agents did."),
    OpenApiParameter("max_output", int, description="Cut outputs of more characters in their middle."),
    OpenApiParameter("max_steps", int, description="Split longer traces into linked parts."),
    OpenApiParameter("issue_id", str, description="That of all traces that name neither an issue nor an instance."),
    OpenApiParameter("X-Content-SHA256", str, OpenApiParameter.HEADER, description="Of the body, in hex."),
]


class OneDataset(Endpoint):
    tag = "Datasets"
    scopes = {"GET": "read"}

    @extend_schema(summary="One dataset", operation_id="dataset", responses=shown.DatasetShown)
    def get(self, request: Request, dataset_id: int) -> Response:
        return Response(shown.show_dataset(request, lookup.dataset(request, dataset_id)))


class Traces(Endpoint):
    tag = "Datasets"
    scopes = {"GET": "read", "POST": "import"}
    # What is uploaded twice is imported once: by its content, not by a key.
    remembers = False

    @extend_schema(
        summary="The traces of a dataset",
        operation_id="dataset_traces",
        parameters=[*PARAMETERS, OpenApiParameter("external_id", str, description="Only the trace of this id.")],
        responses=of(shown.TraceShown),
    )
    def get(self, request: Request, dataset_id: int) -> Response:
        rows = lookup.dataset(request, dataset_id).traces.select_related("current")
        wanted = request.query_params.get("external_id")
        if wanted is not None:
            rows = rows.filter(external_id=_key(request, "external_id"))
        return page(request, rows, partial(shown.show_trace, request))

    @extend_schema(
        summary="Upload traces",
        operation_id="dataset_upload",
        description=(
            "The body is the file, of any format that `convert-traces` reads, or an archive of such files. It is read "
            "as it arrives, whatever its size up to the limit, and imported by a job: ask for the import in `Location` "
            "until its state is `done`. The same content again gives the import it has already. A bad record is named "
            "in the import's files; it does not stop the others. A chunked body must announce its SHA-256, because one "
            "that was cut off cannot be told from a whole one."
        ),
        parameters=UPLOAD_PARAMETERS,
        request=dict.fromkeys(MEDIA_TYPES, OpenApiTypes.BINARY),
        responses={202: OpenApiResponse(shown.ImportShown, description="Kept, and queued for import.")},
    )
    def post(self, request: Request, dataset_id: int) -> Response:
        return _upload(request, dataset_id)


class OneTrace(Endpoint):
    tag = "Datasets"
    scopes = {"GET": "read"}

    @extend_schema(summary="One trace", operation_id="trace", responses=shown.TraceShown)
    def get(self, request: Request, dataset_id: int, trace_id: int) -> Response:
        return Response(shown.show_trace(request, lookup.trace(request, dataset_id, trace_id)))


class TraceDocument(Endpoint):
    tag = "Datasets"
    scopes = {"GET": "read"}

    @extend_schema(
        summary="The document of a trace",
        operation_id="trace_document",
        description="Canonical JSON as it is stored; its SHA-256 is the `ETag`.",
        parameters=[OpenApiParameter("version", int, description="Which version; the current one by default.")],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, dataset_id: int, trace_id: int) -> HttpResponse:
        trace = lookup.trace(request, dataset_id, trace_id)
        number = number_of(request, "version", 1, 2**31 - 1, trace.current.number if trace.current else 1)
        found = Document.objects.filter(version__trace=trace, version__number=number)
        row = found.values_list("version__sha256", "body").first()
        if row is None:
            raise Http404
        return HttpResponse(store.expand(row[1]), content_type="application/json", headers={"ETag": f'"{row[0]}"'})


class Imports(Endpoint):
    tag = "Datasets"
    scopes = {"GET": "read", "POST": "import"}
    remembers = False

    @extend_schema(
        summary="The imports of a dataset",
        operation_id="imports",
        parameters=PARAMETERS,
        responses=of(shown.ImportShown),
    )
    def get(self, request: Request, dataset_id: int) -> Response:
        rows = shown.imports(lookup.dataset(request, dataset_id).imports.all())
        return page(request, rows, partial(shown.show_import, request))

    @extend_schema(
        summary="Import files of traces",
        operation_id="dataset_import",
        description=(
            "As an upload of traces, or a form (`multipart/form-data`) of several files, which are imported together: "
            "results go to the traces of the other files. Files of the wrong kind are named in `refused`, the others "
            "are kept."
        ),
        parameters=UPLOAD_PARAMETERS,
        request=dict.fromkeys((*MEDIA_TYPES, MULTIPART), OpenApiTypes.BINARY),
        responses={202: OpenApiResponse(shown.ImportShown, description="Kept, and queued for import.")},
    )
    def post(self, request: Request, dataset_id: int) -> Response:
        if not is_form(request):
            return _upload(request, dataset_id)
        dataset, options = lookup.dataset(request, dataset_id), _options(request)
        with arriving_files(request) as files:
            batch, refused = uploads.receive_all(dataset, files, user=person_of(request), options=options)
        if batch is None:
            raise Problem("invalid", errors=[{"field": one.name, "message": str(one)} for one in refused])
        answer = shown.show_import(request, batch)
        answer["refused"] = [{"file": one.name, "message": str(one)} for one in refused]
        return Response(answer, status=202, headers={"Location": answer["url"]})


class CancelImport(Endpoint):
    tag = "Datasets"
    scopes = {"POST": "import"}

    @extend_schema(
        summary="Cancel an import",
        operation_id="import_cancel",
        description="What was read is kept. An import that is over is a conflict.",
        request=None,
        responses=shown.ImportShown,
    )
    def post(self, request: Request, dataset_id: int, import_id: int) -> Response:
        if not uploads.stop(_import(request, dataset_id, import_id), person_of(request)):
            raise Problem("conflict", "The import is over.")
        return Response(shown.show_import(request, _import(request, dataset_id, import_id)))


class RetryImport(Endpoint):
    tag = "Datasets"
    scopes = {"POST": "import"}

    @extend_schema(
        summary="Try an import again",
        operation_id="import_retry",
        description="One that failed or was cancelled, within a week. Nothing is taken twice.",
        request=None,
        responses={202: shown.ImportShown},
    )
    def post(self, request: Request, dataset_id: int, import_id: int) -> Response:
        if not uploads.retry(_import(request, dataset_id, import_id), person_of(request)):
            raise Problem(
                "conflict", "Only what failed or was cancelled, and is still on the server, can be tried again."
            )
        return Response(shown.show_import(request, _import(request, dataset_id, import_id)), status=202)


class OneImport(Endpoint):
    tag = "Datasets"
    scopes = {"GET": "read"}

    @extend_schema(summary="One import", operation_id="import", responses=shown.ImportShown)
    def get(self, request: Request, dataset_id: int, import_id: int) -> Response:
        return Response(shown.show_import(request, _import(request, dataset_id, import_id)))


class ImportFiles(Endpoint):
    tag = "Datasets"
    scopes = {"GET": "read"}

    @extend_schema(
        summary="The files of an import, and what was wrong in each",
        operation_id="import_files",
        parameters=PARAMETERS,
        responses=of(shown.ImportFileShown),
    )
    def get(self, request: Request, dataset_id: int, import_id: int) -> Response:
        batch = _import(request, dataset_id, import_id)
        return page(request, batch.files.all(), shown.show_file)


def _import(request: Request, dataset_id: int, pk: int) -> Import:
    found = shown.imports(lookup.dataset(request, dataset_id).imports.filter(pk=pk)).first()
    if found is None:
        raise Http404
    return found


def _upload(request: Request, dataset_id: int) -> Response:
    """Keep the body as one file."""
    dataset, options = lookup.dataset(request, dataset_id), _options(request)
    with arriving(request) as (stream, length, sha256):
        batch = uploads.receive(
            dataset,
            stream,
            name=request.query_params.get("name", ""),
            length=length,
            user=person_of(request),
            sha256=sha256,
            options=options,
        )
    answer = shown.show_import(request, batch)
    return Response(answer, status=202, headers={"Location": answer["url"]})


def _options(request: Request) -> ImportOptions:
    """Those in the query string. Raises Problem."""
    shaping = Shaping(
        drop_subagents=flag(request, "drop_subagents") or False,
        redact=flag(request, "redact") or False,
        max_output=_number(request, "max_output"),
        max_steps=_number(request, "max_steps"),
        issue_id=_issue_id(request),
    )
    options = ImportOptions(
        _key(request, "id_key") or "id", _key(request, "text_key"), _key(request, "format") or AUTO, shaping
    )
    try:
        options.check()
    except UnknownFormat as error:
        raise Problem("malformed", str(error)) from None
    return options


def _issue_id(request: Request) -> str | None:
    """Raises Problem."""
    text = request.query_params.get("issue_id")
    try:
        return None if text is None else checked_issue_id(text)
    except ValueError as error:
        raise Problem("malformed", f"issue_id {error}.") from None


def _number(request: Request, name: str) -> int | None:
    """Raises Problem."""
    return number_of(request, name, 1, 2**31 - 1, 0) or None


def _key(request: Request, name: str) -> Any:
    """A name in the query string, None without one. Raises Problem."""
    text = request.query_params.get(name)
    if text is not None and not (0 < len(text) <= 255 and text.isprintable()):
        raise Problem("malformed", f"{name} must be 1 to 255 printable characters.")
    return text
