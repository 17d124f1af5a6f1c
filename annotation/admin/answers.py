"""The answers to one item on its trace, of one person or of several side by side. Nothing can be changed here."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from annotation import access
from annotation.admin.known import known_of
from annotation.admin.preview import addresses_of
from annotation.answers.together import Place, Together, name_of, submissions_of, together
from annotation.models import Item, Project
from annotation.pages import shell
from annotation.pages.shown import ShownTrace, shown_traces
from annotation.projects.revisions import config_of
from annotation.schemes.base import Told
from potato_site.accounts.decorators import signed_in
from traces.rendering import CHUNK_STEPS


@require_safe
@signed_in
@never_cache
def item(request: HttpRequest, slug: str, item_id: int) -> HttpResponse:
    """``?by=ann&by=bob``: only theirs; everybody's without."""
    project = access.administered_project(request.user, slug)
    found = get_object_or_404(Item.objects.select_related("trace_a", "trace_b"), pk=item_id, project=project)
    if project.revision_id is None:
        raise Http404
    submissions = submissions_of(found.pk, access.work(request.user, [project.pk], "assignment__"))
    names = [name_of(submission) for submission in submissions]
    chosen = {name for name in request.GET.getlist("by") if name in names} or set(names)
    # Who looks into the project without managing it may label in it, too.
    manages = access.manages(request.user, project)
    seen = together([one for one in submissions if name_of(one) in chosen], tells_checks=manages)
    context = {
        **_context(project, found, names, chosen, seen),
        "may_change": manages,
        "may_decide": access.adjudicated(request.user).filter(pk=project.pk).exists(),
        "known": known_of(found, config_of(project.revision_id)) if manages else [],
    }
    return render(request, "admin/item.html", context)


def _context(project: Project, found: Item, names: list[str], chosen: set[str], seen: Together) -> dict[str, Any]:
    assert project.revision_id is not None
    config = config_of(project.revision_id)
    # A pair stands as it is stored, whoever saw it the other way round.
    traces = shown_traces(found, False, config, addresses_of(project))
    return {
        **shell.look(config, traces, config.asked_of(pair=len(traces) > 1)),
        "project": project,
        "item": found,
        "style_revision": project.revision_id,
        "people": [{"name": name, "is_chosen": name in chosen} for name in dict.fromkeys(names)],
        "seen": seen,
        "n_differing": sum(place.differs for place in seen.of_item),
        "state": _state(traces, seen),
    }


def _state(traces: list[ShownTrace], seen: Together) -> dict[str, Any]:
    """What the page's script puts beside steps and under lines."""
    steps = {step: [_place(place) for place in places] for step, places in seen.of_steps().items()}
    return {
        "n_steps": traces[0].n_steps if len(traces) == 1 else 0,
        "pair": shell.pair_state(()) if len(traces) > 1 else None,
        "chunk_steps": CHUNK_STEPS,
        "steps": steps,
        "differing": seen.differing_steps,
        "comments": [_comment(name, told) for name, _, told in seen.comments],
    }


def _place(place: Place) -> dict[str, Any]:
    said = [
        {
            "name": name,
            "text": told.text,
            "detail": told.detail,
            "style": "" if told.style is None else f"c-{place.scheme}-{told.style}",
        }
        for name, told in place.said
    ]
    return {"title": place.title, "differs": place.differs, "said": said}


def _comment(name: str, told: Told) -> dict[str, Any]:
    return {
        "name": name,
        "text": told.text,
        "category": told.detail,
        "resolved": told.resolved,
        "anchor": dict(told.anchor or {}),
    }
