"""The record of changes: who changed what in the projects, when."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.html import format_html
from django.utils.text import Truncator

from annotation import access
from annotation.admin.filters import CHOICES_SHOWN, PersonFilter, ProjectFilter, chosen_project, ids_of
from annotation.admin.lists import ProjectList
from annotation.admin.named import about, named
from annotation.models import Membership
from potato_site.accounts.models import AuditEntry, User
from potato_site.changes import lines
from potato_site.counts import plural

# Characters of a value, and of all of them together, that the list shows.
VALUE = 40
LINE = 160
# Among how many of the latest changes the actions are looked for that can be chosen.
LATEST = 5000
NOBODY = "none"


class ActionFilter(admin.SimpleListFilter):
    title = "action"
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        latest = model_admin.get_queryset(request).order_by("-at").values_list("action", flat=True)[:LATEST]
        return [(action, action) for action in sorted(set(latest))]

    def has_output(self) -> bool:
        return bool(self.lookup_choices) or bool(self.value())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(action=self.value()) if self.value() else queryset


class ByFilter(PersonFilter):
    """Who did it: those who run the chosen project."""

    title = "who did it"
    parameter_name = "by"
    path = "user"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        project = chosen_project(request, self.projects)
        if project is None:
            return []
        running = Membership.objects.filter(project=project, role__in=access.RUNNING)
        people = User.objects.filter(Q(pk__in=running.values("user")) | Q(is_superuser=True)).order_by("username")
        return [*people.values_list("pk", "username")[:CHOICES_SHOWN], (NOBODY, "the command line")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(user=None) if self.value() == NOBODY else super().queryset(request, queryset)


class DayFilter(admin.SimpleListFilter):
    """The last days; ``?day=2026-11-30`` is that day."""

    title = "day"
    parameter_name = "day"
    days = {"today": ("Today", 0, 1), "yesterday": ("Yesterday", 1, 0), "7": ("Last 7 days", 6, 1),
            "30": ("Last 30 days", 29, 1)}  # fmt: skip

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [(value, words) for value, (words, _, _) in self.days.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not (value := self.value()):
            return queryset
        today = timezone.localdate()
        if value in self.days:
            _, before, after = self.days[value]
            return queryset.filter(at__gte=_start(today - timedelta(before)), at__lt=_start(today + timedelta(after)))
        day = _day(value)
        return queryset.none() if day is None else queryset.filter(at__gte=_start(day), at__lt=_start(day, 1))


def _day(text: str) -> date | None:
    try:
        found = parse_date(text)
    except ValueError:
        return None
    # Beyond these there is no day before or after in every time zone.
    return found if found is not None and 1 < found.year < 9999 else None


def _start(day: date, later: int = 0) -> datetime:
    return timezone.make_aware(datetime.combine(day + timedelta(later), time.min))


class NamedList(ChangeList):
    """Each row of a page knows what its object is."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        found = named(self.result_list, request.user)
        for entry in self.result_list:
            entry.named = found.get(entry.pk)


@admin.register(AuditEntry)
class AuditEntryAdmin(ProjectList):
    """Superusers also see what belongs to no project."""

    tab = "history"
    list_display = ("at", "who", "action", "about", "what", "project")
    list_filter = (ProjectFilter, ActionFilter, ByFilter, DayFilter)
    list_select_related = ("user", "project")
    sortable_by = ()
    ordering = ("-at", "-pk")
    search_help_text = "Part of a trace's id, of a person's name, of an object or an action"
    readonly_fields = ("about",)
    fields = ("at", "user", "project", "action", "about", "object", "before", "after")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return NamedList

    def visible_to(self, user: Any) -> QuerySet[AuditEntry]:
        return AuditEntry.objects.all() if user.is_superuser else super().visible_to(user)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        return super().get_queryset(request).filter(access.told(request.user))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        entry = super().get_object(request, object_id, from_field)
        if entry is not None:
            entry.named = named([entry], request.user).get(entry.pk)
        return entry

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        found, is_cut = about(term, ids_of(request, self.projects), request.user)
        request.search_stopped = is_cut  # type: ignore[attr-defined]
        return queryset.filter(found | Q(object__icontains=term) | Q(action__icontains=term)), False

    @admin.display(description="of")
    def about(self, entry: AuditEntry) -> str:
        """Whose work, or which item, by its trace; anything else as the record has it."""
        found = entry.named  # type: ignore[attr-defined]
        return format_html('<a href="{}">{}</a>', found.url, found.text) if found else entry.object

    @admin.display(description="by")
    def who(self, entry: AuditEntry) -> str:
        return entry.user.get_username() if entry.user else "the command line"

    @admin.display(description="what changed")
    def what(self, entry: AuditEntry) -> str:
        """Each key with its values before and after, as far as a line goes; the entry's own page has all of it.

        Of a list of changes, such as those of people by a file, how many there are.
        """
        if isinstance(entry.after, list):
            return plural(len(entry.after), "change")
        parts = [_change(key, old, new) for key, old, new in lines(entry.before, entry.after)]
        return Truncator("; ".join(parts)).chars(LINE)


def _change(key: str, before: str, after: str) -> str:
    old, new = (Truncator(value).chars(VALUE) or "–" for value in (before, after))
    return f"{key}: {new}" if old == "–" else f"{key}: {old} → {new}"
