"""The admin site: for people who run projects, not for Django's staff.

Not in ``annotation.admin``: that package registers its lists with this site while it is imported.
"""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from annotation import access
from annotation.pages import managed as overview
from potato_site.accounts.decorators import login_url
from potato_site.accounts.sessions import shorten

# The lists as the head names them, in this order; others come behind.
LISTS = (
    "Project", "Item", "Assignment", "Submission", "Membership", "Gold", "Dataset", "Trace", "Import", "Export", "Job",
    "AuditEntry", "User",
)  # fmt: skip


class ManagersSite(AdminSite):
    """Open to superusers and to whoever has a role beyond labeling in some project."""

    site_header = site_title = "Potato Site"
    index_title = "Projects"
    empty_value_display = "–"
    enable_nav_sidebar = False
    # An address that does not exist is the site's ordinary 404.
    final_catch_all_view = False

    # One way to change a password, the site's own; and no address that tells which objects exist.
    left_out = ("password_change", "password_change_done", "view_on_site")

    def get_urls(self) -> list[Any]:
        return [url for url in super().get_urls() if getattr(url, "name", None) not in self.left_out]

    def has_permission(self, request: HttpRequest) -> bool:
        """Looked up once per request: Django asks again for every list it may name."""
        opens: bool | None = getattr(request, "_administers", None)
        if opens is None:
            opens = access.administers_something(request.user)
            if opens:
                shorten(request)
            request._administers = opens  # type: ignore[attr-defined]
        return opens

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """``lists``: the links of the head, the most used first."""
        context = super().each_context(request)
        models = [model for app in context["available_apps"] for model in app["models"]]
        names = [*LISTS, *(model["object_name"] for model in models)]
        context["lists"] = sorted(models, key=lambda model: names.index(model["object_name"]))
        return context

    def index(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """The person's projects, and the way to a new one."""
        entries = overview.projects(request.user)
        context = {"projects": entries[: overview.SHOWN], "more": len(entries) > overview.SHOWN}
        return super().index(request, {**context, "new_url": overview.new_url(request.user), **(extra_context or {})})

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The site has one log-in page; who is signed in and may not come in here goes home."""
        if request.user.is_authenticated:
            return redirect("home")
        return redirect(login_url(request.GET.get("next", "")))

    def logout(self, request: HttpRequest, extra_context: Any = None) -> Any:
        from potato_site.accounts.views import logout

        return logout(request)
