"""The list of published exports."""

from __future__ import annotations

from django.contrib import admin

from annotation.admin.filters import ProjectFilter
from annotation.admin.lists import ProjectList
from exports.models import Export


@admin.register(Export)
class ExportAdmin(ProjectList):
    tab = "exports"
    list_display = ("published_at", "format", "project", "seq", "sha256")
    list_filter = (ProjectFilter,)
    list_select_related = ("project",)
    sortable_by = ()
    ordering = ("-project", "-pk")
    ordering_across = ("-pk",)
    search_fields = []
    fields = ("project", "format", "seq", "options", "sha256", "published_at", "manifest")
