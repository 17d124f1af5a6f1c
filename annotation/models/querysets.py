"""Questions over many items, assignments and submissions, as adjectives: ``Item.objects.short_of_overlap()``."""

from __future__ import annotations

from datetime import datetime
from itertools import combinations
from typing import Any

from django.apps import apps
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

# Every flag a submission may carry, in the order they are kept.
FLAGS = ("surplus", "too_fast", "unread")
HELD = ("reserved", "open")
DELIVERED = ("submitted", "reopened")
ADJUDICATION = "adjudication"
SCREENING = "screening"
# What people do before they begin: it is nobody's label.
BEFOREHAND = ("calibration", SCREENING)
# What is no work of theirs for the project.
NOT_WORK = (ADJUDICATION, *BEFOREHAND)
# The same person may go on with these.
RESUMABLE = ("expired", "released")
# These do not count against a person's cap: nothing was, or is going to be, delivered for them.
NOT_DELIVERED = ("skipped", "released", "expired", "void")


def with_surplus(flags: list[str], is_surplus: bool) -> list[str]:
    """The flags that a current submission was kept with, and whether its assignment is surplus (it may have lost its
    place since) as one."""
    return ["surplus", *flags] if is_surplus and "surplus" not in flags else flags


def present(prefix: str = "", *, pairs: bool = True) -> Q:
    """The item (behind ``prefix``, as ``assignment__item__``) and its traces are not withdrawn. ``pairs``: there may be
    items with two, at the cost of a join."""
    found = Q(**{f"{prefix}is_withdrawn": False, f"{prefix}trace_a__is_withdrawn": False})
    return found & ~Q(**{f"{prefix}trace_b__is_withdrawn": True}) if pairs else found


def withdrawn(prefix: str = "") -> Q:
    """The others."""
    return Q(*((f"{prefix}{one}is_withdrawn", True) for one in ("", "trace_a__", "trace_b__")), _connector=Q.OR)


def _model(name: str) -> Any:
    return apps.get_model("annotation", name)


class ItemQuerySet(QuerySet[Any]):
    """The subqueries start from what is free or in somebody's hands, which shrinks as the work gets done.

    ``projects``: whose rows the subqueries read; None reads all of them.
    """

    def present(self) -> ItemQuerySet:
        return self.filter(present())

    def withdrawn(self) -> ItemQuerySet:
        """Handed out to nobody and left out of exports: the item itself, or a trace of it."""
        return self.filter(withdrawn())

    def open_to(self, group: str) -> ItemQuerySet:
        """For everybody, or kept for this group."""
        return self.filter(group__in=["", group])

    def to_label(self) -> ItemQuerySet:
        """Whose labels the project wants or has: all but the items of the calibration set without one."""
        return self.filter(Q(in_calibration=False) | _has_places())

    def only_calibrating(self) -> ItemQuerySet:
        """The others: of the calibration set, and without a label that was made before."""
        return self.filter(~_has_places(), in_calibration=True)

    def with_free_places(self, projects: Any = None) -> ItemQuerySet:
        """Somebody could be given them now."""
        return self.present().filter(pk__in=_free(projects))

    def unfinished(self, projects: Any = None) -> ItemQuerySet:
        """With a place that is free, in somebody's hands, or filled by a label that is left out."""
        # One set of ids, not "in this or in that": for the latter Postgres reads every item.
        return self.present().filter(pk__in=_free(projects).union(_held(projects), _filled_in_vain(projects)))

    def finished(self, projects: Any = None) -> ItemQuerySet:
        """Labeled as often as they shall be, by people whose labels count."""
        labeled = self.present().filter(slots__number=1, slots__assignment__isnull=False)
        for places in (_free(projects), _held(projects), _filled_in_vain(projects)):
            labeled = labeled.exclude(pk__in=places)
        return labeled

    def filled_in_vain(self, projects: Any = None) -> ItemQuerySet:
        """With a place that nobody else is given though its label is left out. Of the calibration set none is given."""
        return self.present().filter(in_calibration=False, pk__in=_filled_in_vain(projects))

    def skipped_by_several(self, projects: Any = None, shown: Q | None = None) -> ItemQuerySet:
        """Perhaps something is wrong with them. ``shown``: the assignments that are looked at."""
        skips = _of(_model("Assignment").objects.using(self.db).skips().filter(shown or Q()), projects).order_by()
        return self.present().filter(pk__in=skips.annotate(n=Count("pk")).filter(n__gt=1).values("item"))

    def short_of_overlap(self, projects: Any = None) -> ItemQuerySet:
        """To be labeled by several people, and not yet by all of them."""
        return self.unfinished(projects).filter(in_overlap=True)


def _has_places() -> Exists:
    return Exists(_model("Slot").objects.filter(item=OuterRef("pk")))


