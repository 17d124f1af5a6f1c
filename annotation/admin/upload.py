"""The traces of a project: what was imported, with what is wrong in it, and a form to upload more."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from annotation import access
from annotation.admin.attention import told_of_stepless
from annotation.admin.frame import project_context
from annotation.admin.large_files import takes_large_files
from annotation.admin.upload_options import OptionsForm
from annotation.assignments.stepless import left_out
from annotation.models import Item, Project
from annotation.projects.revisions import current
from potato_site.accounts.decorators import signed_in
from potato_site.accounts.models import AuditEntry
from potato_site.jobs.models import Job
from traces import uploads, watching
from traces.access import dataset_of, datasets_of
from traces.imports import ARCHIVE, COUNTED, MAX_PROBLEMS
from traces.models import Dataset, Import, ImportFile
from traces.uploads import Sent, UploadRefused

SHOWN = 20
SHOWN_FILES = 200
SHOWN_NAMES = 3
FILES_WITH_PROBLEMS = 20
# A queued job is taken up within a second where a worker runs.
WAITING_SECONDS = 5
State = Job.State


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
    batch, refused = uploads.receive_all(dataset, sent, user=request.user, options=options)  # type: ignore[arg-type]
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
    if not uploads.stop(batch, request.user):  # type: ignore[arg-type]
        messages.info(request, "That import was over already.")
    return redirect("manage-upload", slug=slug)


@require_POST
@signed_in
def retry(request: HttpRequest, slug: str, import_id: int) -> HttpResponse:
    """Run an import again that failed or was cancelled."""
    batch = _import(request, slug, import_id)
    if not uploads.retry(batch, request.user):  # type: ignore[arg-type]
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
        without_steps="" if is_live else told_of_stepless(left_out(project).count()),
        may_upload=may_upload(request, project.slug),
        limit_bytes=settings.POTATO_MAX_UPLOAD_BYTES,
        limit_files=settings.DATA_UPLOAD_MAX_NUMBER_FILES,
        limit_text=f"{settings.POTATO_MAX_UPLOAD_BYTES / 1e6:,.0f} MB",
        traces_url=f"{reverse('admin:traces_trace_changelist')}?project={project.pk}",
    )
    template = "admin/upload.html#imports" if request.htmx else "admin/upload.html"  # type: ignore[attr-defined]
    return render(request, template, context, status=status)


@dataclass(frozen=True)
class ShownImport:
    """An import as the page shows it."""

    batch: Import
    state: str  # waiting, queued, running, done, failed, cancelled
    text: str
    done: int
    total: int
    counts: dict[str, int]
    files: list[ImportFile]  # the first SHOWN_FILES
    n_files: int
    sent: list[str]  # what was sent; what lay in an archive goes by its name
    problems: list[dict[str, Any]]

    @property
    def is_live(self) -> bool:
        return self.state in ("waiting", "queued", "running")

    @property
    def names(self) -> list[str]:
        return self.sent[:SHOWN_NAMES]

    @property
    def n_more(self) -> int:
        return len(self.sent) - len(self.names)

    @property
    def n_inside(self) -> int:
        """Files that lay in archives."""
        return self.n_files - len(self.sent)

    @property
    def n_problems(self) -> int:
        return self.counts["problems"]

    @property
    def has_counts(self) -> bool:
        """Files are counted when they are read to their end: one that was stopped before says nothing of its traces."""
        return self.state == "done" or any(self.counts.values())

    @property
    def may_retry(self) -> bool:
        return self.state in ("failed", "cancelled") and uploads.path_of(self.batch).exists()


def shown_imports(dataset: Dataset) -> list[ShownImport]:
    """The latest imports into a dataset, newest first."""
    plain = ImportFile.objects.only("pk", "batch", "file", "format", "counts").order_by("pk")
    rows = list(
        dataset.imports.select_related("job", "made_by")
        .prefetch_related(Prefetch("files", plain))
        .order_by("-pk")[:SHOWN]
    )
    problems = _problems(rows)
    return [_shown(batch, problems) for batch in rows]


def _problems(batches: list[Import]) -> dict[int, list[dict[str, Any]]]:
    """What the first files with problems or warnings say, by import; in one query."""
    wanted: list[int] = []
    for batch in batches:
        told = [file.pk for file in batch.files.all() if _says_something(file)]
        wanted += told[:FILES_WITH_PROBLEMS]
    found: dict[int, list[dict[str, Any]]] = {}
    for pk, problems in ImportFile.objects.filter(pk__in=wanted).order_by("pk").values_list("batch", "problems"):
        found.setdefault(pk, []).extend(problems)
    return found


def _says_something(file: ImportFile) -> bool:
    return bool(file.counts.get("problems") or file.counts.get("warnings"))


def _shown(batch: Import, problems: dict[int, list[dict[str, Any]]]) -> ShownImport:
    counts = dict.fromkeys(COUNTED, 0)
    files = list(batch.files.all())
    for file in files:
        for key in counts:
            counts[key] += file.counts.get(key, 0)
    state = _state(batch.job)
    progress = batch.job.progress if batch.job else {}
    return ShownImport(
        batch=batch,
        state=state,
        text=_text(state, progress.get("message") or ""),
        done=progress.get("done") or 0,
        total=progress.get("total") or 0,
        counts=counts,
        files=files[:SHOWN_FILES],
        n_files=len(files),
        sent=_sent(files),
        problems=problems.get(batch.pk, [])[:MAX_PROBLEMS],
    )


def _sent(files: list[ImportFile]) -> list[str]:
    archives = tuple(f"{file.file}/" for file in files if file.format == ARCHIVE)
    return [file.file for file in files if not file.file.startswith(archives)]


def _state(job: Job | None) -> str:
    """An import that a command ran has no job: it is over."""
    if job is None or job.state == State.DONE:
        return "done"
    if job.state == State.QUEUED and timezone.now() - job.due_at > timedelta(seconds=WAITING_SECONDS):
        return "waiting"
    return str(job.state)


def _text(state: str, message: str) -> str:
    # The job says at times how far it is: what came in behind that is kept as well.
    read = f" after {message} or more" if message else ""
    return {
        "waiting": "Waiting for a worker. The file is safe; the import starts as soon as one runs.",
        "queued": "About to start",
        "running": f"Importing: {message}" if message else "Importing",
        "failed": f"The import ended early{read}: what was read is kept. Try it again; nothing is taken twice.",
        "cancelled": f"Cancelled{read}: what was read is kept. Tried again, it takes nothing twice.",
        "done": "Done",
    }[state]
