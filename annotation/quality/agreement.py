"""How far annotators agree, for each measure of each scheme."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from django.db import transaction

from annotation.models import Project
from annotation.quality.alpha import Comparable, PercentAgreement, Statistic, alpha_statistic, alpha_value, total
from annotation.quality.bootstrap import interval
from annotation.quality.ratings import Ratings, ratings_of

SMALL_OVERLAP = 30


class UnknownMetric(LookupError):
    """There is no such metric. ``str()`` is a sentence that lists those there are."""


@dataclass(frozen=True)
class Agreement:
    """The agreement on one measure.

    ``value`` is None where it is undefined, and ``reason`` says why. ``percent`` is the share (0 to 1) of
    agreeing pairs. ``units`` were labeled by two or more people; they lie in ``traces`` traces.
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


@dataclass(frozen=True)
class _Metric:
    statistic: Callable[[Comparable], Statistic]
    value: Callable[[Comparable, Statistic], float]


METRICS = {
    "krippendorff_alpha": _Metric(alpha_statistic, alpha_value),
    "percent_agreement": _Metric(PercentAgreement, lambda labels, statistic: total(statistic)),
}


def agreement(project: Project, metric: str = "krippendorff_alpha", *, using: str = "snapshot") -> Report:
    """The agreement of a project's annotators where they overlap. Raises UnknownMetric."""
    if metric not in METRICS:
        raise UnknownMetric(f"there is no metric {metric!r}; known: {', '.join(sorted(METRICS))}")
    with transaction.atomic(using=using):
        seen = Project.objects.using(using).get(pk=project.pk)
        ratings = ratings_of(seen, using=using)
    return agreement_of(seen, ratings, metric)


def agreement_of(seen: Project, ratings: list[Ratings], metric: str = "krippendorff_alpha") -> Report:
    """The same from ratings that were read already, at the change counter ``seen`` has."""
    results = [_agreement_on(one, METRICS[metric]) for one in ratings]
    return Report(seen.slug, metric, seen.seq, results, _warnings(results))


def _agreement_on(ratings: Ratings, metric: _Metric) -> Agreement:
    labels = Comparable(ratings)
    about = (ratings.scheme, ratings.measure.name, ratings.measure.level, ratings.measure.per)
    if not labels.n_units:
        reason = "no trace has labels of two people yet"
        return Agreement(*about, None, None, None, units=0, traces=0, annotators=0, reason=reason)
    statistic = metric.statistic(labels)
    value = metric.value(labels, statistic)
    is_defined = not math.isnan(value)
    return Agreement(
        *about,
        value=value if is_defined else None,
        interval=interval(statistic) if is_defined else None,
        percent=total(PercentAgreement(labels)),
        units=labels.n_units,
        traces=labels.n_traces,
        annotators=labels.n_annotators,
        reason="" if is_defined else f"everybody gave one value only ({_words(labels.given()[0])})",
    )


def _words(value: Any) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _warnings(results: list[Agreement]) -> list[str]:
    traces = max((result.traces for result in results), default=0)
    if 0 < traces < SMALL_OVERLAP:
        labeled = f"{traces} traces were" if traces > 1 else "1 trace was"
        return [f"only {labeled} labeled by two people: the intervals are wide, {SMALL_OVERLAP} are advised"]
    return []
