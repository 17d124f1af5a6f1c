"""What the objects of the record of changes are: their traces and people, looked up a page at a time.

The record itself says ``assignment <id>`` and ``item <number>``, which stay true whatever a trace or a person is called
later, and name nobody who is forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.urls import reverse

from annotation import access
from annotation.admin.filters import items_named, people_named
from annotation.models import Assignment, Item, SchemeVersion
from potato_site.accounts.models import AuditEntry

ASSIGNMENT = re.compile(r"assignment ([0-9a-f]{8}-[0-9a-f-]{27})")
ITEM = re.compile(r"(gold of )?item (\d{1,18})(?:, (.*))?")
# Of work that a search finds by its trace or person, how much is looked for in the record.
WORK_FOUND = 2000
KNOWN_FOUND, SCHEMES = 100, 20


@dataclass(frozen=True)
class Named:
    """``text`` is what people know the object by, ``url`` its page in the admin."""

    text: str
    url: str


def named(entries: Iterable[AuditEntry], user: Any) -> dict[int, Named]:
    """Entry → its object, for those that are items, or work that this person may see, of the entry's own project."""
    entries = list(entries)
    work = {entry.pk: found[1] for entry in entries if (found := ASSIGNMENT.fullmatch(entry.object))}
    items = {entry.pk: found for entry in entries if (found := ITEM.fullmatch(entry.object))}
    shown = access.work(user, {entry.project_id for entry in entries if entry.project_id is not None})
    rows = Assignment.objects.filter(shown, public_id__in=set(work.values()))
    there = {
        (str(one.public_id), one.project_id): one
        for one in rows.select_related("item__trace_a", "item__trace_b", "annotator")
    }
    kept = Item.objects.filter(pk__in={int(found[2]) for found in items.values()})
    of = {(one.pk, one.project_id): one for one in kept.select_related("trace_a", "trace_b")}
    told: dict[int, Named] = {}
    for entry in entries:
        if entry.project_id is None:
            continue
        if entry.pk in work and (one := there.get((work[entry.pk], entry.project_id))):
            told[entry.pk] = Named(f"{one.item.called}, {one.annotator}", _url("assignment", one.pk))
        elif entry.pk in items and (item := of.get((int(items[entry.pk][2]), entry.project_id))):
            scheme = items[entry.pk][3]
            told[entry.pk] = Named(f"{item.called}, {scheme}" if scheme else item.called, _url("item", item.pk))
    return told


def _url(model: str, pk: int) -> str:
    return reverse(f"admin:annotation_{model}_change", args=[pk])


def about(text: str, projects: list[int], user: Any) -> tuple[Q, bool]:
    """The entries about traces and people whose name contains a text, or by these people; and whether it found more
    than a search takes."""
    items, more_items = items_named(text, projects)
    people, more_people = people_named(text, projects)
    work = Assignment.objects.filter(access.work(user, projects), project__in=projects).filter(
        Q(item__in=items) | Q(annotator__in=people)
    )
    ids = list(work.order_by("-pk").values_list("public_id", flat=True)[: WORK_FOUND + 1])
    names = [f"assignment {public_id}" for public_id in ids[:WORK_FOUND]] + [f"item {pk}" for pk in items]
    schemes = SchemeVersion.objects.filter(project__in=projects).values_list("name", flat=True).distinct()
    names += [f"gold of item {pk}, {scheme}" for scheme in schemes[:SCHEMES] for pk in items[:KNOWN_FOUND]]
    found = Q(object__in=names) | Q(user__in=people)
    return found, more_items or more_people or len(ids) > WORK_FOUND
