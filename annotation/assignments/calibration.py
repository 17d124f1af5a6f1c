"""The calibration set: items that everybody labels before anything else, to talk over where they differ.

Such an item has no places: whoever labels it does so once, in ``Assignment.Purpose.CALIBRATION``, and no label, no
agreement and no cap counts it. What is known of it (``Gold``) is shown to a person once they have submitted it.
"""

from __future__ import annotations

from django.db.models import Exists, OuterRef

from annotation.models import Assignment, Item, Membership

# What people label before they begin is a sitting, not a project.
MOST = 50


def due(membership: Membership) -> Item | None:
    """The first item of the set that this person never had; the same order for everybody."""
    items = Item.objects.present().filter(project=membership.project_id, in_calibration=True)
    had = Assignment.objects.filter(annotator=membership.user_id, item=OuterRef("pk"))
    return items.filter(~Exists(had)).order_by("position").first()
