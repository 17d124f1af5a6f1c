"""The lists of datasets, traces and imports of the person's projects and datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import Truncator

from annotation import access
from annotation.admin import leads
from annotation.admin.filters import CHOICES_SHOWN, ProjectFilter
from annotation.admin.lists import ProjectList
from annotation.models import Project
from potato_site.numbers import whole_number
from potato_site.scoped_admin import ScopedAdmin
from traces.conversion import warnings_of
from traces.imports import COUNTED
from traces.models import Dataset, Import, Trace
from traces.store import load_document

# Of one trace, on its page.
MOST_WARNINGS = 100


def datasets_of(user: Any) -> list[int]:
    """Of the projects this person may look into, and those they manage."""
    labeled = Project.objects.filter(pk__in=access.administered(user).values("pk")).values("dataset")
    found = Dataset.objects.all() if user.is_superuser else Dataset.objects.filter(Q(pk__in=labeled) | Q(managers=user))
    return list(found.order_by().values_list("pk", flat=True).distinct())


class DatasetOfProjectFilter(ProjectFilter):
    """The rows of one project's dataset."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.named:
            return queryset
        return queryset.filter(dataset=self.project.dataset_id) if self.project else queryset.none()


class DatasetFilter(admin.SimpleListFilter):
    """The rows of one dataset, of those the person may look into: some belong to no project yet."""

    title = "dataset"
    parameter_name = "dataset"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        found = Dataset.objects.filter(pk__in=datasets_of(request.user)).order_by("name", "pk")
        return list(found.values_list("pk", "name")[:CHOICES_SHOWN])

    def has_output(self) -> bool:
        return self.value() is not None or len(self.lookup_choices) > 1

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value is None:
            return queryset
        number = whole_number(value)
        return queryset.none() if number is None else queryset.filter(dataset=number)


class WithdrawnFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [("present", "Present"), ("withdrawn", "Withdrawn")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        return queryset.filter(is_withdrawn=chosen == "withdrawn") if chosen else queryset


@admin.register(Dataset)
class DatasetAdmin(ScopedAdmin):
    list_display = ("name", "used_by", "created_at")
    ordering = ("name", "pk")
    search_fields = ("name",)
    fields = ("name", "created_at")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        @admin.display(description="projects")
        def labeled_by(dataset: Dataset) -> Any:
            return leads.projects_of(dataset, request.user, "manage-overview")

        def traces(dataset: Dataset) -> Any:
            return leads.rows_of(dataset, "trace", "Show traces")

        def imports(dataset: Dataset) -> Any:
            return leads.rows_of(dataset, "import", "Show imports")

        return [*super().get_fields(request, obj), labeled_by, traces, imports]

    def visible_to(self, user: Any) -> QuerySet[Dataset]:
        own = access.administered(user).values("pk")
        used = Count("projects", filter=Q(projects__in=own), distinct=True)
        return Dataset.objects.filter(pk__in=datasets_of(user)).annotate(own_projects=used)

    @admin.display(description="your projects")
    def used_by(self, dataset: Any) -> int:
        return dataset.own_projects


@admin.register(Trace)
class TraceAdmin(ScopedAdmin):
    projects = staticmethod(access.administered)
    list_display = ("external_id", "title", "steps", "agent", "dataset", "condition")
    list_filter = (DatasetOfProjectFilter, DatasetFilter, WithdrawnFilter)
    list_select_related = ("dataset", "current")
    sortable_by = ("external_id",)
    ordering = ("dataset", "external_id")
    search_fields = ("external_id",)
    fields = (
        "external_id", "title", "steps", "agent", "dataset", "issue_id", "issue_key", "instance_id", "is_withdrawn",
        "source_file", "warnings",
    )  # fmt: skip
    readonly_fields = ("title", "steps", "agent", "source_file", "warnings")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        @admin.display(description="read it in")
        def read_in(trace: Trace) -> Any:
            return leads.items_with(trace, request.user)

        return [read_in, *super().get_fields(request, obj)]

    def visible_to(self, user: Any) -> QuerySet[Trace]:
        return Trace.objects.filter(dataset__in=datasets_of(user))

    def title(self, trace: Trace) -> str:
        return Truncator(trace.current.meta.get("title", "")).chars(120) if trace.current else ""

    def steps(self, trace: Trace) -> int | None:
        return trace.current.n_steps if trace.current else None

    def agent(self, trace: Trace) -> str:
        return trace.current.agent if trace.current else ""

    def source_file(self, trace: Trace) -> str:
        return (trace.current.meta.get("source_file") if trace.current else "") or leads.NONE

    @admin.display(description="warnings of its source")
    def warnings(self, trace: Trace) -> str:
        """In words: what of it is not shown, say. Only of one trace, as its document is read for them."""
        told = warnings_of(load_document(trace.current_id)) if trace.current_id else ()
        more = [f"… and {len(told) - MOST_WARNINGS:,} more"] if len(told) > MOST_WARNINGS else []
        return "\n".join([*told[:MOST_WARNINGS], *more]) or leads.NONE

    @admin.display(description="state", empty_value="")
    def condition(self, trace: Trace) -> str:
        return ProjectList.flag("withdrawn", "quiet") if trace.is_withdrawn else ""


@admin.register(Import)
class ImportAdmin(ScopedAdmin):
    projects = staticmethod(access.administered)
    list_display = ("created_at", "dataset", "first_file", "brought", "made_by", "status")
    list_filter = (DatasetOfProjectFilter, DatasetFilter)
    list_select_related = ("dataset", "made_by", "job")
    sortable_by = ()
    ordering = ("-pk",)
    fields = ("created_at", "dataset", "first_file", "brought", "made_by", "status")
    readonly_fields = ("first_file", "brought", "status")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        @admin.display(description="by file, on the page of")
        def in_full(batch: Import) -> Any:
            return leads.projects_of(batch.dataset, request.user, "manage-upload")

        return [*super().get_fields(request, obj), in_full]

    def title_of(self, obj: Import) -> str:
        return f"import of {timezone.localtime(obj.created_at):%-d %b %Y, %H:%M} into {obj.dataset}"

    def visible_to(self, user: Any) -> QuerySet[Import]:
        return Import.objects.filter(dataset__in=datasets_of(user))

    def first_file(self, batch: Import) -> str:
        return Path(batch.file).name

    def brought(self, batch: Import) -> str:
        """What became of its records, as far as there are any of a kind."""
        return ", ".join(f"{batch.counts[key]:,} {key}" for key in COUNTED if batch.counts.get(key))

    @admin.display(description="state")
    def status(self, batch: Import) -> str:
        return batch.job.get_state_display().lower() if batch.job else "by the command line"
