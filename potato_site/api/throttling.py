"""At most so many calls a minute for one person: a broken loop must not slow down people who label.

Counted over all web processes (potato_site.api.buckets): a bucket that holds a minute's calls and is refilled evenly.
A refused call had no effect at all; operations and submissions may be sent again as they are.
"""

from __future__ import annotations

import math
import time
from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from potato_site.api import buckets


class PerPerson(BaseThrottle):
    """All tokens of a person share one bucket, so that more tokens are not more calls."""

    wait_seconds = 0.0

    def allow_request(self, request: Request, view: Any) -> bool:
        self.wait_seconds = take(request.user.pk, now(), settings.API_REQUESTS_PER_MINUTE)
        return self.wait_seconds == 0

    def wait(self) -> float:
        return self.wait_seconds


def take(person: int, at: float, per_minute: int, kind: buckets.Kind = "api") -> float:
    """Take one call out of a person's bucket; else how many whole seconds until there is one."""
    seconds = buckets.take(person, per_minute, at, kind)
    return max(1.0, math.ceil(seconds)) if seconds else 0.0


def now() -> float:
    """The time of day: what processes and machines have in common."""
    return time.time()
