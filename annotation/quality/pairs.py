"""Who agrees with whom: percent agreement by pairs of annotators, over the units both labeled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annotation.quality.ratings import Ratings

# The pairs that share the most units: beyond that a table tells nobody anything.
KEPT = 40


@dataclass(frozen=True)
class Pair:
    """Two annotators (ids, the smaller first): the share (0 to 1) of ``units`` to which both gave the same value."""

    first: int
    second: int
    units: int
    percent: float


def pairs_of(ratings: Ratings, keep: int = KEPT) -> list[Pair]:
    """The ``keep`` pairs with the most common units, the least agreeing first."""
    unit, code, who = (np.asarray(column, dtype=np.int64) for column in (ratings.unit, ratings.code, ratings.annotator))
    order = np.lexsort((who, unit))
    unit, code, who = unit[order], code[order], who[order]
    found: dict[tuple[int, int], tuple[int, int]] = {}
    # Labels of one unit lie together: compare each with the next, then with the one after that, and so on.
    for distance in range(1, len(unit)):
        same = unit[distance:] == unit[:-distance]
        if not same.any():
            break
        both = np.stack([who[:-distance][same], who[distance:][same]], axis=1)
        agrees = (code[distance:] == code[:-distance])[same]
        named, place = np.unique(both, axis=0, return_inverse=True)
        units = np.bincount(place.ravel(), minlength=len(named))
        agreed = np.bincount(place.ravel(), weights=agrees, minlength=len(named))
        for (first, second), count, hits in zip(named.tolist(), units.tolist(), agreed.tolist(), strict=True):
            before = found.get((first, second), (0, 0))
            found[first, second] = (before[0] + count, before[1] + int(hits))
    made = [Pair(first, second, count, hits / count) for (first, second), (count, hits) in found.items()]
    made = sorted(made, key=lambda pair: (-pair.units, pair.first, pair.second))[:keep]
    return sorted(made, key=lambda pair: (pair.percent, -pair.units, pair.first, pair.second))
