"""The record of changes: who changed what in the projects, when."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from annotation.admin.filters import ProjectFilter
from annotation.admin.lists import ProjectList
from potato_site.accounts.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(ProjectList):
    """Superusers also see what belongs to no project."""

    tab = "history"
    list_display = ("at", "who", "action", "object", "project")
    list_filter = (ProjectFilter,)
    list_select_related = ("user", "project")
    sortable_by = ()
    ordering = ("-at", "-pk")
    search_help_text = "Beginning of an object's or an action's name"
    fields = ("at", "user", "project", "action", "object", "before", "after")

    def visible_to(self, user: Any) -> QuerySet[AuditEntry]:
        return AuditEntry.objects.all() if user.is_superuser else super().visible_to(user)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        term = search_term.replace("\x00", "").strip()
        found = queryset.filter(object__startswith=term) | queryset.filter(action__startswith=term)
        return found if term else queryset, False

    @admin.display(description="by")
    def who(self, entry: AuditEntry) -> str:
        return entry.user.get_username() if entry.user else "the command line"
