"""The agreement on one measure of a scheme, counted: what ``agreement`` needs NumPy for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from annotation.quality.agreement import Agreement
from annotation.quality.alpha import (
    Comparable,
    NearAgreement,
    PercentAgreement,
    Statistic,
    alpha_statistic,
    alpha_value,
    total,
)
from annotation.quality.bootstrap import interval
from annotation.quality.ratings import Ratings


@dataclass(frozen=True)
class _Metric:
    statistic: Callable[[Comparable], Statistic]
    value: Callable[[Comparable, Statistic], float]


STATISTICS = {
    "krippendorff_alpha": _Metric(alpha_statistic, alpha_value),
    "percent_agreement": _Metric(PercentAgreement, lambda labels, statistic: total(statistic)),
}


def agreement_on(ratings: Ratings, name: str) -> Agreement:
    """The agreement on one measure by the metric of that name (``agreement.METRICS``)."""
    metric, labels = STATISTICS[name], Comparable(ratings)
    about = (ratings.scheme, ratings.measure.name, ratings.measure.level, ratings.measure.per)
    if not labels.n_units:
        reason = _without_pairs(ratings)
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
        within_one_step=total(NearAgreement(labels)) if ratings.measure.is_place else None,
        reason="" if is_defined else f"everybody gave one value only ({_words(labels.given()[0])})",
    )


def _without_pairs(ratings: Ratings) -> str:
    """An answer is compared with answers to the same question only (``Scheme.meaning``)."""
    if not ratings.n_earlier:
        return "no trace has labels of two people yet"
    given = "1 answer was" if ratings.n_earlier == 1 else f"{ratings.n_earlier:,} answers were"
    return f"no trace has labels of two people since the question changed its meaning: {given} given before"


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.12g}"
