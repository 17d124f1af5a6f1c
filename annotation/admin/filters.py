"""The filters of the lists. Their choices name nothing but the person's own projects and people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from annotation import access
from annotation.assignments import groups
from annotation.models import Assignment, Item, Membership, Project
from potato_site.accounts.models import User
from potato_site.numbers import whole_number

Purpose = Assignment.Purpose
CHOICES_SHOWN = 200
# What a search takes of what it finds; the list says when there is more.
TRACES_FOUND, ITEMS_FOUND, PEOPLE_FOUND = 500, 1000, 500
# Of a person: the projects whose rows a list shows them (``access.administered``, ``access.managed``).
Projects = Callable[[Any], QuerySet[Project]]


def chosen_project(request: HttpRequest, projects: Projects) -> Project | None:
    """The project that the address names (by ``project``: id or slug), if it is one of the person's ``projects``."""
    for name in ("project", *ProjectFilter.also):
        value = request.GET.get(name, "")
        if value:
            number = whole_number(value)
            column = {"slug": value} if number is None else {"pk": number}
            return projects(request.user).select_related("dataset").filter(**column).first()
    return None


def ids_of(request: HttpRequest, projects: Projects) -> list[int]:
    """The project that the address names, else all of the person's."""
    project = chosen_project(request, projects)
    # As values: a subquery would keep the database from reading a project's rows in the order of an index.
    return [project.pk] if project else list(projects(request.user).values_list("pk", flat=True))


def names_project(request: HttpRequest) -> bool:
    return any(request.GET.get(name) for name in (ProjectFilter.parameter_name, *ProjectFilter.also))


class FilterOfProjects(admin.SimpleListFilter):
    """A filter of a list that says by ``projects`` whose rows it shows."""

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        self.projects: Projects = model_admin.projects
        super().__init__(request, params, model, model_admin)


class ProjectFilter(FilterOfProjects):
    """The rows of one project. A project that is not the person's has no rows."""

    title = "project"
    parameter_name = "project"
    also: ClassVar[tuple[str, ...]] = ("project__id__exact",)
    path = "project"

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        for name in self.also:
            params.pop(name, None)
        super().__init__(request, params, model, model_admin)
        self.project = chosen_project(request, self.projects)
        self.named = any(request.GET.get(name) for name in (self.parameter_name, *self.also))

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        found = self.projects(request.user).order_by("name", "pk").only("name", "slug")
        return [(project.pk, str(project)) for project in found[:CHOICES_SHOWN]]

    def has_output(self) -> bool:
        return self.named or len(self.lookup_choices) > 1

    def value(self) -> Any:
        return self.project.pk if self.project else None

    def choices(self, changelist: Any) -> Any:
        yield {
            "selected": not self.named,
            "query_string": changelist.get_query_string(remove=[self.parameter_name, *self.also]),
            "display": "All",
        }
        for pk, name in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: pk}, [*self.also, PersonFilter.parameter_name])
            yield {"selected": self.value() == pk, "query_string": query, "display": name}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.named:
            return queryset
        return queryset.filter(**{self.path: self.project}) if self.project else queryset.none()


class PersonFilter(FilterOfProjects):
    """The rows of one person; offered once a project is chosen."""

    title = "person"
    parameter_name = "person"
    path = "annotator"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        project = chosen_project(request, self.projects)
        if project is None:
            return []
        people = Membership.objects.filter(project=project, role=Membership.Role.ANNOTATOR)
        return list(people.order_by("user__username").values_list("user", "user__username")[:CHOICES_SHOWN])

    def has_output(self) -> bool:
        return bool(self.lookup_choices) or bool(self.value())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value:
            return queryset
        number = whole_number(value)
        return queryset.none() if number is None else queryset.filter(**{self.path: number})


class SubmissionPersonFilter(PersonFilter):
    path = "assignment__annotator"


class YesNoFilter(admin.BooleanFieldListFilter):
    """Rows by a field that is true or false, under words of its own: "By overlap"."""

    words = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = self.words


class LatestFilter(YesNoFilter):
    """What a person submitted last of an item, or what they replaced by it."""

    words = "whether it is the person's latest of the item"


class ExcludedFilter(YesNoFilter):
    """People whose labels count, or are left out."""

    words = "whether the labels are left out"


class OverlapFilter(YesNoFilter):
    """Items that several people label, or one."""

    words = "overlap"


