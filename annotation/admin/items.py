"""The list of items: what is left to do, what comes next."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import Truncator

from annotation import access
from annotation.admin.filters import GroupFilter, OverlapFilter, PriorityFilter, ProjectFilter, WorkFilter, ids_of
from annotation.admin.links import answers_link
from annotation.admin.lists import ProjectList
from annotation.assignments import managing
from annotation.assignments.overlap import told_of_stratum
from annotation.models import Assignment, Item, Slot
from annotation.models.querysets import DELIVERED, HELD, is_left_out, labeled_place


def _slots(*those: Any, **having: Any) -> Any:
    """How many of an item's places are so. Counted for the rows of the page only, which a join would not do."""
    slots = Slot.objects.filter(*those, item=OuterRef("pk"), **having).order_by().values("item")
    return Coalesce(Subquery(slots.annotate(n=Count("pk")).values("n")), 0)


def _assignments(those: QuerySet[Assignment], **having: Any) -> Any:
    """How many of these are of an item."""
    made = those.filter(item=OuterRef("pk"), **having)
    return Coalesce(Subquery(made.order_by().values("item").annotate(n=Count("pk")).values("n")), 0)


@admin.register(Item)
class ItemAdmin(ProjectList):
    tab = "items"
    item_path = "pk"
    can_export = True
    acts = ("set_priority", "keep_for", "requeue", "withdraw", "restore", "calibrate", "end_calibration")
    list_display = ("trace", "title", "labels", "skips", "priority", "group", "overlap", "condition", "project")
    list_display_links = ("trace",)
    list_filter = (ProjectFilter, WorkFilter, ("in_overlap", OverlapFilter), PriorityFilter, GroupFilter)
    list_select_related = ("trace_a", "trace_b", "a", "project")
    sortable_by = ("trace", "priority")
    ordering = ("project", "position")
    search_help_text = "Part of a trace's id"
    readonly_fields = ("answers", "like_it")
    fields = (
        "answers",
        "project",
        "trace_a",
        "trace_b",
        "kind",
        "position",
        "priority",
        "group",
        "like_it",
        "in_overlap",
        "in_calibration",
        "is_withdrawn",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Item]:
        shown = Assignment.objects.filter(access.work(request.user, ids_of(request, self.projects)))
        return (
            super()
            .get_queryset(request)
            .annotate(
                places=_slots(),
                labeled=_slots(labeled_place()),
                in_vain=_slots(is_left_out("assignment__annotator"), assignment__state__in=DELIVERED),
                in_hand=_slots(assignment__state__in=HELD),
                calibrated=_assignments(Assignment.objects.delivered(), purpose=Assignment.Purpose.CALIBRATION),
                screened=_assignments(shown.delivered(), purpose=Assignment.Purpose.SCREENING),
                skipped=_assignments(shown.skips()),
            )
        )

    def audit_name(self, obj: Item) -> str:
        return managing.name_of(obj)

    @admin.display(ordering="position")
    def title_of(self, obj: Item) -> str:
        return self.trace(obj)

    def trace(self, item: Item) -> str:
        return item.called

    def title(self, item: Item) -> str:
        return Truncator(item.a.meta.get("title", "")).chars(120)

    def labels(self, item: Any) -> Any:
        more = [(item.in_vain, "left out"), (item.in_hand, "in work")]
        told = "".join(f", {number} {what}" for number, what in more if number)
        count = format_html("{} of {}{}", item.labeled, item.places, told) if item.places else "–"
        apart = [(item.calibrated, "calibrated"), (item.screened, "screened")]
        others = ", ".join(f"{number} {how}" for number, how in apart if number)
        if others:
            count = format_html("{}, {}", count, others) if item.places else others
        return answers_link(item.project.slug, item.pk, count) if item.labeled or item.in_vain or others else count

    @admin.display(description="skipped")
    def skips(self, item: Any) -> Any:
        """By how many, and the way to why."""
        if not item.skipped:
            return ""
        rows = {"project": item.project_id, "attention": "skipped", "q": item.trace_a.external_id}
        address = reverse("admin:annotation_assignment_changelist")
        return format_html('<a href="{}?{}">{}</a>', address, urlencode(rows), item.skipped)

    @admin.display(description="stratum")
    def like_it(self, item: Item) -> str:
        return told_of_stratum(item.stratum)

    @admin.display(description="answers")
    def answers(self, item: Item) -> Any:
        return answers_link(item.project.slug, item.pk, "On the trace, side by side")

    @admin.display(boolean=True, description="overlap")
    def overlap(self, item: Item) -> bool:
        return item.in_overlap

    @admin.display(description="state")
    def condition(self, item: Any) -> Any:
        if item.is_gone:
            return self.flag("withdrawn", "quiet")
        if item.in_calibration:
            return self.flag("calibration")
        if item.places and item.labeled == item.places:
            return self.flag("finished", "good")
        return self.flag("in work" if item.labeled or item.in_vain or item.in_hand else "waiting")
