"""How fast a project is labeled: when submissions came, reading time per item, and the same for each person.

One pass over the current submissions; what is kept while reading are two numbers for each.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from django.db.models import Max

from annotation.models import Presence, Project, Submission
from annotation.models.querysets import DELIVERED, NOT_WORK
from annotation.quality import days

CHUNK = 5000
BINS = 24


@dataclass(frozen=True)
class Bin:
    """Items read for ``low`` up to ``high`` seconds; of the last bin ``high`` is None: and longer."""

    low: float
    high: float | None
    items: int


@dataclass(frozen=True)
class Tercile:
    """A third of the submissions by the length of their trace, in steps from ``low`` to ``high``."""

    low: int
    high: int
    items: int
    median_seconds: float


@dataclass(frozen=True)
class PersonPace:
    """One person's current submissions. ``last_seen_at`` is when their page last gave a sign (ISO), or empty."""

    submitted: int
    too_fast: int
    median_seconds: float | None
    last_seen_at: str = ""
    unread: int = 0


@dataclass
class Pace:
    """``quarters``: how many came when, as ``days.latest`` keeps it."""

    submissions: int
    quarters: list[tuple[int, int]]
    median_seconds: float | None
    histogram: list[Bin]
    terciles: list[Tercile]
    too_fast: int
    surplus: int
    people: dict[int, PersonPace] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def pace_of(project: Project, *, using: str, now: datetime, check: Callable[[], None] = lambda: None) -> Pace:
    """Read and count. ``check`` is called between batches."""
    reading = _Reading()
    for number, row in enumerate(_rows(project, using)):
        if number % CHUNK == 0:
            check()
        reading.add(*row)
    return reading.pace(now, _last_seen(project, using))


def _rows(project: Project, using: str) -> Iterable[tuple[Any, ...]]:
    current = Submission.objects.using(using).filter(project=project, is_current=True, assignment__state__in=DELIVERED)
    # What adjudicators decide is nobody's label, and takes another time; people begin at their leisure.
    current = current.exclude(assignment__purpose__in=NOT_WORK)
    columns = ("assignment__annotator_id", "assignment__item__a__n_steps", "active_ms", "submitted_at", "flags",
               "assignment__is_surplus")  # fmt: skip
    return current.order_by("seq").values_list(*columns).iterator(chunk_size=CHUNK)


def _last_seen(project: Project, using: str) -> dict[int, datetime]:
    signs = Presence.objects.using(using).filter(assignment__project=project)
    rows = signs.values_list("assignment__annotator_id").annotate(last=Max("last_seen_at")).order_by()
    return dict(rows)


class _Reading:
    """What is kept of the submissions while they are read."""

    def __init__(self) -> None:
        self.ms, self.steps = array("q"), array("q")
        self.quarters: Counter[int] = Counter()
        self.ms_of: dict[int, array[int]] = defaultdict(lambda: array("q"))
        self.fast_of: Counter[int] = Counter()
        self.unread_of: Counter[int] = Counter()
        self.surplus = 0

    def add(self, user: int, n_steps: int, active_ms: int, at: datetime, flags: list[str], surplus: bool) -> None:
        self.ms.append(active_ms)
        self.steps.append(n_steps)
        self.ms_of[user].append(active_ms)
        self.quarters[days.quarter_of(at)] += 1
        self.fast_of[user] += "too_fast" in flags
        self.unread_of[user] += "unread" in flags
        self.surplus += surplus

    def pace(self, now: datetime, seen: dict[int, datetime]) -> Pace:
        seconds = np.asarray(self.ms, dtype=np.float64) / 1000
        return Pace(
            submissions=len(self.ms),
            quarters=days.latest(self.quarters, now),
            median_seconds=_median(seconds),
            histogram=histogram(seconds),
            terciles=terciles(np.asarray(self.steps, dtype=np.int64), seconds),
            too_fast=self.fast_of.total(),
            surplus=self.surplus,
            people={user: self._person(user, seen.get(user)) for user in {*self.ms_of, *seen}},
        )

    def _person(self, user: int, seen: datetime | None) -> PersonPace:
        seconds = np.asarray(self.ms_of.get(user, ()), dtype=np.float64) / 1000
        at = seen.isoformat() if seen else ""
        return PersonPace(len(seconds), self.fast_of[user], _median(seconds), at, self.unread_of[user])


def _median(seconds: Any) -> float | None:
    return round(float(np.median(seconds)), 1) if len(seconds) else None


# Widths of a bin that people can read off an axis, in seconds.
WIDTHS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)


def histogram(seconds: Any) -> list[Bin]:
    """At most 24 bins of one readable width; what lies beyond the 98th percentile shares the last one."""
    if not len(seconds):
        return []
    top = float(np.quantile(seconds, 0.98))
    width = next((width for width in WIDTHS if top < width * BINS), WIDTHS[-1])
    bins = min(int(top // width) + 1, BINS)
    place = np.minimum(seconds // width, bins).astype(int)
    counts = np.bincount(place, minlength=bins + 1).tolist()
    made = [Bin(n * width, (n + 1) * width, counts[n]) for n in range(bins)]
    return [*made, Bin(bins * width, None, counts[bins])] if counts[bins] else made


def terciles(steps: Any, seconds: Any) -> list[Tercile]:
    """The median time of short, middling and long traces; fewer groups where the lengths do not differ."""
    if not len(steps):
        return []
    cuts = sorted({int(np.quantile(steps, share, method="lower")) for share in (1 / 3, 2 / 3, 1)})
    group = np.searchsorted(cuts, steps)
    made = []
    for place in range(len(cuts)):
        inside = group == place
        if inside.any():
            lengths, median = steps[inside], _median(seconds[inside])
            assert median is not None
            made.append(Tercile(int(lengths.min()), int(lengths.max()), int(inside.sum()), median))
    return made
