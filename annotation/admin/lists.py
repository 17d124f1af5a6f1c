"""What the lists of a project's things have in common: scope, project filter, search, acts, history."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.html import format_html

from annotation import access
from annotation.admin import asked, selection
from annotation.admin.acts import FORMS, ActForm, tell, things
from annotation.admin.filters import Projects, chosen_project, ids_of, items_named, names_project, people_named
from annotation.admin.frame import project_context
from annotation.models import Project
from annotation.projects import bulk
from potato_site.accounts.decorators import person_of
from potato_site.accounts.models import AuditEntry
from potato_site.scoped_admin import ScopedAdmin

# How many rows the page before an act names.
NAMED = 5


class ProjectList(ScopedAdmin):
    """Rows that belong to a project by ``project_path``. ``acts`` names what managers do to them (bulk.ACTS).

    ``item_path`` and ``person_path`` say how a row leads to its item and person, for the search.
    """

    project_path = "project"
    # Of a person: the projects whose rows they see.
    projects: Projects = staticmethod(access.administered)
    item_path = ""
    person_path = ""
    acts: tuple[str, ...] = ()
    # Why an act finds nothing to do.
    nothing = "none of the chosen rows is in a project that you manage"
    # Whether the traces of chosen rows can be exported.
    can_export = False
    # The order of rows of several projects, where it is another than that of one.
    ordering_across: tuple[str, ...] = ()
    # The tab of the project's frame that this list is.
    tab = ""
    search_fields = ["pk"]

    def visible_to(self, user: Any) -> QuerySet[Any]:
        # As values, as in ``ids_of``.
        projects = list(self.projects(user).values_list("pk", flat=True))
        return self.model._default_manager.filter(**{f"{self.project_path}__in": projects})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Of the chosen project alone: with all of a person's projects named beside it, SQLite reads and sorts every
        row of the project instead of following an index in the order of the list."""
        project = chosen_project(request, self.projects)
        if project is None:
            return super().get_queryset(request)
        ordering = self.get_ordering(request)
        return self.model._default_manager.filter(**{self.project_path: project.pk}).order_by(*ordering)

    def get_ordering(self, request: HttpRequest) -> Any:
        if self.ordering_across and not names_project(request):
            return self.ordering_across
        return super().get_ordering(request)

    # --- The page of the list ------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        project = chosen_project(request, self.projects)
        frame = project_context(request, project, self.tab) if project else {}
        frame.pop("title", None)
        response = super().changelist_view(request, {**frame, **(extra_context or {})})
        if getattr(request, "search_stopped", False) and isinstance(response, TemplateResponse):
            response.context_data = {**(response.context_data or {}), "search_stopped": True}
        return response

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Traces by a part of their id, people by a part of their name: looked up first, so that indexes find rows.

        Where a search finds more than it takes, the list says so (``search_stopped``).
        """
        term = search_term.strip()
        if not term:
            return queryset, False
        projects = ids_of(request, self.projects)
        found, stopped = Q(pk__in=[]), False
        for path, named in ((self.item_path, items_named), (self.person_path, people_named)):
            if path:
                pks, is_cut = named(term, projects)
                found |= Q(**{f"{path}__in": pks})
                stopped |= is_cut
        request.search_stopped = stopped  # type: ignore[attr-defined]
        return queryset.filter(found), False

    # --- Acts ----------------------------------------------------------------------------------------------

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Only for who manages something; which rows they may change, ``bulk.changeable`` says."""
        exports = {"export": (selection.export, "export", "Export")} if self.can_export else {}
        if not access.manages_something(request.user):
            return exports
        return {name: (_run, name, FORMS[name].title) for name in self.acts} | exports

    def acted_on(self, chosen: QuerySet[Any]) -> QuerySet[Any]:
        """The ids of the rows that the list's acts are done to."""
        return chosen.order_by().values("pk")

    # --- History -------------------------------------------------------------------------------------------

    def audit_name(self, obj: Any) -> str:
        """What the object is called in the record of changes (``AuditEntry.object``)."""
        return str(obj)

    def history_of(self, request: HttpRequest, obj: Any) -> QuerySet[AuditEntry]:
        mine = self.projects(request.user).values("pk")
        return AuditEntry.objects.filter(self.audited(obj), access.told(request.user), project__in=mine)

    def audited(self, obj: Any) -> Q:
        return Q(object=self.audit_name(obj))

    # --- Columns -------------------------------------------------------------------------------------------

    @staticmethod
    def flag(word: str, level: str = "") -> Any:
        return format_html('<span class="flag flag-{}">{}</span>', level, word)


