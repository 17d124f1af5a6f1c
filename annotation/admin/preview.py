"""A project as its annotators will see it: the labeling page itself; nothing is handed out and nothing sent."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Literal

from django import forms
from django.conf import settings
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from annotation import access
from annotation.admin.checklist import saw_preview
from annotation.answers.context import context_of_version, suggestions
from annotation.demo import SOURCE
from annotation.models import Item, Project
from annotation.pages import rendered, shell
from annotation.pages.shown import Addresses, ShownTrace, Sides, shown_traces
from annotation.projects.config import ProjectConfig
from annotation.projects.revisions import config_of
from annotation.schemes.base import Scheme
from potato_site.accounts.decorators import person_of, signed_in, signed_in_api
from potato_site.number_fields import WholeNumberField
from traces.chunks import unstored
from traces.document import TraceDocument, normalize


class _Wanted(forms.Form):
    """Which item is asked for."""

    item = WholeNumberField(required=False)


@require_safe
@signed_in
@never_cache
def preview(request: HttpRequest, slug: str) -> HttpResponse:
    """``?item=3`` is the third item; without items, a sample trace of our own."""
    project = access.administered_project(request.user, slug)
    saw_preview(project, person_of(request))
    config = _config(project)
    items = Item.objects.filter(project=project).order_by("position")
    total = _last(project)
    wanted = _Wanted(request.GET)
    item = items.filter(position__gte=_number(wanted, total) - 1).first()
    traces = _traces(project, config, item) if item else [_sample(config)]
    schemes = config.asked_of(pair=len(traces) > 1)
    number = item.position + 1 if item else 0
    context = {
        **shell.look(config, traces, schemes),
        "project": project,
        "style_revision": project.revision_id,
        "csrf_cookie": settings.CSRF_COOKIE_NAME,
        "place": {"number": number, "total": total},
        "wanted": wanted,
        "pairs_come_when": _pairs_come_when(project, config),
        "before": number - 1 if number > 1 else None,
        "after": number + 1 if 0 < number < total else None,
        "wait_seconds": 0,
        "state": _state(request, config, traces, schemes, item),
    }
    return render(request, "admin/preview.html", context)


@require_safe
@signed_in_api
def preview_chunk(request: HttpRequest, slug: str, version_id: int, number: int, key: str) -> HttpResponse:
    return rendered.chunk(request, _sides(request, slug, version_id), number, key)


@require_safe
@signed_in_api
def preview_changes(request: HttpRequest, slug: str, version_id: int, digest: str) -> HttpResponse:
    return rendered.changes(request, _sides(request, slug, version_id), digest)


@require_safe
@signed_in_api
@never_cache
def preview_search(request: HttpRequest, slug: str, version_id: int) -> HttpResponse:
    return rendered.found(request, _sides(request, slug, version_id), version_id)


def _sides(request: HttpRequest, slug: str, version_id: int) -> Sides:
    """How a version of an item of a project may be shown, alone or in a pair. Raises Http404."""
    project = access.administered_project(request.user, slug)
    if not Item.objects.filter(Q(a=version_id) | Q(b=version_id), project=project).exists():
        raise Http404
    config = _config(project)
    prefixes: tuple[Literal["", "a-", "b-"], ...] = ("", "a-", "b-")
    return [(version_id, config.render_options(prefix)) for prefix in prefixes]


def _config(project: Project) -> ProjectConfig:
    if project.revision_id is None:
        raise Http404
    return config_of(project.revision_id)


def _pairs_come_when(project: Project, config: ProjectConfig) -> str:
    """When there will be two attempts to compare; empty where there are, or nothing compares."""
    if not config.labels_pairs or Item.objects.filter(project=project, kind=Item.Kind.PAIR).exists():
        return ""
    return f"once two attempts at one issue are {'labeled' if config.labels_traces else 'here'}"


def _last(project: Project) -> int:
    last = Item.objects.filter(project=project).order_by("-position").values_list("position", flat=True).first()
    return 0 if last is None else last + 1


def _number(wanted: _Wanted, total: int) -> int:
    """Which item is asked for, or the nearest that exists; the first where it is no number."""
    wanted.is_valid()
    return max(1, min(wanted.cleaned_data.get("item") or 1, total))


def _traces(project: Project, config: ProjectConfig, item: Item) -> list[ShownTrace]:
    """A pair stands as it is stored: which side a person sees is drawn when it is handed out."""
    return shown_traces(item, False, config, addresses_of(project))


def addresses_of(project: Project) -> Addresses:
    """Where the pages of who runs a project get the rest of its traces."""

    def chunk(number: int, key: str, version: int) -> str:
        return reverse("manage-preview-chunk", args=[project.slug, version, number, key])

    def changes(key: str, version: int) -> str:
        return reverse("manage-preview-changes", args=[project.slug, version, key])

    def search(version: int) -> str:
        return reverse("manage-preview-search", args=[project.slug, version])

    return Addresses(chunk, changes, search)


def _sample(config: ProjectConfig) -> ShownTrace:
    """A trace of the demo, short enough to have no later chunk."""
    doc = sample_trace()
    view, first = unstored(doc, config.render_options())
    return ShownTrace(doc.get("issue_description") or "", view, first, lambda number, key, version: "")


@lru_cache(maxsize=1)
def sample_trace() -> TraceDocument:
    with (SOURCE / "traces.jsonl").open(encoding="utf-8") as file:
        return normalize(json.loads(file.readline()))


def _state(
    request: HttpRequest,
    config: ProjectConfig,
    traces: list[ShownTrace],
    schemes: tuple[Scheme, ...],
    item: Item | None,
) -> dict[str, Any]:
    """As an item that was just opened."""
    required = round(config.quality_control.minimum_time_per_instance * 1000)
    return {
        **shell.common_state(request, traces, schemes, swapped=False),
        "preview": True,
        "assignment": "preview",
        "version": 0,
        "answers": {},
        "suggestions": suggestions(schemes, context_of_version(item.a_id)) if item and item.b_id is None else {},
        "presence": {"seq": 0, "active_ms": 0, "required_ms": required},
        "urls": {"login": ""},
    }
