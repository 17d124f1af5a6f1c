"""What counts as a label: the rule is written here, once.

The current submission of an assignment that was not voided, made in production, by somebody who is not excluded, on an
item (and a trace) that is not withdrawn. Surplus submissions (made when the item's places were taken) are kept and
paid, but only counted when asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Exists, OuterRef, Q, QuerySet

from annotation.models import Assignment, Item, Membership, Project, Submission
from annotation.models.querysets import DELIVERED, present, withdrawn
from annotation.queries.shapes import Coverage
from annotation.queries.snapshot import SNAPSHOT


def delivered_submissions(
    project: Project | int, using: str, kinds: Sequence[str] = (Item.Kind.TRACE,)
) -> QuerySet[Submission]:
    """Valid submissions about items of these kinds."""
    return Submission.objects.using(using).filter(
        present("assignment__item__", pairs=Item.Kind.PAIR in kinds),
        project=project,
        is_current=True,
        assignment__state__in=DELIVERED,
        assignment__item__kind__in=kinds,
    )


def counted_submissions(
    project: Project,
    using: str,
    include_surplus: bool = False,
    *,
    adjudicated: bool = False,
    kinds: Sequence[str] = (Item.Kind.TRACE,),
) -> QuerySet[Submission]:
    """The submissions that make labels; ``adjudicated``: and those that decide between them."""
    purposes = [Assignment.Purpose.PRODUCTION, *([Assignment.Purpose.ADJUDICATION] if adjudicated else [])]
    excluded = Membership.objects.using(using).filter(project=project, is_excluded=True).values("user_id")
    made = delivered_submissions(project, using, kinds).filter(assignment__purpose__in=purposes)
    made = made.exclude(assignment__annotator_id__in=excluded)
    if include_surplus:
        return made
    # The lookup encodes its value like the column, so this finds the element "surplus" with its quotes. The flag tells
    # what was so when it was submitted; a label that was left out may have lost its place since.
    return made.exclude(flags__contains="surplus").filter(assignment__is_surplus=False)


def coverage(
    project: Project, *, using: str = SNAPSHOT, only: Sequence[str] | None = None, include_surplus: bool = False
) -> Coverage:
    """Counts of items; one is labeled when a label of it counts (a surplus one alone only where asked for).

    ``only``: of the traces with these ids, and of the pairs of two of them.
    """
    found = Item.objects.using(using).filter(project=project)
    if only is not None:
        both = Q(kind=Item.Kind.TRACE) | Q(trace_b__external_id__in=only)
        found = found.filter(both, trace_a__external_id__in=only)
    counted = counted_submissions(project, using, include_surplus, adjudicated=True, kinds=Item.Kind.values)
    labeled = Exists(counted.filter(assignment__item=OuterRef("pk")))
    items, pairs = found.filter(kind=Item.Kind.TRACE), found.filter(present(), kind=Item.Kind.PAIR)
    # Of the calibration set no label is wanted; some may have one from before, or a final answer.
    here = items.filter(present(pairs=False)).filter(Q(in_calibration=False) | labeled)
    pairs = pairs.filter(Q(in_calibration=False) | labeled)
    return Coverage(
        items=here.count(),
        labeled=here.filter(labeled).count(),
        withdrawn=items.filter(withdrawn()).count(),
        pairs=pairs.count(),
        compared=pairs.filter(labeled).count(),
    )
