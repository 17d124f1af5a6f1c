"""Reading time, counted by the server from the page's signals.

The page signals only while it is visible, focused and used. What it claims is clamped: one signal counts at most 15 s
and never more than the wall time since the last one, so that forging time costs that time.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from annotation import access
from annotation.assignments import states
from annotation.models import Assignment, Presence
from annotation.projects.config import ProjectConfig

SIGNAL_LIMIT_MS = 15_000
MAX_TRACKED_STEPS = 5_000
# What reading a trace takes at least: expected seconds from its steps, and the share of it below which nobody can be.
SECONDS_PER_STEP = 4
EXPECTED_SECONDS = (20, 900)
FLOOR = 0.25
# A step was seen when it was in view so long, and a trace was not read when this share of what was judged was not seen.
SEEN_MS = 700
UNSEEN_SHARE, UNSEEN_LEAST = 0.2, 2


def start_clock(assignment: Assignment, now: datetime) -> None:
    """Begin counting when the assignment is opened."""
    Presence.objects.create(assignment=assignment, last_seen_at=now)


def seen(public_id: uuid.UUID, user: Any, signal: object, now: datetime | None = None) -> dict[str, int]:
    """Count one signal ``{"seq", "delta_ms", "steps": {step: ms}}``. Returns ``{"seq", "active_ms"}`` as stored.

    A repeated or late ``seq`` counts nothing. Raises Http404.
    """
    now = now or timezone.now()
    with transaction.atomic():
        assignment = access.locked_assignment_of(user, public_id)
        if assignment.state in states.LABELING:
            states.renew_lease(assignment, now)
        presence = count(assignment, signal, now)
    return {"seq": presence.seq, "active_ms": presence.active_ms}


def count(assignment: Assignment, signal: object, now: datetime) -> Presence:
    """Add a signal to a locked assignment's time. Malformed signals count nothing."""
    presence = Presence.objects.get(assignment=assignment)
    if assignment.state not in states.LABELING or not isinstance(signal, dict):
        return presence
    seq, claimed = _natural(signal.get("seq")), _natural(signal.get("delta_ms"))
    if seq <= presence.seq:
        return presence
    wall_ms = max(0, (now - presence.last_seen_at) // timedelta(milliseconds=1))
    presence.active_ms += min(claimed, wall_ms, SIGNAL_LIMIT_MS)
    presence.seq = seq
    presence.last_seen_at = max(now, presence.last_seen_at)
    _add_steps(presence.steps, signal.get("steps"), wall_ms)
    presence.save(update_fields=["active_ms", "seq", "last_seen_at", "steps"])
    return presence


def _natural(value: object) -> int:
    """A whole number of at most 31 bits, else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else 0


def _add_steps(steps: dict[str, int], claimed: object, wall_ms: int) -> None:
    if not isinstance(claimed, dict):
        return
    for key, ms in claimed.items():
        known = key in steps or len(steps) < MAX_TRACKED_STEPS
        if isinstance(key, str) and key.isascii() and key.isdigit() and len(key) < 8 and known:
            steps[key] = steps.get(key, 0) + min(_natural(ms), wall_ms, SIGNAL_LIMIT_MS)


def minimum_seconds(assignment: Assignment, config: ProjectConfig) -> float:
    """Reading time needed before it can be submitted. An adjudicator weighs what others have read: none."""
    return 0 if assignment.is_adjudication else config.quality_control.minimum_time_per_instance


def wait_seconds(minimum_seconds: float, counted_ms: int) -> int:
    """Whole seconds still to be read before submitting; 0 when the minimum is met."""
    return max(0, math.ceil(minimum_seconds - counted_ms / 1000))


def is_too_fast(counted_ms: int, steps: int) -> bool:
    """Whether this is less reading time than a trace of so many steps can take. It only flags, it never refuses."""
    shortest, longest = EXPECTED_SECONDS
    expected = min(max(SECONDS_PER_STEP * steps, shortest), longest)
    return counted_ms < 1000 * FLOOR * expected


def is_unread(seen_ms: Mapping[str, int], judged: Collection[int]) -> bool:
    """Whether too many of the steps that were judged were never in view, by ``{step: ms}`` of the page's signals.

    Where the page has told of none, as where a program labels, or of more than are kept, nothing is known. It only
    flags, it never refuses.
    """
    if len(seen_ms) >= MAX_TRACKED_STEPS:
        return False
    unseen = sum(seen_ms.get(str(step), 0) < SEEN_MS for step in judged)
    return bool(seen_ms) and unseen >= UNSEEN_LEAST and unseen > UNSEEN_SHARE * len(judged)
