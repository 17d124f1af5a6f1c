"""The list of people in the projects."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q

from annotation.admin.filters import ExcludedFilter, GroupFilter, ProjectFilter
from annotation.admin.lists import ProjectList
from annotation.models import Membership


@admin.register(Membership)
class MembershipAdmin(ProjectList):
    tab = "people"
    person_path = "user"
    acts = (
        "pause",
        "resume",
        "set_limit",
        "set_group",
        "let_through",
        "screen",
        "give_try",
        "remove",
        "exclude",
        "include",
    )
    list_display = ("user", "role", "status", "stage", "group", "limit", "labels", "project")
    list_filter = (ProjectFilter, "role", "state", "stage", GroupFilter, ("is_excluded", ExcludedFilter), "source")
    list_select_related = ("user", "project")
    sortable_by = ("role", "stage")
    ordering = ("project", "user__username", "role")
    search_help_text = "Part of a person's name"
    readonly_fields = ("limit",)
    fields = ("project", "user", "role", "state", "stage", "group", "limit", "is_excluded", "source")

    def title_of(self, obj: Membership) -> str:
        return f"{obj.user}, {obj.get_role_display().lower()} of {obj.project}"

    def audited(self, obj: Membership) -> Q:
        return Q(project=obj.project_id, object__startswith=f"{obj.user.get_username()} (")

    @admin.display(description="state")
    def status(self, membership: Membership) -> Any:
        level = {"active": "good", "invited": "work"}.get(membership.state, "quiet")
        return self.flag(membership.get_state_display().lower(), level)

    def limit(self, membership: Membership) -> Any:
        """Of items, where it is the person's own."""
        return membership.caps.get("items", "")

    def labels(self, membership: Membership) -> Any:
        return self.flag("excluded", "bad") if membership.is_excluded else "count"
