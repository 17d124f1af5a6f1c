"""What the overview shows of a project's kept numbers: tiles, plots, agreement in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils import timezone

from annotation.admin.plots import Bars, Dot, bars, dot
from annotation.quality.agreement import SMALL_OVERLAP
from annotation.quality.days import per_day
from annotation.quality.statistics import ADJUDICATION, AGREEMENT, PACE, PROGRESS, Stat
from annotation.templatetags.figures import clock
from potato_site.counts import plural
from potato_site.titles import title_of

# Krippendorff's limits: conclusions may be drawn from 0.80, tentative ones from 0.667.
RELIABLE, TENTATIVE = 0.80, 0.667
# Wider than this to each side, an interval says little.
WIDE_POINTS = 7
SHORTEST_SPAN = 14
# Beside a plot with a table under it.
TALL = 190
MEASURES = {
    "has_error": "Is there an error",
    "first_error_position": "Where the first error is",
    "step_label": "Label of each step",
    "step_grade": "Grade of each step",
    "choice": "Choice",
}


@dataclass(frozen=True)
class Band:
    """How much an alpha is worth: ``key`` is a class of the stylesheet, ``word`` says it."""

    key: str
    word: str


def band_of(value: float | None, low: float | None, traces: int) -> Band:
    """What an alpha with the lower end `low` of its interval, over so many `traces`, is worth.

    A high alpha that a handful of traces gave, or whose interval reaches down to what would be too low, proves nothing;
    nor does any that has no interval, as that of a single trace.
    """
    if value is None:
        return Band("none", "not defined")
    if low is None:
        return Band("fair", "uncertain")
    if value < TENTATIVE:
        return Band("poor", "too low")
    if value < RELIABLE:
        return Band("fair", "tentative")
    if traces < SMALL_OVERLAP or low < TENTATIVE:
        return Band("fair", "uncertain")
    return Band("good", "reliable")


@dataclass(frozen=True)
class AgreementRow:
    """One measure: its number, what it is worth, why there is none. ``points``: half its interval, in hundredths."""

    scheme: str
    measure: str
    value: float | None
    low: float | None
    high: float | None
    percent: int | None
    within_one_step: int | None
    units: int
    traces: int
    annotators: int
    per: str
    reason: str
    band: Band
    points: int | None
    is_wide: bool
    dot: Dot | None

    @property
    def at_best(self) -> float:
        """The upper end of its interval. The lowest one is the weakest of which anything is known: a question with
        hardly a disagreement can have a low value that means nothing."""
        return 1.0 if self.high is None else self.high


@dataclass(frozen=True)
class Figures:
    """Everything that is drawn from the kept numbers. A part that was never counted is None or empty."""

    progress: dict[str, Any] | None
    pace: dict[str, Any] | None
    finished_percent: float
    overlap_percent: float
    today: int
    week: int
    week_before: int
    days: Bars | None
    day_rows: list[tuple[date, int]]
    times: Bars | None
    agreement: list[AgreementRow]
    weakest: AgreementRow | None
    agreement_warnings: list[str]
    pairs: list[dict[str, Any]]
    to_decide: int
    # Items of which one more person is asked, as their answers are tied.
    asked: int


def figures_of(stats: dict[str, Stat], now: datetime) -> Figures:
    """From the kept numbers of a project, as ``statistics.read`` gives them. Days are those of the current time zone,
    in which all times of the page are shown."""
    progress, pace, agreement = (stats[kind].payload if kind in stats else None for kind in (PROGRESS, PACE, AGREEMENT))
    days = per_day(pace["quarters"], timezone.get_current_timezone(), now) if pace else []
    counts = [count for _, count in days]
    rows = _agreement(agreement["results"]) if agreement else []
    return Figures(
        progress=progress,
        pace=pace,
        finished_percent=_share(progress["items"]) if progress else 0,
        overlap_percent=_share(progress["overlap"]["items"]) if progress else 0,
        today=counts[-1] if counts else 0,
        week=sum(counts[-7:]),
        week_before=sum(counts[-14:-7]),
        days=_days(days) if any(counts) else None,
        day_rows=[(day, count) for day, count in reversed(days) if count],
        times=_times(pace) if pace and pace["histogram"] else None,
        agreement=rows,
        weakest=min((row for row in rows if row.value is not None), key=lambda row: row.at_best, default=None),
        agreement_warnings=agreement["warnings"] if agreement else [],
        pairs=[{**entry, "measure": measure_name(entry["measure"])} for entry in agreement["pairs"]]
        if agreement
        else [],
        to_decide=stats[ADJUDICATION].payload["to_decide"] if ADJUDICATION in stats else 0,
        # An older count does not have it.
        asked=stats[ADJUDICATION].payload.get("asked", 0) if ADJUDICATION in stats else 0,
    )


def _share(progress: dict[str, int]) -> float:
    return round(100 * progress["finished"] / progress["total"], 2) if progress["total"] else 0


def _days(days: list[tuple[date, int]]) -> Bars:
    """From the first day with a submission, at least two weeks."""
    first = next(place for place, (_, count) in enumerate(days) if count)
    shown = days[min(first, len(days) - SHORTEST_SPAN) :]
    dates = [day for day, _ in shown]
    labels = [f"{day:%a} {day.day} {day:%b}: {plural(count, 'submission')}" for day, count in shown]
    middle = len(dates) // 2
    ticks = [(100 * (place + 0.5) / len(dates), f"{dates[place].day} {dates[place]:%b}") for place in (0, middle)]
    return bars([count for _, count in shown], labels, [*ticks, (100 * (1 - 0.5 / len(dates)), "today")], height=TALL)


def _times(pace: dict[str, Any]) -> Bars:
    bins = pace["histogram"]
    labels = [
        f"{clock(part['low'])} to {clock(part['high'])}: {part['items']}"
        if part["high"] is not None
        else f"longer than {clock(part['low'])}: {part['items']}"
        for part in bins
    ]
    step = max(len(bins) // 4, 1)
    ticks = [(100 * place / len(bins), clock(bins[place]["low"])) for place in range(0, len(bins), step)]
    width = bins[0]["high"] - bins[0]["low"]
    median = min(100 * pace["median_seconds"] / width / len(bins), 100)
    return bars([part["items"] for part in bins], labels, ticks, mark=round(median, 2))


def _agreement(results: list[dict[str, Any]]) -> list[AgreementRow]:
    values = [one["value"] for one in results if one["value"] is not None]
    lows = [one["interval"][0] for one in results if one["interval"]]
    lowest = min([0.0, *values, *lows])
    return [_row(one, lowest) for one in results]


def _row(one: dict[str, Any], lowest: float) -> AgreementRow:
    value, interval = one["value"], one["interval"]
    points = round(50 * (interval[1] - interval[0])) if interval else None
    return AgreementRow(
        scheme=one["scheme"],
        measure=measure_name(one["measure"]),
        value=value,
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
        percent=_hundredths(one["percent"]),
        # Not in what an earlier release counted.
        within_one_step=_hundredths(one.get("within_one_step")),
        units=one["units"],
        traces=one["traces"],
        annotators=one["annotators"],
        per=one["per"],
        reason=one["reason"],
        band=band_of(value, interval[0] if interval else None, one["traces"]),
        points=points,
        is_wide=points is not None and points > WIDE_POINTS,
        dot=None if value is None else dot(value, interval, lowest, (TENTATIVE, RELIABLE)),
    )


def _hundredths(share: float | None) -> int | None:
    return None if share is None else round(100 * share)


def measure_name(name: str) -> str:
    return MEASURES.get(name, title_of(name.replace(":", ": ")))
