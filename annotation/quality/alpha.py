"""Krippendorff's alpha and percent agreement from labels, as sums over traces.

Alpha is 1 - observed / expected disagreement, and both are made of sums over units. Kept per trace, the sums of a
resample of traces are one matrix product, so that a bootstrap costs little more than the value itself. Units with fewer
than two labels are not comparable and take no part.
"""

from __future__ import annotations

from typing import Any, Protocol

import krippendorff
import numpy as np
import numpy.typing as npt

from annotation.quality.ratings import Ratings

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# The package works on an array of units x values x values: above this many cells (32 MB) its sums are ours.
PACKAGE_CELLS = 4_000_000
# Up to here a table of units x values is cheaper than sorting the labels.
FEW_VALUES = 16


class Statistic(Protocol):
    """A number made of sums over traces."""

    # One row per trace.
    sums: Floats

    def of(self, totals: Floats) -> Floats:
        """The number for each row of total sums; NaN where it is undefined."""
        ...


class Comparable:
    """The labels of units that two or more people labeled."""

    def __init__(self, ratings: Ratings) -> None:
        unit, code = _ints(ratings.unit), _ints(ratings.code)
        self.level = ratings.measure.level
        per_unit = np.bincount(unit, minlength=len(ratings.cluster))
        kept = per_unit[unit] >= 2
        # Units and traces are numbered again, without gaps.
        present = np.flatnonzero(per_unit >= 2)
        self.unit = (np.cumsum(per_unit >= 2) - 1)[unit[kept]]
        traces, self.trace = np.unique(_ints(ratings.cluster)[present], return_inverse=True)
        self.code = code[kept]
        self.values = list(ratings.codes)
        self.n_steps = _ints(ratings.n_steps)[present]
        self.n_units, self.n_traces, self.n_values = len(present), len(traces), len(self.values)
        self.n_annotators = len(np.unique(_ints(ratings.annotator)[kept]))
        self.labels_of_unit = np.bincount(self.unit, minlength=self.n_units).astype(float)

    def given(self) -> list[Any]:
        """The values that occur."""
        return [self.values[code] for code in np.unique(self.code)]

    def per_trace(self, of_unit: Floats) -> Floats:
        """The sum over the units of each trace."""
        return _sums(self.trace, of_unit, self.n_traces)

    def squares(self) -> Floats:
        """Per unit, the sum over values of the squared number of labels."""
        if self.n_values <= FEW_VALUES:
            counts = self.counts()
            return np.einsum("uv,uv->u", counts, counts).astype(float)
        pairs, times = np.unique(self.unit * self.n_values + self.code, return_counts=True)
        return _sums(pairs // self.n_values, times.astype(float) ** 2, self.n_units)

    def counts(self) -> Ints:
        """Units x values."""
        cells = np.bincount(self.unit * self.n_values + self.code, minlength=self.n_units * self.n_values)
        return cells.reshape(self.n_units, self.n_values)


def _sums(places: Ints, values: Floats, length: int) -> Floats:
    """The sum of ``values`` at each place."""
    return np.bincount(places, weights=values, minlength=length).astype(np.float64, copy=False)


def _ints(values: Any) -> Ints:
    return np.asarray(values, dtype=np.int64)


class PercentAgreement:
    """The share of agreeing pairs of labels, the mean over units."""

    def __init__(self, labels: Comparable) -> None:
        m = labels.labels_of_unit
        share = (labels.squares() - m) / (m * (m - 1))
        self.sums = np.column_stack([labels.per_trace(share), labels.per_trace(np.ones_like(m))])

    def of(self, totals: Floats) -> Floats:
        return _divide(totals[:, 0], totals[:, 1])


class NearAgreement:
    """The share of pairs of places that are the same or one step apart, the mean over units. None is beside no step."""

    def __init__(self, labels: Comparable) -> None:
        share, m = np.array(labels.values, dtype=float)[labels.code], labels.labels_of_unit
        place = np.where(share < 1, np.rint(share * labels.n_steps[labels.unit]), np.inf)
        order = np.lexsort((place, labels.unit))
        unit, place = labels.unit[order], place[order]
        near = np.zeros(labels.n_units)
        for beyond in range(1, int(m.max())):
            one, other = place[:-beyond], place[beyond:]
            is_near = (unit[:-beyond] == unit[beyond:]) & ((one == other) | (other <= one + 1))
            near += _sums(unit[beyond:], is_near.astype(float), labels.n_units)
        pairs = m * (m - 1) / 2
        self.sums = np.column_stack([labels.per_trace(near / pairs), labels.per_trace(np.ones_like(m))])

    def of(self, totals: Floats) -> Floats:
        return _divide(totals[:, 0], totals[:, 1])


class NominalAlpha:
    """Values are equal or not."""

    def __init__(self, labels: Comparable) -> None:
        m = labels.labels_of_unit
        observed = labels.per_trace((m**2 - labels.squares()) / (m - 1))
        cell = labels.trace[labels.unit] * labels.n_values + labels.code
        given = np.bincount(cell, minlength=labels.n_traces * labels.n_values)
        self.sums = np.column_stack([observed, given.reshape(labels.n_traces, labels.n_values).astype(float)])

    def of(self, totals: Floats) -> Floats:
        observed, given = totals[:, 0], totals[:, 1:]
        n = given.sum(axis=1)
        return 1 - _divide(observed * (n - 1), n**2 - (given**2).sum(axis=1))


class IntervalAlpha:
    """Values are numbers; disagreement is their squared difference."""

    def __init__(self, labels: Comparable) -> None:
        numbers = np.array(labels.values, dtype=float)[labels.code]
        # Differences do not depend on the origin, rounding does.
        x = numbers - numbers.mean()
        m = labels.labels_of_unit
        s1, s2 = (_sums(labels.unit, values, labels.n_units) for values in (x, x**2))
        observed = np.maximum(m * s2 - s1**2, 0) / (m - 1)
        self.sums = np.column_stack([labels.per_trace(column) for column in (observed, m, s1, s2)])

    def of(self, totals: Floats) -> Floats:
        observed, n, s1, s2 = totals.T
        expected = n * s2 - s1**2
        expected[expected < 1e-12 * n * s2] = 0
        return 1 - _divide(observed * (n - 1), expected)


class OrdinalAlpha:
    """Values are ranks; disagreement grows with the labels that lie between two ranks."""

    def __init__(self, labels: Comparable) -> None:
        counts, m = labels.counts().astype(float), labels.labels_of_unit
        self.v = labels.n_values
        cells = [
            labels.per_trace(counts[:, i] * (counts[:, j] - (i == j)) / (m - 1))
            for i in range(self.v)
            for j in range(self.v)
        ]
        self.sums = np.column_stack(cells)

    def of(self, totals: Floats) -> Floats:
        observed = totals.reshape(-1, self.v, self.v)
        given = observed.sum(axis=1)
        below = np.cumsum(given, axis=1)
        low, high = np.minimum.outer(range(self.v), range(self.v)), np.maximum.outer(range(self.v), range(self.v))
        between = below[:, high] - below[:, low] + given[:, low]
        distance = (between - (given[:, :, None] + given[:, None, :]) / 2) ** 2
        expected = given[:, :, None] * given[:, None, :] * (1 - np.eye(self.v))
        n = given.sum(axis=1)
        return 1 - _divide((observed * distance).sum(axis=(1, 2)) * (n - 1), (expected * distance).sum(axis=(1, 2)))


def alpha_statistic(labels: Comparable) -> Statistic:
    """The alpha for the level at which the values were measured."""
    kinds: dict[str, type[NominalAlpha] | type[IntervalAlpha] | type[OrdinalAlpha]] = {
        "nominal": NominalAlpha,
        "interval": IntervalAlpha,
        "ordinal": OrdinalAlpha,
    }
    return kinds[labels.level](labels)


def alpha_value(labels: Comparable, statistic: Statistic) -> float:
    """Alpha of all labels, by the krippendorff package where its working memory allows; NaN where it is undefined."""
    value = total(statistic)
    if np.isnan(value) or labels.n_units * labels.n_values**2 > PACKAGE_CELLS:
        return value
    domain = range(labels.n_values) if labels.level != "interval" else labels.values
    order = np.argsort(np.asarray(domain, dtype=float))
    return float(
        krippendorff.alpha(
            value_counts=labels.counts()[:, order],
            value_domain=np.asarray(domain, dtype=float)[order],
            level_of_measurement=labels.level,
        )
    )


def total(statistic: Statistic) -> float:
    return float(statistic.of(statistic.sums.sum(axis=0, keepdims=True))[0])


def _divide(a: Floats, b: Floats) -> Floats:
    """a / b, NaN where b is not positive."""
    return np.divide(a, b, out=np.full_like(a, np.nan), where=b > 0)
