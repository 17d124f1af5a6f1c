"""Submissions per day, as the days of whoever looks.

A day begins at another moment in each time zone. So what is kept are counts per quarter of an hour of UTC: the days of
every zone in use consist of whole quarters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta, tzinfo

DAYS = 60
QUARTER_SECONDS = 900
# The first of the days begins earlier in the east, and the last ends later in the west.
ELSEWHERE = timedelta(days=2)


def quarter_of(moment: datetime) -> int:
    """The number of its quarter of an hour, since 1970."""
    return int(moment.timestamp()) // QUARTER_SECONDS


def latest(quarters: Mapping[int, int], now: datetime) -> list[tuple[int, int]]:
    """Those of the last 60 days of any time zone, as (quarter, count), the oldest first."""
    first = quarter_of(now - timedelta(days=DAYS) - ELSEWHERE)
    return sorted((quarter, count) for quarter, count in quarters.items() if quarter >= first)


def per_day(quarters: Iterable[tuple[int, int]], zone: tzinfo, now: datetime) -> list[tuple[date, int]]:
    """The last 60 days of ``zone``, today the last, each with its count. ``quarters`` are as of :func:`latest`."""
    today = now.astimezone(zone).date()
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    begins = [quarter_of(datetime.combine(day, time(), zone)) for day in [*days, today + timedelta(days=1)]]
    counts, place = [0] * DAYS, 0
    for quarter, count in quarters:
        if begins[0] <= quarter < begins[-1]:
            while quarter >= begins[place + 1]:
                place += 1
            counts[place] += count
    return list(zip(days, counts, strict=True))
