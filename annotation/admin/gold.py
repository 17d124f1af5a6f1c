"""The list of known answers, for managers only: whoever else looks into a project may also label in it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest

from annotation import access
from annotation.admin.filters import ProjectFilter
from annotation.admin.lists import ProjectList
from annotation.models import Gold
from annotation.quality.gold import audit_name


class GoldProjectFilter(ProjectFilter):
    path = "item__project"


@admin.register(Gold)
class GoldAdmin(ProjectList):
    """Set and removed on the page of an item and through the API; read here."""

    project_path = "item__project"
    item_path = "item"
    list_display = ("trace", "question", "answer", "use", "project")
    list_display_links = ("trace",)
    list_filter = (GoldProjectFilter, "use")
    list_select_related = ("item__trace_a", "item__trace_b", "item__project", "scheme")
    sortable_by = ()
    ordering = ("-pk",)
    search_help_text = "Part of a trace's id"
    fields = ("item", "scheme", "value", "rationale", "use")

    @staticmethod
    def projects_of(user: Any) -> list[int]:
        return list(access.managed(user).values_list("pk", flat=True))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return access.manages_something(request.user)

    def audited(self, obj: Gold) -> Q:
        return Q(object=audit_name(obj), project=obj.item.project_id)

    def title_of(self, obj: Gold) -> str:
        return f"{self.trace(obj)}, {self.question(obj)}"

    def trace(self, gold: Gold) -> str:
        return gold.item.called

    def question(self, gold: Gold) -> str:
        return gold.scheme.name

    def answer(self, gold: Gold) -> str:
        shown = ", ".join(f"{key}: {value}" if key else str(value) for key, value in gold.value.items())
        return shown if len(shown) <= 100 else f"{shown[:100]}…"

    def project(self, gold: Gold) -> str:
        return str(gold.item.project)
