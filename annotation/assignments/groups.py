"""Groups of annotators, and the items that are kept for one: those who know a language, the senior ones.

A group is a name that a manager gave people and items. Whom an item is kept for is looked at when it is handed out;
what somebody has in hand already stays with them, and a manager may give it to anybody.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Count

from annotation.models import Item, Membership, Project


def names(projects: Collection[int]) -> list[str]:
    """The groups that people or items of these projects are of."""
    found = set[str]()
    for model in (Membership, Item):
        # A range of the index: of most items there is no group to be read.
        rows = model._default_manager.filter(project__in=projects, group__gt="").order_by()
        found |= set(rows.values_list("group", flat=True).distinct())
    return sorted(found)


def for_nobody(project: Project) -> dict[str, int]:
    """Group → how many items with a free place are kept for it, of groups in which no annotator is at work."""
    members = Membership.objects.filter(project=project, role=Membership.Role.ANNOTATOR)
    staffed = members.filter(state=Membership.State.ACTIVE, is_excluded=False).exclude(stage=Membership.Stage.PAUSED)
    kept = Item.objects.filter(project=project, group__gt="")
    kept = kept.exclude(group__in=list(staffed.values_list("group", flat=True)))
    if not kept.exists():
        return {}
    counted = kept.with_free_places([project.pk]).order_by("group").values_list("group").annotate(Count("pk"))
    return dict(counted)
