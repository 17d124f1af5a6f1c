"""The record of changes: who changed what in the projects, when."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import Truncator

from annotation import access
from annotation.admin.filters import ProjectFilter
from annotation.admin.lists import ProjectList
from potato_site.accounts.models import AuditEntry

# Characters of a value, and of all of them together, that the list shows.
VALUE = 40
LINE = 160


@admin.register(AuditEntry)
class AuditEntryAdmin(ProjectList):
    """Superusers also see what belongs to no project."""

    tab = "history"
    list_display = ("at", "who", "action", "object", "what", "project")
    list_filter = (ProjectFilter,)
    list_select_related = ("user", "project")
    sortable_by = ()
    ordering = ("-at", "-pk")
    search_help_text = "Beginning of an object's or an action's name"
    fields = ("at", "user", "project", "action", "object", "before", "after")

    def visible_to(self, user: Any) -> QuerySet[AuditEntry]:
        return AuditEntry.objects.all() if user.is_superuser else super().visible_to(user)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        return super().get_queryset(request).filter(access.told(request.user))

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        term = search_term.strip()
        found = queryset.filter(object__startswith=term) | queryset.filter(action__startswith=term)
        return found if term else queryset, False

    @admin.display(description="by")
    def who(self, entry: AuditEntry) -> str:
        return entry.user.get_username() if entry.user else "the command line"

    @admin.display(description="what changed")
    def what(self, entry: AuditEntry) -> str:
        """Each key with its values before and after, as far as a line goes; the entry's own page has all of it.

        Of a list of changes, such as those of people by a file, how many there are.
        """
        if isinstance(entry.after, list):
            return f"{len(entry.after)} change{'' if len(entry.after) == 1 else 's'}"
        before, after = (side if isinstance(side, dict) else {} for side in (entry.before, entry.after))
        parts = [_change(key, before.get(key), after.get(key)) for key in dict.fromkeys([*before, *after])]
        return Truncator("; ".join(part for part in parts if part)).chars(LINE)


def _change(key: str, before: Any, after: Any) -> str:
    """One key's change; empty where nothing is on either side."""
    if before in (None, "") and after in (None, ""):
        return ""
    old, new = (Truncator(str(value)).chars(VALUE) if value not in (None, "") else "–" for value in (before, after))
    return f"{key}: {new}" if old == "–" else f"{key}: {old} → {new}"
