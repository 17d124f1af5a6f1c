"""The list of submissions: what was delivered, and how fast."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join

from annotation import access
from annotation.admin.filters import FlagFilter, LatestFilter, ProjectFilter, SubmissionPersonFilter, ids_of
from annotation.admin.links import answers_link
from annotation.admin.lists import ProjectList
from annotation.assignments import managing
from annotation.models import Assignment, Submission


@admin.register(Submission)
class SubmissionAdmin(ProjectList):
    item_path = "assignment__item"
    can_export = True
    # Done to their assignments.
    acts = ("reopen", "invalidate")
    nothing = "none of the chosen rows is the latest answer of its person to an item, in a project that you manage"
    person_path = "assignment__annotator"
    list_display = ("trace", "annotator", "submitted_at", "reading", "flagged", "is_latest", "project")
    list_display_links = ("trace",)
    list_filter = (ProjectFilter, FlagFilter, ("is_current", LatestFilter), SubmissionPersonFilter)
    list_select_related = ("assignment__item__trace_a", "assignment__item__trace_b", "assignment__annotator", "project")
    sortable_by = ()
    ordering = ("-project", "-seq")
    ordering_across = ("-pk",)
    search_help_text = "Part of a trace's id or of a person's name"
    fields = (
        "answers",
        "assignment",
        "project",
        "number",
        "seq",
        "submitted_at",
        "reading",
        "flagged",
        "is_latest",
        "values",
    )
    readonly_fields = ("answers", "reading", "flagged", "is_latest")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Submission]:
        shown = access.work(request.user, ids_of(request, self.projects), "assignment__")
        found = super().get_queryset(request).filter(shown)
        is_list = getattr(request.resolver_match, "url_name", "") == "annotation_submission_changelist"
        return found.defer("values") if is_list else found

    def acted_on(self, chosen: QuerySet[Submission]) -> QuerySet[Any]:
        """The assignments. Not by an earlier answer: what is said of it is not said of what stands in its place."""
        return chosen.filter(is_current=True).order_by().values("assignment")

    def audited(self, obj: Submission) -> Q:
        return Q(object=managing.name_of(obj.assignment))

    def title_of(self, obj: Submission) -> str:
        return f"{self.trace(obj)}, {self.annotator(obj)}, answer {obj.number}"

    def trace(self, submission: Submission) -> str:
        return submission.assignment.item.called

    def annotator(self, submission: Submission) -> str:
        return submission.assignment.annotator.get_username()

    @admin.display(description="answers")
    def answers(self, submission: Submission) -> Any:
        name, item = self.annotator(submission), submission.assignment.item_id
        return answers_link(submission.project.slug, item, "On the trace", by=name)

    @admin.display(description="reading time")
    def reading(self, submission: Submission) -> str:
        return f"{submission.active_ms // 60_000}:{submission.active_ms // 1000 % 60:02d}"

    @admin.display(description="latest", boolean=True)
    def is_latest(self, submission: Submission) -> bool:
        return submission.is_current

    @admin.display(description="flags")
    def flagged(self, submission: Submission) -> Any:
        words = {
            "too_fast": ("bad", "too fast"),
            "unread": ("bad", "steps never in view"),
            "surplus": ("quiet", "surplus"),
        }
        shown = [words.get(flag, ("quiet", flag)) for flag in submission.standing_flags]
        if submission.assignment.state == Assignment.State.VOID:
            shown.append(("quiet", "invalidated"))
        return format_html_join(" ", '<span class="flag flag-{}">{}</span>', shown)
