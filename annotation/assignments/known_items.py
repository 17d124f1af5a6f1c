"""Items whose answer is known, handed out to check people's work: among the others, and looking like them.

The first comes among a person's first five items, the others so often as the project says
(``quality_control.known_answers_percentage``), never one right behind another. Whoever gets such an item for its label
is checked by it, and it counts as one. Where all have been handed out to a person there are no more checks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from annotation.models import Assignment, Gold, Item, Membership, Project
from annotation.models.querysets import ItemQuerySet
from annotation.projects.revisions import current, meaning_key
from annotation.schemes.base import Scheme

FIRST_AMONG = 5


def due(membership: Membership) -> Item | None:
    """The item to check this person by, if it is time for one."""
    project = membership.project
    percentage = current(project).quality_control.known_answers_percentage
    if not percentage:
        return None
    known = items_of(project, current(project).annotation_schemes)
    had = Assignment.objects.filter(project=project, annotator=membership.user_id)
    fresh = known.open_to(membership.group).exclude(Exists(had.filter(item=OuterRef("pk"))))
    if not fresh.exists() or not _is_due(had.working(), known, percentage, membership.pk):
        return None
    # Another one for everybody, so that all are used about equally often.
    numbers = fresh.order_by().values_list("pk", flat=True)
    chosen = min(numbers, key=lambda pk: draw(membership.pk, pk), default=None)
    # None: a manager took the last of them away meanwhile.
    return None if chosen is None else Item.objects.get(pk=chosen)


def still_wanted(project: Project, begun: Sequence[Assignment]) -> list[Assignment]:
    """Those of items that people are checked by still."""
    if not begun:
        return []
    items = items_of(project, current(project).annotation_schemes).filter(pk__in=[one.item_id for one in begun])
    present = set(items.values_list("pk", flat=True))
    return [one for one in begun if one.item_id in present]


def items_of(project: Project, schemes: Sequence[Scheme]) -> ItemQuerySet:
    """The items with a known answer to one of these questions as it is asked now, meant to be handed out.

    Of the calibration set people are told what is known.
    """
    names, meanings = [scheme.name for scheme in schemes], [meaning_key(scheme) for scheme in schemes]
    gold = Gold.objects.filter(use=Gold.Use.HIDDEN, scheme__project=project)
    gold = gold.filter(scheme__name__in=names, scheme__digest__in=meanings)
    return Item.objects.present().filter(project=project, in_calibration=False, pk__in=gold.values("item"))


def _is_due(had: QuerySet[Any], known: QuerySet[Item], percentage: float, person: int) -> bool:
    """``had``: all that the person was ever given to label for the project. What they skipped counts, so that skipping
    brings no other check."""
    total = had.count()
    if not total:
        return draw(person) % FIRST_AMONG == 0
    checks = had.filter(item__in=known.values("pk"))
    if checks.filter(pk__in=had.order_by("-pk").values("pk")[:1]).exists():
        return False
    count = checks.count()
    return count * 100 < percentage * total if count else total >= draw(person) % FIRST_AMONG


def draw(*numbers: int) -> int:
    """A number that is the same whenever it is asked for, and another one for other numbers."""
    return int.from_bytes(hashlib.sha256(repr(numbers).encode()).digest()[:8])
