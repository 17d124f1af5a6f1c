"""What there is to adjudicate in a project, and the way to decide it. Who decides nothing here sees nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import F, OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from annotation import access
from annotation.admin.frame import project_context
from annotation.assignments import adjudication, states
from annotation.models import Assignment, Item, Project, Submission
from annotation.models.querysets import DELIVERED
from annotation.quality import statistics
from annotation.quality.disagreement import Dispute, n_answers
from potato_site.accounts.decorators import signed_in
from potato_site.numbers import whole_number

ROWS = 25
FILTERS = {"todo": "To decide", "waiting": "Asked once more", "decided": "Decided", "all": "All"}


@dataclass(frozen=True)
class Row:
    """One item of the queue. ``state``: "todo", "open" or "decided", then ``by`` whom; ``may``: what this person can
    do now ("decide", "continue", "change", or nothing); ``is_own``: they labeled it themselves."""

    item: Item
    answers: int
    words: str
    state: str
    by: str
    at: datetime | None
    may: str
    is_own: bool


@require_safe
@signed_in
@never_cache
def adjudicate(request: HttpRequest, slug: str) -> HttpResponse:
    """``?show=todo|waiting|decided|all&page=2``"""
    project = access.adjudicated_project(request.user, slug)
    show = request.GET.get("show", "todo")
    found, waiting = statistics.disputes(project)
    disputes = {one.item: one for one in found}
    lists = _lists(project, disputes, waiting)
    show = show if show in lists else "todo"
    page, pages = _page(request.GET.get("page", ""), len(lists[show]))
    context = {
        "rows": _rows(request.user, lists[show][(page - 1) * ROWS : page * ROWS], disputes),
        "show": show,
        "filters": [{"key": key, "label": FILTERS[key], "count": len(lists[key])} for key in FILTERS if key in lists],
        "page": page,
        "pages": pages,
        "counted": statistics.read(project).get(statistics.ADJUDICATION),
    }
    return render(request, "admin/adjudicate.html", project_context(request, project, "quality", **context))


@require_POST
@signed_in
@never_cache
def adjudicate_item(request: HttpRequest, slug: str, item_id: int) -> HttpResponse:
    """Open an item to decide it, or go on with it."""
    project = access.adjudicated_project(request.user, slug)
    items = Item.objects.select_related("project", "trace_a", "trace_b")
    item = get_object_or_404(items, pk=item_id, project=project)
    try:
        assignment = adjudication.open_item(item, request.user, n_answers(project, item))
    except states.Closed as closed:
        messages.error(request, str(closed))
        return redirect("manage-adjudicate", slug=project.slug)
    return redirect("label", public_id=assignment.public_id)


def _lists(project: Project, disputes: dict[int, Dispute], waiting: set[int]) -> dict[str, list[int]]:
    """Filter → items: disputed ones in their order, decided ones the latest first. What was withdrawn meanwhile is left
    out. "waiting": one more person is asked about them first; not there where there is none."""
    made = Assignment.objects.deciding().delivered().counting().filter(project=project).order_by("-pk")
    decided = dict.fromkeys(made.values_list("item", flat=True))
    everything = [*disputes, *(item for item in decided if item not in disputes)]
    present = set(Item.objects.present().filter(pk__in=everything).values_list("pk", flat=True))
    left = [item for item in disputes if item in present and item not in decided]
    lists = {
        "todo": [item for item in left if item not in waiting],
        "waiting": [item for item in left if item in waiting],
        "decided": [item for item in decided if item in present],
        "all": [item for item in everything if item in present],
    }
    return {name: items for name, items in lists.items() if items or name != "waiting"}


def _page(wanted: str, n_rows: int) -> tuple[int, int]:
    pages = max(1, -(-n_rows // ROWS))
    return min(max(whole_number(wanted) or 1, 1), pages), pages


def _rows(user: Any, ids: Sequence[int], disputes: dict[int, Dispute]) -> list[Row]:
    """Three queries, however many rows."""
    items = Item.objects.filter(pk__in=ids).select_related("trace_a", "trace_b", "a").in_bulk()
    latest = Submission.objects.filter(assignment=OuterRef("pk"), is_current=True).values("submitted_at")[:1]
    deciding = Assignment.objects.deciding().counting().filter(item__in=ids)
    made = {one.item_id: one for one in deciding.annotate(name=F("annotator__username"), at=Subquery(latest))}
    own = set(Assignment.objects.labeling().filter(annotator=user, item__in=ids).values_list("item", flat=True))
    return [_row(user, items[pk], disputes.get(pk), made.get(pk), pk in own) for pk in ids]


def _row(user: Any, item: Item, dispute: Dispute | None, made: Any, is_own: bool) -> Row:
    state, may = "todo", "" if is_own else "decide"
    if made is not None and made.state in DELIVERED:
        state, may = "decided", "change" if made.annotator_id == user.pk else ""
    elif made is not None and not (made.lease_until and made.lease_until < timezone.now()):
        state, may = "open", "continue" if made.annotator_id == user.pk else ""
    by, at = (made.name, made.at) if state != "todo" else ("", None)
    answers, words = (dispute.answers, dispute.words) if dispute else (0, "")
    return Row(item, answers, words, state, by, at, may, is_own and state == "todo")
