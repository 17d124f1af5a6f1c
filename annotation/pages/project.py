"""Where a person finds their work: the list of their projects, and a project's own page."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Count, Max, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from annotation import access
from annotation.assignments import states
from annotation.assignments.handout import cap_of, hand_out
from annotation.models import Assignment, Item, Membership, Project, Submission
from annotation.quality import statistics
from potato_site.accounts.decorators import signed_in

RECENT = 20
State = Assignment.State


@require_safe
@signed_in
@never_cache
def home(request: HttpRequest) -> HttpResponse:
    memberships = list(access.memberships_of(request.user).order_by("project__name", "project_id", "role"))
    counts = _counts(request.user, [membership.project_id for membership in memberships])
    projects: dict[int, dict[str, Any]] = {}
    for membership in memberships:
        none = {"submitted": 0, "open": 0}
        entry = projects.setdefault(
            membership.project_id,
            {"project": membership.project, "roles": [], "counts": counts.get(membership.project_id, none)},
        )
        entry["roles"].append(membership.get_role_display())
    context = {
        "projects": list(projects.values()),
        "invitations": access.invitations_of(request.user).order_by("project__name", "pk"),
    }
    return render(request, "annotation/home.html", context)


@require_safe
@signed_in
@never_cache
def project(request: HttpRequest, slug: str) -> HttpResponse:
    found, memberships = access.project_of(request.user, slug)
    membership = access.labeling_membership(memberships)
    runs_it = access.runs(memberships)
    counts = _counts(request.user, [found.pk]).get(found.pk, {"submitted": 0, "open": 0})
    context = {
        "project": found,
        "roles": [m.get_role_display() for m in memberships],
        "is_annotator": membership is not None,
        "progress": statistics.read(found).get(statistics.PROGRESS) if runs_it else None,
        "runs_it": runs_it,
        "is_open": found.state == Project.State.OPEN,
        "counts": counts,
        "total": _total(found, membership) if membership else 0,
        "recent": _recent(request.user, found),
        "reopenable_since": timezone.now() - states.REOPEN_WITHIN,
    }
    return render(request, "annotation/project.html", context)


@require_POST
@signed_in
@never_cache
def next_item(request: HttpRequest, slug: str) -> HttpResponse:
    """Start or continue: the person's open item, else the next one, else why there is none."""
    found, _ = access.project_of(request.user, slug)
    given = hand_out(found, request.user)
    if given.assignment is None:
        messages.info(request, given.reason)
        return redirect("project", slug=slug)
    return redirect("label", public_id=given.assignment.public_id)


def _counts(user: Any, project_ids: list[int]) -> dict[int, dict[str, int]]:
    """Project → how many items this person has submitted and has open."""
    rows = (
        Assignment.objects.filter(annotator=user, project__in=project_ids)
        .values("project_id")
        .annotate(
            submitted=Count("pk", filter=Q(state__in=[State.SUBMITTED, State.REOPENED])),
            open=Count("pk", filter=Q(state=State.OPEN)),
        )
    )
    return {row["project_id"]: {"submitted": row["submitted"], "open": row["open"]} for row in rows}


def _total(found: Project, membership: Membership) -> int:
    """At most how many items this person can label here. The last position answers at any size."""
    items = Item.objects.filter(project=found).aggregate(n=Max("position") + 1)["n"] or 0
    cap = cap_of(found, membership) if found.revision_id else None
    return items if cap is None else min(items, cap)


def _recent(user: Any, found: Project) -> list[Submission]:
    """The person's latest submissions here, each with its item and state."""
    return list(
        Submission.objects.filter(assignment__annotator=user, project=found, is_current=True)
        .select_related("assignment__item__trace_a", "assignment__item__trace_b", "assignment__item__a")
        .order_by("-submitted_at")[:RECENT]
    )
