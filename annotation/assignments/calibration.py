"""The calibration set: items that everybody labels before anything else, to talk over where they differ.

Such an item has no places: whoever labels it does so once, in ``Assignment.Purpose.CALIBRATION``, and no label, no
agreement and no cap counts it. What is known of it (``Gold``) is shown to a person once they have submitted it.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from annotation.models import Assignment, Item, Membership, Project
from annotation.projects.revisions import current

# What people label before they begin is a sitting, not a project.
MOST = 50
# What has come, but is still to be done. What was skipped does not come back, nor what somebody had for its label.
BEGUN = Q(purpose=Assignment.Purpose.CALIBRATION, state__in=["open", "expired", "released"])


def items_of(project: Project) -> QuerySet[Item]:
    """The set, in the order in which everybody gets it."""
    kinds = current(project).kinds if project.revision_id else []
    return Item.objects.present().filter(project=project, in_calibration=True, kind__in=kinds).order_by("position")


def due(membership: Membership) -> Item | None:
    """The first item of the set that this person never had."""
    had = Assignment.objects.filter(annotator=membership.user_id, item=OuterRef("pk"))
    return items_of(membership.project).filter(~Exists(had)).first()


def still_wanted(project: Project, begun: list[Assignment]) -> list[Assignment]:
    """Those of items that are of the set still."""
    if not begun:
        return []
    present = set(items_of(project).filter(pk__in=[one.item_id for one in begun]).values_list("pk", flat=True))
    return [one for one in begun if one.item_id in present]


def left(project: Project, user: Any) -> int:
    """How many items of the set this person has still to label."""
    over = Assignment.objects.filter(~BEGUN, annotator=user, item=OuterRef("pk"))
    return items_of(project).filter(~Exists(over)).count()
