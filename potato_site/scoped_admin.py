"""The base of every list in the admin: a person sees, picks and acts on what is theirs, and nothing else exists."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.paginator import Paginator
from django.db import models
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.text import capfirst

from potato_site.accounts.models import AuditEntry
from potato_site.changes import lines
from potato_site.numbers import whole_number
from potato_site.textjson import TextJSONField


class CappedPaginator(Paginator):
    """Counts no further than a person would turn pages, so that a list costs the same at any size."""

    CAP = 2_000

    @cached_property
    def count(self) -> int:
        """At most ``CAP + 1``, which means: more."""
        rows: Any = self.object_list
        rows = rows.order_by().values("pk")
        return int(rows[: self.CAP + 1].count())

    @property
    def is_capped(self) -> bool:
        return self.count > self.CAP

    @cached_property
    def num_pages(self) -> int:
        return max(1, -(-min(self.count, self.CAP) // self.per_page))


def _as_json(value: object) -> str:
    return format_html("<pre>{}</pre>", json.dumps(value, ensure_ascii=False, indent=2))


def _shown(field: Any, words: Callable[[Any], str], empty: str) -> Callable[[models.Model], str]:
    """What the page of a row shows of a field in place of what Django would."""

    def shown(obj: models.Model) -> str:
        value = getattr(obj, field.name)
        return empty if value is None else words(value)

    # By its name Django finds the field's help text, and the page's styles the field.
    shown.__name__ = field.name
    shown.short_description = field.verbose_name  # type: ignore[attr-defined]
    return shown


class ScopedAdmin(admin.ModelAdmin):
    """Django's permissions play no part here: rows are scoped by :meth:`visible_to`.

    Nothing can be added, changed or deleted by a form: what may change, an act does by a function of its domain. Every
    list, look-up, history and action goes through ``get_queryset``.
    """

    actions: Any = []
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 100
    list_max_show_all = 0
    history_shown = 200
    paginator = CappedPaginator
    change_list_template = "admin/list.html"

    def visible_to(self, user: Any) -> QuerySet[Any]:
        """The rows this person may see."""
        raise NotImplementedError(f"{type(self).__name__} does not say whose rows it shows")

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[Any]:
        """JSON is shown as JSON, and what the person may not look at by its name alone: Django would link to it."""
        own = {field.name: field for field in self.model._meta.concrete_fields}
        found = super().get_fields(request, obj)
        return [self._shown(request, obj, own[name]) if name in own else name for name in found]

    def _shown(self, request: HttpRequest, obj: models.Model | None, field: Any) -> Any:
        """The field's name, or what is shown of it."""
        if isinstance(field, TextJSONField):
            return _shown(field, _as_json, "")
        page = self.admin_site._registry.get(field.related_model) if field.is_relation else None
        if isinstance(page, ScopedAdmin) and obj is not None:
            theirs = page.visible_to(request.user).filter(pk=getattr(obj, field.attname))
            if not (page.has_view_permission(request) and theirs.exists()):
                return _shown(field, str, self.get_empty_value_display())
        return field.name

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        ordering = self.get_ordering(request)
        found = self.visible_to(request.user)
        return found.order_by(*ordering) if ordering else found

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.admin_site.has_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return self.admin_site.has_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_add_permission(self, request: HttpRequest, *_: Any) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def get_urls(self) -> list[Any]:
        """Without Django's nameless redirect of old addresses."""
        return [url for url in super().get_urls() if url.name]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """What a person may not see is a 404, as if it did not exist, whatever they meant to do with it."""
        found = super().get_object(request, object_id, from_field)
        if found is None:
            raise Http404
        return found

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        if not self.has_view_permission(request):
            raise Http404
        if request.POST.get("action") and not request.POST.getlist(ACTION_CHECKBOX_NAME):
            # Django would call the rows items, which are something else here.
            messages.warning(request, "Choose rows first: nothing was changed.")
            return redirect(request.get_full_path())
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """An address names the list's own filters and nothing else: no path through the tables."""
        return lookup in self._filter_parameters(request)

    def _filter_parameters(self, request: HttpRequest) -> set[str]:
        found: set[str] = set()
        for entry in self.get_list_filter(request):
            # The name of a column, or one with the class of its filter.
            column = entry[0] if isinstance(entry, tuple) else entry
            if isinstance(column, str):
                found |= {f"{column}__exact", f"{column}__isnull"}
            else:
                found |= {getattr(entry, "parameter_name", ""), *getattr(entry, "also", ())}
        return found

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *args: Any) -> Any:
        """Posted ids that are no numbers are no rows."""
        posted = request.POST.copy()
        chosen = [pk for pk in posted.getlist(ACTION_CHECKBOX_NAME) if whole_number(pk) is not None]
        posted.setlist(ACTION_CHECKBOX_NAME, chosen)
        request.POST = posted  # type: ignore[assignment]
        return super().response_action(request, queryset, *args)

    def title_of(self, obj: Any) -> str:
        """What the page of one row is called. A subclass says what a person knows it by; ``str()`` asks no database."""
        return str(obj)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        if (obj := context.get("original")) is not None:
            context["subtitle"] = self.title_of(obj)
        return super().render_change_form(request, context, *args, **kwargs)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        obj = self.get_object(request, object_id)
        if not self.has_view_permission(request, obj):
            raise Http404
        entries = self.history_of(request, obj).select_related("user").order_by("-at", "-pk")
        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {self.title_of(obj)}",
            "object": obj,
            "opts": self.opts,
            "entries": [(entry, lines(entry.before, entry.after)) for entry in entries[: self.history_shown]],
        }
        return TemplateResponse(request, "admin/history.html", context)

    def history_of(self, request: HttpRequest, obj: Any) -> QuerySet[AuditEntry]:
        """What was changed by hand on this object, as far as this person may see it."""
        return AuditEntry.objects.none()

    # The record of changes is accounts.AuditEntry, written by the functions that change something.
    def log_addition(self, *_: Any) -> Any: ...

    def log_change(self, *_: Any) -> Any: ...

    def log_deletions(self, *_: Any) -> Any: ...
