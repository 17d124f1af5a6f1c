"""The geometry of the small plots: percentages across, so that a plot fills its place and its texts stay their size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HEIGHT = 96
# Of the width of a bar's place.
FILLED = 0.78


@dataclass(frozen=True)
class Bar:
    """A bar of a plot: ``x`` and ``width`` in percent, ``y`` and ``height`` in pixels, and what it says."""

    x: float
    width: float
    y: float
    height: float
    value: int
    label: str


@dataclass(frozen=True)
class Bars:
    """A bar plot, ``top`` its largest value. ``ticks`` are (percent, text) under it, ``mark`` a line across it."""

    bars: list[Bar]
    top: int
    ticks: list[tuple[float, str]]
    mark: float | None
    height: int


def bars(
    values: Sequence[int],
    labels: Sequence[str],
    ticks: Sequence[tuple[float, str]],
    *,
    mark: float | None = None,
    height: int = HEIGHT,
) -> Bars:
    """One bar per value. What is not zero is seen, however small it is beside the largest."""
    top, place = max(values, default=0), 100 / max(len(values), 1)
    made = []
    for number, (value, label) in enumerate(zip(values, labels, strict=True)):
        tall = max(round(value / top * height, 1), 2.0) if value else 0.0
        x = round(number * place + place * (1 - FILLED) / 2, 3)
        made.append(Bar(x, round(place * FILLED, 3), round(height - tall, 1), tall, value, label))
    return Bars(made, top, [(round(at, 2), text) for at, text in ticks], mark, height)


@dataclass(frozen=True)
class Dot:
    """A value with its interval on a scale up to 1; all in percent. ``cuts`` are the limits of the bands."""

    at: float
    low: float | None
    width: float | None
    zero: float | None
    cuts: tuple[float, ...]


def dot(value: float, interval: Sequence[float] | None, lowest: float, cuts: Sequence[float]) -> Dot:
    """``lowest`` is where the scale begins (0, or less where a value is)."""

    def place(number: float) -> float:
        return round(min(max((number - lowest) / (1 - lowest), 0), 1) * 100, 2)

    low, high = (place(interval[0]), place(interval[1])) if interval else (None, None)
    return Dot(
        at=place(value),
        low=low,
        width=None if low is None or high is None else round(high - low, 2),
        zero=place(0) if lowest < 0 else None,
        cuts=tuple(place(cut) for cut in cuts),
    )
