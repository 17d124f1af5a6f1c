"""The list of accounts, for superusers. Nobody is made staff or superuser here: there is no form."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from annotation.admin import leads
from annotation.projects.forgetting import is_left
from potato_site.accounts.models import User
from potato_site.scoped_admin import ScopedAdmin


@admin.register(User)
class UserAdmin(ScopedAdmin):
    list_display = ("username", "email", "is_active", "is_superuser", "last_login", "date_joined")
    list_filter = ("is_active", "is_superuser")
    ordering = ("username",)
    search_fields = ("username", "email")
    fields = (
        "username", "email", "active", "superuser", "last_login", "date_joined", "created_by_project", "projects",
        "forget",
    )  # fmt: skip
    readonly_fields = ("active", "superuser", "projects", "forget")

    def visible_to(self, user: Any) -> QuerySet[User]:
        return User.objects.all() if user.is_superuser else User.objects.none()

    # Without the help texts of the fields, which speak of ticking them: nothing is changed here.
    @admin.display(boolean=True)
    def active(self, user: User) -> bool:
        return user.is_active

    @admin.display(boolean=True)
    def superuser(self, user: User) -> bool:
        return user.is_superuser

    def projects(self, user: User) -> Any:
        return leads.memberships_of(user)

    @admin.display(description="for good")
    def forget(self, user: User) -> Any:
        if not is_left(user):
            return "The person is forgotten."
        return format_html('<a href="{}">Forget this person…</a>', reverse("manage-forget", args=[user.pk]))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.is_superuser

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_active and request.user.is_superuser
