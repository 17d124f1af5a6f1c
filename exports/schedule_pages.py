"""The pages of a project's export schedules: its managers make, change, pause, run and remove them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from annotation import access
from annotation.admin.frame import project_context
from exports.models import ExportSchedule
from exports.options import changed
from exports.schedule_forms import FIELDS, ScheduleForm
from exports.schedules import next_run, run_soon
from potato_site.accounts.decorators import signed_in
from potato_site.accounts.middleware import zone_of
from potato_site.accounts.models import AuditEntry


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@never_cache
def schedules(request: HttpRequest, slug: str) -> HttpResponse:
    """The list, and a form for one more. POST with an ``act`` does that to one schedule."""
    if request.method != "POST":
        project = access.administered_project(request.user, slug)
        return _page(request, project, ScheduleForm(project, has_own_zone=zone_of(request) is not None))
    project = access.managed_project(request.user, slug)
    if request.POST.get("act"):
        _act(request, project)
        return redirect("manage-schedules", slug)
    form = ScheduleForm(project, request.POST)
    if not form.is_valid():
        return _page(request, project, form)
    with transaction.atomic():
        schedule = form.save(request.user)
        _note(request, schedule, "export.schedule")
    return redirect("manage-schedules", slug)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@never_cache
def schedule(request: HttpRequest, slug: str, schedule_id: int) -> HttpResponse:
    """The form of one schedule, to change it."""
    project = access.managed_project(request.user, slug)
    mine = get_object_or_404(ExportSchedule, project=project, pk=schedule_id)
    before = _state(mine)
    form = ScheduleForm(project, request.POST if request.method == "POST" else None, mine)
    if form.is_valid():
        with transaction.atomic():
            _note_change(request, before, form.save(request.user))
        messages.success(request, f"The schedule of {mine.format} is changed.")
        return redirect("manage-schedules", slug)
    return render(request, "exports/schedule.html", project_context(request, project, "exports", form=form))


def _act(request: HttpRequest, project: Any) -> None:
    act, pk = request.POST["act"], request.POST.get("schedule", "")
    schedule = ExportSchedule.objects.filter(project=project, pk=pk if pk.isdecimal() and len(pk) < 19 else 0).first()
    if schedule is None or act not in ACTS:
        raise Http404
    with transaction.atomic():
        _note(request, schedule, f"export.schedule.{act}")
        messages.success(request, ACTS[act](schedule))


def _pause(schedule: ExportSchedule) -> str:
    ExportSchedule.objects.filter(pk=schedule.pk).update(is_paused=True)
    return "Paused: it runs no more until it is resumed."


def _resume(schedule: ExportSchedule) -> str:
    """What was missed meanwhile is not made up for."""
    after = timezone.now()
    next_at = next_run(schedule.cron, schedule.timezone, after) if schedule.cron else None
    ExportSchedule.objects.filter(pk=schedule.pk).update(is_paused=False, next_run_at=next_at)
    return "Resumed."


def _run(schedule: ExportSchedule) -> str:
    run_soon(schedule)
    return "A worker will make it now; it appears among the exports."


def _remove(schedule: ExportSchedule) -> str:
    schedule.delete()
    return "Removed. What it has published stays."


ACTS = {"pause": _pause, "resume": _resume, "run": _run, "remove": _remove}


def _note(request: HttpRequest, schedule: ExportSchedule, action: str) -> None:
    after = {name: getattr(schedule, name) for name in FIELDS}
    user: Any = request.user
    AuditEntry.objects.create(user=user, project=schedule.project, action=action, object=str(schedule), after=after)


def _state(schedule: ExportSchedule) -> dict[str, Any]:
    """What a manager sets, options by name."""
    return {**schedule.options, **{name: getattr(schedule, name) for name in FIELDS}}


def _note_change(request: HttpRequest, before: dict[str, Any], schedule: ExportSchedule) -> None:
    """What changed, and nothing else."""
    after = _state(schedule)
    names = [name for name in after if after[name] != before.get(name)]
    if not names:
        return
    user: Any = request.user
    AuditEntry.objects.create(
        user=user,
        project=schedule.project,
        action="export.schedule.change",
        object=str(schedule),
        before={name: before.get(name) for name in names},
        after={name: after[name] for name in names},
    )


def _page(request: HttpRequest, project: Any, form: ScheduleForm) -> HttpResponse:
    rows = ExportSchedule.objects.filter(project=project).select_related("made_by").order_by("pk")
    shown = [(schedule, changed(schedule.options)) for schedule in rows[:200]]
    context = project_context(request, project, "exports", form=form, schedules=shown)
    return render(request, "exports/schedules.html", context)
