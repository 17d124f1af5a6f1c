"""The list of projects."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet

from annotation import access
from annotation.models import Project
from potato_site.accounts.models import AuditEntry
from potato_site.scoped_admin import ScopedAdmin


@admin.register(Project)
class ProjectAdmin(ScopedAdmin):
    list_display = ("name", "slug", "state", "dataset", "created_at")
    list_filter = ("state",)
    list_select_related = ("dataset",)
    search_fields = ("name", "slug")
    ordering = ("name", "pk")

    def visible_to(self, user: Any) -> QuerySet[Project]:
        return access.administered(user)

    def history_of(self, request: Any, obj: Project) -> QuerySet[AuditEntry]:
        return AuditEntry.objects.filter(access.told(request.user), project=obj)
