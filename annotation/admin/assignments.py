"""The list of assignments: who has what, since when, and what is wrong with it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import Truncator

from annotation import access
from annotation.admin.filters import AttentionFilter, PersonFilter, ProjectFilter, PurposeFilter, ids_of
from annotation.admin.lists import ProjectList
from annotation.assignments import managing
from annotation.models import Assignment
from annotation.templatetags.figures import told_ago

LEVELS = {"submitted": "good", "open": "work", "reopened": "work", "reserved": "work", "void": "bad"}


@admin.register(Assignment)
class AssignmentAdmin(ProjectList):
    tab = "assignments"
    item_path = "item"
    can_export = True
    person_path = "annotator"
    acts = ("release", "reassign", "reopen", "invalidate")
    list_display = ("trace", "annotator", "status", "opened", "reading", "notes", "used_for", "project")
    list_display_links = ("trace",)
    list_filter = (ProjectFilter, AttentionFilter, "state", PurposeFilter, PersonFilter)
    list_select_related = ("item__trace_a", "item__trace_b", "annotator", "project", "presence")
    sortable_by = ()
    ordering = ("-project", "-pk")
    ordering_across = ("-pk",)
    search_help_text = "Part of a trace's id or of a person's name"
    readonly_fields = ("labeled", "used_for")
    fields = (
        "public_id", "project", "labeled", "annotator", "state", "used_for", "opened_at", "lease_until", "reason",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Assignment]:
        managed = access.managed(request.user).filter(pk=OuterRef("project"))
        found = super().get_queryset(request).filter(access.work(request.user, ids_of(request, self.projects)))
        return found.annotate(is_managed=Exists(managed)).defer("presence__steps")

    def audit_name(self, obj: Assignment) -> str:
        return managing.name_of(obj)

    def title_of(self, obj: Assignment) -> str:
        return f"{self.trace(obj)}, {obj.annotator}"

    @admin.display(description="item")
    def labeled(self, assignment: Assignment) -> str:
        address = reverse("admin:annotation_item_change", args=[assignment.item_id])
        return format_html('<a href="{}">{}</a>', address, assignment.item.called)

    def trace(self, assignment: Assignment) -> str:
        return assignment.item.called

    @admin.display(description="state")
    def status(self, assignment: Assignment) -> Any:
        return self.flag(assignment.get_state_display().lower(), LEVELS.get(assignment.state, "quiet"))

    @admin.display(description="purpose")
    def used_for(self, assignment: Any) -> str:
        return Assignment.Purpose(assignment.purpose_told(manages=assignment.is_managed)).label

    def opened(self, assignment: Assignment) -> str:
        return told_ago(assignment.opened_at)

    @admin.display(description="reading time")
    def reading(self, assignment: Assignment) -> str:
        presence = getattr(assignment, "presence", None)
        return f"{presence.active_ms // 60_000}:{presence.active_ms // 1000 % 60:02d}" if presence else "–"

    @admin.display(description="attention")
    def notes(self, assignment: Assignment) -> Any:
        if assignment.lease_until and assignment.lease_until < timezone.now():
            return self.flag("overdue", "bad")
        if assignment.is_too_fast:
            return self.flag("too fast", "bad")
        if assignment.state == Assignment.State.SKIPPED:
            return Truncator(assignment.reason).chars(80)
        return self.flag("surplus", "quiet") if assignment.is_surplus else ""
