"""The list of known answers, for managers only: whoever else looks into a project may also label in it."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.text import Truncator

from annotation import access
from annotation.admin.filters import ProjectFilter, QuestionFilter
from annotation.admin.links import answers_link
from annotation.admin.lists import ProjectList
from annotation.answers.context import OF_A_PAIR
from annotation.answers.words import words_of
from annotation.models import Assignment, Gold
from annotation.projects.revisions import config_of, meaning_key
from annotation.quality.gold import audit_name, in_use
from annotation.schemes.base import Scheme
from potato_site.counts import plural

State = Assignment.State


class GoldProjectFilter(ProjectFilter):
    path = "item__project"


class SourceFilter(QuestionFilter):
    """Known answers by the submission that they were taken from."""

    title = "source"
    parameter_name = "source"
    questions: ClassVar = {
        "void": (
            "Invalidated since, still compared with",
            lambda rows, p: in_use(rows.filter(taken_from__state=State.VOID)),
        )
    }


@admin.register(Gold)
class GoldAdmin(ProjectList):
    """Set and removed on the page of an item and through the API; read here."""

    project_path = "item__project"
    projects = staticmethod(access.managed)
    item_path = "item"
    list_display = ("trace", "question", "use", "source", "project")
    list_display_links = ("trace",)
    list_filter = (GoldProjectFilter, "use", SourceFilter)
    list_select_related = ("item__trace_a", "item__trace_b", "item__project", "scheme", "taken_from__annotator")
    sortable_by = ()
    ordering = ("-pk",)
    search_help_text = "Part of a trace's id"
    fields = ("item_page", "scheme", "value", "rationale", "use", "source")
    readonly_fields = ("item_page", "source")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return access.manages_something(request.user)

    def audited(self, obj: Gold) -> Q:
        return Q(object=audit_name(obj), project=obj.item.project_id)

    def title_of(self, obj: Gold) -> str:
        return f"{self.trace(obj)}, {self.question(obj)}"

    def trace(self, gold: Gold) -> str:
        return gold.item.called

    @admin.display(description="item")
    def item_page(self, gold: Gold) -> Any:
        """Where it can be forgotten, too."""
        return answers_link(gold.item.project.slug, gold.item_id, gold.item.called)

    def question(self, gold: Gold) -> str:
        return gold.scheme.name

    def get_list_display(self, request: HttpRequest) -> Any:
        """With the answers, for which the questions of each project are read once."""

        @cache
        def asked(revision_id: int) -> dict[str, Scheme]:
            return {scheme.name: scheme for scheme in config_of(revision_id).annotation_schemes}

        def answer(gold: Gold) -> str:
            assert gold.item.project.revision_id is not None
            return _told(gold, asked(gold.item.project.revision_id).get(gold.scheme.name))

        first, second, *others = self.list_display
        return (first, second, answer, *others)

    def source(self, gold: Gold) -> Any:
        """Whose submission it was, and what became of that."""
        if gold.taken_from is None:
            return "–"
        name = gold.taken_from.annotator.get_username()
        if gold.taken_from.state != State.VOID:
            return name
        return format_html("{} {}", name, self.flag("invalidated since", "bad"))

    def project(self, gold: Gold) -> str:
        return str(gold.item.project)


def _told(gold: Gold, scheme: Scheme | None) -> str:
    """In the words of its question as it is asked now; of one about the steps, of how many it tells."""
    if scheme is None or meaning_key(scheme) != gold.scheme.digest:
        return "to a question that is asked no more"
    # The steps are not looked at: a list loads no traces.
    whole = "; ".join(words_of(scheme.told_of_item(gold.value, OF_A_PAIR)))
    steps = sum(key.isdigit() for key in gold.value)
    return Truncator(whole).chars(100) or plural(steps, "step")
