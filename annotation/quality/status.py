"""How far a project is: per person and scheme what is assigned, submitted and left; items; the overlap.

Every number comes from a grouped query, a fixed number of them whatever the size of the project.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, JSONField, OuterRef, Q, QuerySet
from django.db.models.functions import Cast

from annotation.assignments.limits import cap_of
from annotation.models import Assignment, Item, Membership, Project, Slot, Submission
from annotation.models.querysets import DELIVERED, NOT_WORK, RESUMABLE
from annotation.projects.revisions import config_of

State = Assignment.State
# In somebody's hands now.
OPEN = (State.RESERVED, State.OPEN)
# A person may take these up again, so their items are still left for them.
RETURNABLE = RESUMABLE


@dataclass(frozen=True)
class SchemeStatus:
    """One question to one person. ``submitted`` counts submissions that answer it (a hidden question is not)."""

    scheme: str
    assigned: int
    submitted: int
    left: int


@dataclass(frozen=True)
class PersonStatus:
    """One person's work, in items. ``left`` is what they could still be given; others may take it first. ``reopened``
    items are among the submitted ones."""

    username: str
    state: str
    assigned: int
    submitted: int
    skipped: int
    left: int
    reopened: int
    schemes: list[SchemeStatus]


@dataclass(frozen=True)
class Progress:
    """``finished`` of ``total`` have every label they shall get, of people whose labels count; the other ``open`` ones
    do not."""

    total: int
    finished: int
    open: int


@dataclass(frozen=True)
class Overlap:
    """The items that several people label, and their labels: ``labels_submitted`` of ``labels_planned``."""

    items: Progress
    labels_planned: int
    labels_submitted: int


@dataclass(frozen=True)
class Report:
    """The state of a project at one moment (``seq`` is its change counter)."""

    project: str
    name: str
    state: str
    seq: int
    items: Progress
    withdrawn: int
    overlap: Overlap
    people: list[PersonStatus]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def status(project: Project) -> Report:
    """The report, read in one consistent view. It reads the whole project: pages show the numbers that are kept."""
    with transaction.atomic(using="snapshot"):
        return _Reader(Project.objects.using("snapshot").get(pk=project.pk), "snapshot").report()


def _sum(mine: Counter[tuple[str, str]], states: Collection[str], kinds: Collection[str] = Item.Kind.values) -> int:
    return sum(mine[kind, state] for kind in kinds for state in states)


class _Reader:
    """One project, one database alias."""

    def __init__(self, project: Project, using: str) -> None:
        self.project, self.using = project, using
        self.config = config_of(project.revision_id) if project.revision_id else None
        items = Item.objects.using(using).filter(project=project)
        slots = Slot.objects.using(using).filter(item=OuterRef("pk"))
        # Places with a label that counts.
        excluded = Membership.objects.using(using).filter(project=project, is_excluded=True).values("user")
        self.labeled = Q(assignment__state__in=DELIVERED) & ~Q(assignment__annotator__in=excluded)
        # Of a kind that is no longer handed out, those that somebody labeled.
        self.kinds = self.config.kinds if self.config else []
        self.present = items.present().filter(Q(kind__in=self.kinds) | Exists(slots))
        self.withdrawn = items.withdrawn()
        self.is_open = Exists(slots.exclude(self.labeled))

    def report(self) -> Report:
        project = self.project
        return Report(
            project=project.slug,
            name=project.name,
            state=project.state,
            seq=project.seq,
            items=self._progress(self.present.to_label()),
            withdrawn=self.withdrawn.count(),
            overlap=self._overlap(),
            people=self._people(),
        )

    def _progress(self, items: QuerySet[Item]) -> Progress:
        counts = items.annotate(unfinished=self.is_open).aggregate(
            total=Count("pk"), open=Count("pk", filter=Q(unfinished=True))
        )
        return Progress(counts["total"], counts["total"] - counts["open"], counts["open"])

    def _overlap(self) -> Overlap:
        items = self.present.to_label().filter(in_overlap=True)
        slots = Slot.objects.using(self.using).filter(item__in=items, purpose=Slot.Purpose.PLANNED)
        labels = slots.aggregate(planned=Count("pk"), done=Count("pk", filter=self.labeled))
        return Overlap(self._progress(items), labels["planned"], labels["done"])

    def _people(self) -> list[PersonStatus]:
        states = self._assignments_by_state()
        answered = self._answers_by_scheme()
        free, taken = self._free_items()
        asked = self._kinds_by_scheme()
        people = []
        for member in self._members():
            mine = states.get(member.user_id, Counter())
            available = _open_to(member.group, free - taken.get(member.user_id, Counter()))
            schemes = [
                SchemeStatus(
                    name, _sum(mine, OPEN, kinds), answered.get(member.user_id, {}).get(name, 0),
                    self._left(member, mine, sum(available[kind] for kind in kinds)),
                )
                for name, kinds in asked.items()
            ]  # fmt: skip
            people.append(
                PersonStatus(
                    member.user.get_username(), "excluded" if member.is_excluded else member.state,
                    _sum(mine, OPEN), _sum(mine, DELIVERED), _sum(mine, [State.SKIPPED]),
                    self._left(member, mine, available.total()), _sum(mine, [State.REOPENED]), schemes,
                )
            )  # fmt: skip
        return people

    def _kinds_by_scheme(self) -> dict[str, list[str]]:
        """The kinds of items that are handed out and asked each question."""
        if self.config is None:
            return {}
        asked = {kind: self.config.asked_of(pair=kind == Item.Kind.PAIR) for kind in self.kinds}
        return {
            scheme.name: [kind for kind, schemes in asked.items() if scheme in schemes]
            for scheme in self.config.annotation_schemes
        }

    def _members(self) -> QuerySet[Membership]:
        members = Membership.objects.using(self.using).filter(project=self.project, role=Membership.Role.ANNOTATOR)
        return members.select_related("user").order_by("user__username")

    def _left(self, member: Membership, mine: Counter[tuple[str, str]], available: int) -> int:
        """How many items this person could still be given, within their cap."""
        if member.state != Membership.State.ACTIVE or member.is_excluded:
            return 0
        cap = cap_of(self.project, member) if self.config else None
        taken = _sum(mine, (*OPEN, *DELIVERED))
        return available if cap is None else max(min(available, cap - taken), 0)

    def _assignments_by_state(self) -> dict[int, Counter[tuple[str, str]]]:
        """Per person, the assignments of each kind of item in each state."""
        rows = Assignment.objects.using(self.using).working().filter(project=self.project, item__in=self.present)
        counts: dict[int, Counter[tuple[str, str]]] = {}
        columns = ("annotator", "item__kind", "state")
        for user, kind, state, number in rows.values_list(*columns).annotate(Count("pk")).order_by():
            counts.setdefault(user, Counter())[kind, state] = number
        return counts

    def _free_items(self) -> tuple[Counter[tuple[str, str]], dict[int, Counter[tuple[str, str]]]]:
        """(items of each kind, for each group, with a free place; per person how many of those they cannot take any
        more)."""
        # From the places, not from the items: SQLite would look through all free places once per item.
        free = Slot.objects.using(self.using).filter(assignment=None, item__in=self.present).values("item")
        mine = Assignment.objects.using(self.using).filter(item__in=free).exclude(state__in=RETURNABLE)
        taken: dict[int, Counter[tuple[str, str]]] = {}
        counted = mine.values_list("annotator", "item__kind", "item__group").annotate(Count("pk")).order_by()
        for user, kind, group, number in counted:
            taken.setdefault(user, Counter())[kind, group] = number
        kinds = free.values_list("item__kind", "item__group").annotate(Count("item", distinct=True)).order_by()
        return Counter({(kind, group): number for kind, group, number in kinds}), taken

    def _answers_by_scheme(self) -> dict[int, dict[str, int]]:
        """Per person and scheme, the current submissions that answer it."""
        names = self._scheme_names()
        current = (
            Submission.objects.using(self.using)
            .filter(
                project=self.project,
                is_current=True,
                assignment__state__in=DELIVERED,
                assignment__item__in=self.present,
            )
            .exclude(assignment__purpose__in=NOT_WORK)
        )
        # The values are JSON in a text column; the database looks for the scheme's key in it.
        parsed = current.annotate(parsed=Cast("values", JSONField())).values_list("assignment__annotator")
        counts = {f"answers_{place}": Count("pk", filter=Q(parsed__has_key=name)) for place, name in enumerate(names)}
        rows = parsed.annotate(**counts).order_by()
        return {user: dict(zip(names, numbers, strict=True)) for user, *numbers in rows}

    def _scheme_names(self) -> list[str]:
        return [scheme.name for scheme in self.config.annotation_schemes] if self.config else []


def _open_to(group: str, items: Counter[tuple[str, str]]) -> Counter[str]:
    """Those of each kind that are for everybody, or for this group."""
    found = Counter[str]()
    for (kind, kept_for), number in items.items():
        if kept_for in ("", group):
            found[kind] += number
    return found
