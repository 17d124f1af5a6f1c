"""How far annotators agree, for each measure of each scheme."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from django.db import transaction

from annotation.models import Project
from annotation.quality.ratings import Ratings, ratings_of

SMALL_OVERLAP = 30


class UnknownMetric(LookupError):
    """There is no such metric. ``str()`` is a sentence that lists those there are."""


@dataclass(frozen=True)
class Agreement:
    """The agreement on one measure.

    ``value`` is None where it is undefined, and ``reason`` says why. ``percent`` is the share (0 to 1) of
    agreeing pairs, ``within_one_step`` that of those at most one step apart (None where values are no places of steps).
    ``units`` were labeled by two or more people; they lie in ``traces`` traces.
    """

    scheme: str
    measure: str
    level: str
    per: Literal["item", "step", "file"]
    value: float | None
    interval: tuple[float, float] | None
    percent: float | None
    units: int
    traces: int
    annotators: int
    reason: str = ""
    within_one_step: float | None = None


@dataclass(frozen=True)
class Report:
    """All measures of a project, trace-level ones first within each scheme."""

    project: str
    metric: str
    seq: int
    results: list[Agreement]
    warnings: list[str]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


METRICS = ("krippendorff_alpha", "percent_agreement")


def agreement(project: Project, metric: str = "krippendorff_alpha", *, using: str = "snapshot") -> Report:
    """The agreement of a project's annotators where they overlap. Raises UnknownMetric."""
    if metric not in METRICS:
        raise UnknownMetric(f"there is no metric {metric!r}; known: {', '.join(sorted(METRICS))}")
    with transaction.atomic(using=using):
        seen = Project.objects.using(using).get(pk=project.pk)
        ratings = ratings_of(seen, using=using)
    return agreement_of(seen, ratings, metric)


def agreement_of(
    seen: Project,
    ratings: list[Ratings],
    metric: str = "krippendorff_alpha",
    *,
    check: Callable[[], None] = lambda: None,
) -> Report:
    """The same from ratings that were read already, at the change counter ``seen`` has. ``check`` is called before each
    measure."""
    # Only here: NumPy is a sixth of the time that every command and worker would take to start.
    from annotation.quality.measured import agreement_on

    results = []
    for one in ratings:
        check()
        results.append(agreement_on(one, metric))
    return Report(seen.slug, metric, seen.seq, results, _warnings(results))


def _warnings(results: list[Agreement]) -> list[str]:
    traces = max((result.traces for result in results), default=0)
    if 0 < traces < SMALL_OVERLAP:
        labeled = f"{traces} traces were" if traces > 1 else "1 trace was"
        return [f"only {labeled} labeled by two people: the intervals are wide, {SMALL_OVERLAP} are advised"]
    return []
