"""The list of background work: of the person's own projects, and all of it for superusers."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet

from annotation import access
from potato_site.jobs.models import Job
from potato_site.jobs.registry import title_of
from potato_site.scoped_admin import ScopedAdmin
from traces.models import Import

LEVELS = {"done": "good", "failed": "bad", "running": "work", "queued": "work"}


@admin.register(Job)
class JobAdmin(ScopedAdmin):
    list_display = ("title", "status", "progressed", "created_at", "finished_at", "failures")
    list_filter = ("state", "queue")
    sortable_by = ()
    ordering = ("-pk",)
    fields = ("title", "queue", "state", "progressed", "created_at", "finished_at", "failures", "error")
    readonly_fields = ("title", "progressed")

    def visible_to(self, user: Any) -> QuerySet[Job]:
        """A job is a project's by its parameter ``project``, an import's by its dataset."""
        if user.is_superuser:
            return Job.objects.all()
        projects = access.administered(user)
        imports = Import.objects.filter(dataset__in=projects.values("dataset")).exclude(job=None)
        mine = Q(project_id__in=list(projects.values_list("pk", flat=True))) | Q(pk__in=imports.values("job"))
        return Job.objects.filter(mine)

    @admin.display(description="kind")
    def title(self, job: Job) -> str:
        return title_of(job.kind)

    @admin.display(description="state")
    def status(self, job: Job) -> Any:
        from annotation.admin.lists import ProjectList

        return ProjectList.flag(job.get_state_display().lower(), LEVELS.get(job.state, "quiet"))

    @admin.display(description="progress")
    def progressed(self, job: Job) -> str:
        """How far it is. It says so at times only: of one that is done the last word would be "7 of 8"."""
        done, total = job.progress.get("done"), job.progress.get("total")
        counted = f"{done} of {total}" if total else str(done or "")
        if job.state == Job.State.DONE:
            counted = ""
        return " · ".join(part for part in (counted, str(job.progress.get("message") or "")) if part)
