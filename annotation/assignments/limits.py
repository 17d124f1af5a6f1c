"""What a person gets nothing more for: the project is not open, their work is paused, their part is done."""

from __future__ import annotations

from annotation.assignments import shares
from annotation.models import Assignment, Membership, Project
from annotation.models.querysets import NOT_DELIVERED
from annotation.projects.revisions import config_of

REACHED = "You have reached the number of items one person labels in this project. Thank you!"


def refusal(project: Project, membership: Membership) -> str:
    """Why this person gets nothing new now, whatever is in the queue. Empty: they may have an item."""
    if reason := stopped(project, membership):
        return reason
    if membership.source == Membership.Source.PLATFORM:
        standing = shares.standing_of(project, membership.user_id)
        return standing.refusal if standing else ""
    return ""


def stopped(project: Project, membership: Membership) -> str:
    """The same, where nobody labels now, or not this person."""
    if project.state == Project.State.PAUSED:
        return "The project is paused. Your answers are safe; come back later."
    if project.state != Project.State.OPEN:
        return "The project is not open for labeling."
    # Labels that are left out would fill places that others are to fill.
    if membership.stage == Membership.Stage.PAUSED or membership.is_excluded:
        return "The project's manager has paused your work here."
    return ""


def is_reached(project: Project, membership: Membership) -> bool:
    """Whether they have labeled, or have in hand, as many items as one person may."""
    cap = cap_of(project, membership)
    if cap is None:
        return False
    taken = Assignment.objects.working().filter(project=project, annotator=membership.user_id)
    return taken.exclude(state__in=NOT_DELIVERED).count() >= cap


def cap_of(project: Project, membership: Membership) -> int | None:
    """How many items this person may label: their own cap, else the project's, else no limit (None)."""
    own = membership.caps.get("items")
    if own is not None:
        return own
    assert project.revision_id is not None
    return config_of(project.revision_id).instances_per_annotator