def _run(model_admin: ProjectList, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
    """An act of a list: first the page that says what happens to which rows, then (``confirm``) it happens to them."""
    name = request.POST.getlist("action")[0]
    rows = bulk.changeable(bulk.ACTS[name], person_of(request)).filter(pk__in=model_admin.acted_on(queryset))
    found = dict(rows.order_by("pk").values_list("pk", "project")[: bulk.LIMIT + 1])
    told = asked.unpack(request.POST.get("rows", "")) if _is_all(request) else set(found)
    if not found:
        messages.warning(request, f"Nothing was changed: {model_admin.nothing}.")
        return None
    is_confirmed = "confirm" in request.POST and told is not None
    if is_confirmed:
        # What came since the page was not asked about, and what matches no longer is not meant.
        found = {pk: project for pk, project in found.items() if pk in (told or ())}
        if not found:
            messages.warning(request, "Nothing was changed: none of what you were asked about matches any longer.")
            return None
    if len(found) > bulk.LIMIT:
        messages.error(request, f"Nothing was changed: at most {bulk.LIMIT:,} rows at once. Filter the list first.")
        return None
    form = FORMS[name](request.POST if is_confirmed else None, projects=list(dict.fromkeys(found.values())))
    if not is_confirmed or not form.is_valid():
        return _ask(model_admin, request, form, found)
    return _do(request, name, list(found), form.options())


def _is_all(request: HttpRequest) -> bool:
    """Whether all that match are meant, not the chosen rows of a page."""
    return request.POST.get("select_across", "0") == "1"


def _do(request: HttpRequest, name: str, pks: list[int], options: dict[str, Any]) -> HttpResponse | None:
    if len(pks) > bulk.AT_ONCE:
        job = bulk.start(name, pks, person_of(request), options, back=_way_back(request))
        return redirect("manage-act", job_id=job.pk)
    tell(request, name, bulk.run(name, pks, person_of(request), options).as_dict())
    return None


def _way_back(request: HttpRequest) -> str:
    """The list as it is filtered. Not what was searched for, which may be somebody's name: it is kept with the job."""
    query = request.GET.copy()
    query.pop("q", None)
    return f"{request.path}?{query.urlencode()}" if query else request.path


def _ask(model_admin: ProjectList, request: HttpRequest, form: ActForm, found: dict[int, int]) -> HttpResponse:
    """The page before; ``found``: row → its project."""
    name, count = request.POST.getlist("action")[0], len(found)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": form.title,
        "form": form,
        "things": things(name, count),
        "of": _by_project(found),
        "names": bulk.names_of(name, list(found)[:NAMED]),
        "told": form.told(list(found)),
        "unnamed": count - min(count, NAMED),
        "by_job": count > bulk.AT_ONCE,
        "opts": model_admin.opts,
        "action": name,
        "chosen": request.POST.getlist("_selected_action"),
        "select_across": request.POST.get("select_across", "0"),
        "rows": asked.pack(found) if _is_all(request) else "",
        "back": request.get_full_path(),
    }
    return TemplateResponse(request, "admin/confirm_act.html", context)


def _by_project(found: dict[int, int]) -> list[tuple[Project, int]]:
    """The projects of the rows, each with how many, those with most first."""
    counts = Counter(found.values())
    projects = Project.objects.only("name", "slug").in_bulk(list(counts))
    return [(projects[pk], count) for pk, count in counts.most_common() if pk in projects]
