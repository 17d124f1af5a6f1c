"""Numbers as people read them: durations off a clock, agreement with two digits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.timesince import timesince

register = template.Library()


@register.filter
def clock(seconds: Any) -> str:
    """``95`` is 1:35, ``3700`` is 1:01:40; nothing is a dash."""
    if not isinstance(seconds, (int, float)):
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@register.filter
def ago(moment: Any, just: str = "now") -> str:
    """How long ago, in one unit: ``just``, "4 min", "3 h", "12 d". Takes a time or its ISO text; nothing is a dash."""
    found = moment if isinstance(moment, datetime) else parse_datetime(moment or "")
    if found is None:
        return "–"
    seconds = max((timezone.now() - found).total_seconds(), 0)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return just


@register.filter
def told_ago(moment: datetime | None) -> str:
    """How long ago, as a sentence has it, in one unit: "just now", "4 minutes ago", "2 days ago"; nothing is a dash."""
    if moment is None:
        return "–"
    is_new = (timezone.now() - moment).total_seconds() < 60
    return "just now" if is_new else f"{timesince(moment, depth=1)} ago"


@register.filter
def moment(at: datetime) -> str:
    """``14:05`` of today, ``7 Dec, 14:05`` of another day, both in the current time zone."""
    local = timezone.localtime(at)
    time = f"{local:%H:%M}"
    return time if local.date() == timezone.localdate() else f"{local.day} {local:%b}, {time}"


@register.filter
def alpha(value: float) -> str:
    """Two digits, with a minus that is as wide as a digit."""
    return f"{value:.2f}".replace("-", "−")


@register.filter
def percent(share: float) -> str:
    """``0.875`` is 88 %."""
    return f"{share * 100:.0f} %"


@register.filter
def thousands(number: int) -> str:
    """``300000`` is 300,000."""
    return f"{number:,}" if isinstance(number, int) else ""
