"""Confidence intervals by resampling traces: the steps of one trace are not independent of each other."""

from __future__ import annotations

import numpy as np

from annotation.quality.alpha import Floats, Statistic

RESAMPLES = 1000
LEVEL = 0.95
# The same labels give the same interval.
SEED = 20240229
# Drawn at once: bounds the memory whatever the number of traces (8 bytes each, twice).
DRAWS_AT_ONCE = 4_000_000


def interval(statistic: Statistic) -> tuple[float, float] | None:
    """The middle 95 % of the statistic over resamples of its traces.

    Resamples in which it is undefined (one value only) are left out. None for fewer than two traces, or when it is
    undefined in most resamples.
    """
    n_traces = len(statistic.sums)
    if n_traces < 2:
        return None
    values = np.concatenate([statistic.of(totals) for totals in _resampled_totals(statistic.sums)])
    values = values[~np.isnan(values)]
    if len(values) < RESAMPLES / 2:
        return None
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _resampled_totals(sums: Floats) -> list[Floats]:
    """For each resample, the total of the sums of the traces drawn: in batches of rows."""
    generator, n = np.random.default_rng(SEED), len(sums)
    batch = max(1, min(RESAMPLES, DRAWS_AT_ONCE // n))
    totals = []
    for start in range(0, RESAMPLES, batch):
        rows = min(batch, RESAMPLES - start)
        drawn = generator.integers(0, n, size=(rows, n)) + np.arange(rows)[:, None] * n
        times = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)
        totals.append(times.astype(float) @ sums)
    return totals