class QuestionFilter(FilterOfProjects):
    """Questions that are methods of the model's queryset: value → (words, rows → rows)."""

    questions: ClassVar[dict[str, tuple[str, Callable[[Any, Any], Any]]]] = {}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [(value, words) for value, (words, _) in self.questions.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value:
            return queryset
        if value not in self.questions:
            return queryset.none()
        return self.questions[value][1](queryset, ids_of(request, self.projects))


class WorkFilter(QuestionFilter):
    title = "work"
    parameter_name = "work"
    questions: ClassVar = {
        "short_of_overlap": ("Short of overlap", lambda rows, p: rows.short_of_overlap(p)),
        "free": ("With free places", lambda rows, p: rows.with_free_places(p)),
        "unfinished": ("Unfinished", lambda rows, p: rows.unfinished(p)),
        "finished": ("Finished", lambda rows, p: rows.finished(p)),
        "filled_in_vain": ("With labels that are left out", lambda rows, p: rows.filled_in_vain(p)),
        "skipped": ("Skipped by several", lambda rows, p: rows.skipped_by_several(p)),
        "calibration": ("Calibration set", lambda rows, p: rows.present().filter(in_calibration=True)),
        "withdrawn": ("Withdrawn", lambda rows, p: rows.withdrawn()),
    }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() != "skipped":
            return super().queryset(request, queryset)
        projects = ids_of(request, self.projects)
        # By the work that the person sees in the list behind it.
        return queryset.skipped_by_several(projects, access.work(request.user, projects))  # type: ignore[attr-defined]


class PriorityFilter(QuestionFilter):
    title = "priority"
    parameter_name = "priority"
    questions: ClassVar = {
        "first": ("Put first", lambda rows, p: rows.filter(priority__gt=0)),
        "last": ("Put last", lambda rows, p: rows.filter(priority__lt=0)),
    }


class GroupFilter(FilterOfProjects):
    """The people in a group of annotators, or the items that are kept for it."""

    title = "group"
    parameter_name = "group"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [(name, name) for name in groups.names(ids_of(request, self.projects))[:CHOICES_SHOWN]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(group=self.value()) if self.value() else queryset


class AttentionFilter(QuestionFilter):
    title = "attention"
    parameter_name = "attention"
    questions: ClassVar = {
        "overdue": ("Overdue", lambda rows, p: rows.overdue()),
        "too_fast": ("Too fast", lambda rows, p: rows.too_fast()),
        "surplus": ("Surplus", lambda rows, p: rows.surplus()),
        "skipped": ("Skipped at work", lambda rows, p: rows.skips()),
    }


class PurposeFilter(admin.SimpleListFilter):
    """What assignments are for, as far as the person may know it (``Assignment.purpose_told``)."""

    title = "purpose"
    parameter_name = "purpose"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        known = access.manages_something(request.user)
        return [choice for choice in Purpose.choices if known or choice[0] != Purpose.GOLD]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value:
            return queryset
        is_known = Q(project__in=list(access.managed(request.user).values_list("pk", flat=True)))
        if value == Purpose.GOLD:
            return queryset.filter(is_known, purpose=value)
        is_hidden = Q(purpose=Purpose.GOLD) & ~is_known
        return queryset.filter(Q(purpose=value) | is_hidden if value == Purpose.PRODUCTION else Q(purpose=value))


class FlagFilter(QuestionFilter):
    title = "flag"
    parameter_name = "flag"
    questions: ClassVar = {
        "too_fast": ("Too fast", lambda rows, p: rows.working().too_fast()),
        "unread": ("Steps never in view", lambda rows, p: rows.working().unread()),
        "surplus": ("Surplus", lambda rows, p: rows.surplus(p)),
    }


def items_named(text: str, projects: Any) -> tuple[list[int], bool]:
    """Ids of items of these projects with a trace whose id contains a text, and whether there may be more: enough for
    a list, never all."""
    # As values: joined to the projects, the ids would be read one by one instead of found by the index of their parts.
    datasets = list(Project.objects.filter(pk__in=projects).values_list("dataset", flat=True).distinct())
    traces = Item._meta.get_field("trace_a").related_model._default_manager
    found = traces.filter(dataset__in=datasets, external_id__icontains=text)
    named = list(found.values_list("pk", flat=True)[: TRACES_FOUND + 1])
    items = Item.objects.filter(project__in=projects).order_by("position").values_list("pk", "position")
    # Asked apart, and the second in the words of the index of pairs: else SQLite reads every item of the project.
    first = items.filter(trace_a__in=named[:TRACES_FOUND])
    second = items.filter(~Q(trace_b=None), trace_b__in=named[:TRACES_FOUND])
    places = dict(first[: ITEMS_FOUND + 1]) | dict(second[: ITEMS_FOUND + 1])
    pks = sorted(places, key=places.__getitem__)
    return pks[:ITEMS_FOUND], len(named) > TRACES_FOUND or len(pks) > ITEMS_FOUND


def people_named(text: str, projects: Any) -> tuple[list[int], bool]:
    """Ids of members of these projects whose name contains a text, and whether there may be more."""
    members = Membership.objects.filter(project__in=projects)
    found = User.objects.filter(pk__in=members.values("user"), username__icontains=text)
    pks = list(found.values_list("pk", flat=True)[: PEOPLE_FOUND + 1])
    return pks[:PEOPLE_FOUND], len(pks) > PEOPLE_FOUND