def _free(projects: Any) -> QuerySet[Any]:
    return _of(_model("Slot").objects.filter(assignment=None), projects)


def _held(projects: Any) -> QuerySet[Any]:
    # Not the checks of people and the surplus work on items that have all their labels.
    return _of(_model("Assignment").objects.working().filter(state__in=HELD, slot__isnull=False), projects)


def _filled_in_vain(projects: Any) -> QuerySet[Any]:
    # From the few who are left out to what they delivered: an index finds it.
    of_person = {"user__assignments__project": F("project"), "user__assignments__state__in": DELIVERED}
    left_out = _model("Membership").objects.filter(is_excluded=True, user__assignments__slot__isnull=False, **of_person)
    return (left_out if projects is None else left_out.filter(project__in=projects)).values("user__assignments__item")


def _of(rows: QuerySet[Any], projects: Any) -> QuerySet[Any]:
    return (rows if projects is None else rows.filter(project__in=projects)).values("item")


def is_left_out(annotator: str = "annotator") -> Exists:
    """Whether a manager has left out what this person labels in the row's project."""
    excluded = _model("Membership").objects.filter(is_excluded=True)
    return Exists(excluded.filter(project=OuterRef("project"), user=OuterRef(annotator)))


def labeled_place() -> Q:
    """A slot in which there is a label that counts."""
    return Q(assignment__state__in=DELIVERED) & ~Q(is_left_out("assignment__annotator"))


class AssignmentQuerySet(QuerySet[Any]):
    def overdue(self, now: datetime | None = None) -> AssignmentQuerySet:
        """Held by somebody whose lease has run out."""
        return self.filter(lease_until__lt=now or timezone.now())

    def delivered(self) -> AssignmentQuerySet:
        return self.filter(state__in=DELIVERED)

    def labeling(self) -> AssignmentQuerySet:
        """All but the adjudications, which are nobody's labels."""
        return self.exclude(purpose=ADJUDICATION)

    def working(self) -> AssignmentQuerySet:
        """What people label for the project: neither adjudications nor what they do before they begin."""
        return self.exclude(purpose__in=NOT_WORK)

    def skips(self) -> AssignmentQuerySet:
        """Which may tell of the item. In a screening they tell of the person."""
        return self.filter(state="skipped").exclude(purpose=SCREENING)

    def deciding(self) -> AssignmentQuerySet:
        """Adjudications that are being made, or were made and stand: at most one of an item."""
        return self.filter(purpose=ADJUDICATION, state__in=("open", *DELIVERED))

    def in_other_hands(self, user: Any) -> AssignmentQuerySet:
        """Labels that others are making of items this person never had, and may get: some may be given back."""
        mine = _model("Assignment").objects.filter(item=OuterRef("item"), annotator=user)
        member = _model("Membership").objects.filter(project=OuterRef("project"), user=user, role="annotator")
        is_open = Q(item__group="") | Q(item__group=Subquery(member.values("group")))
        return self.filter(is_open, ~Exists(mine), present("item__"), purpose="production", state="open")

    def left_out(self) -> AssignmentQuerySet:
        """By people whose work a manager has left out of their project."""
        return self.filter(is_left_out())

    def counting(self) -> AssignmentQuerySet:
        """By nobody who is left out."""
        return self.filter(~is_left_out())

    def too_fast(self) -> AssignmentQuerySet:
        """Work delivered in less time than anybody needs to read the trace."""
        return self.working().filter(is_too_fast=True)

    def surplus(self) -> AssignmentQuerySet:
        """Delivered beyond the number of labels the item needs."""
        return self.filter(is_surplus=True)


class SubmissionQuerySet(QuerySet[Any]):
    def flagged(self, flag: str) -> SubmissionQuerySet:
        """With this flag. By the few values the column may have, so that an index answers."""
        sizes = range(1, len(FLAGS) + 1)
        sets = [list(some) for size in sizes for some in combinations(FLAGS, size) if flag in some]
        return self.filter(flags__in=sets)

    def working(self) -> SubmissionQuerySet:
        """Of what people label for the project."""
        return self.exclude(assignment__purpose__in=NOT_WORK)

    def too_fast(self) -> SubmissionQuerySet:
        return self.flagged("too_fast")

    def surplus(self, projects: Any = None) -> SubmissionQuerySet:
        """Made when the item had all its labels, or of a label that lost its place since."""
        made = _model("Submission").objects.flagged("surplus")
        lost = _model("Submission").objects.filter(is_current=True, assignment__is_surplus=True)
        if projects is not None:
            made, lost = made.filter(project__in=projects), lost.filter(assignment__project__in=projects)
        # One set of ids, as in ItemQuerySet.unfinished.
        return self.filter(pk__in=made.values("pk").union(lost.values("pk")))

    def unread(self) -> SubmissionQuerySet:
        return self.flagged("unread")
