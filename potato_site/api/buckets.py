"""How many calls a person may still make, kept where every web process sees it.

A person has a bucket for the API and one for the labeling page. It is one number: the time at which it is full again. A
call puts that off by its share of a minute, and is refused where it would be more than a minute from now; so an empty
bucket refills evenly. Redis keeps the number where it is the broker; else, or while it is away, a file of the home,
which all processes of this machine share. What cannot be counted at all is let through: a limit must lose no label.
"""

from __future__ import annotations

import fcntl
import functools
import logging
import os
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from django.conf import settings
from django.db import connection

if TYPE_CHECKING:
    from redis import Redis

logger = logging.getLogger(__name__)

Kind = Literal["api", "label"]
MINUTE = 60.0
# What adding a minute's shares may be off by.
ROUNDING = 0.001
NUMBER = struct.Struct("<d")
# For Redis: one short attempt, then silence for a while, so that a host that swallows packets holds no call.
TIMEOUTS = {"socket_connect_timeout": 0.25, "socket_timeout": 0.25}
SILENCE_SECONDS = 10.0
# What InFile.take does, in one step on the server. (Numbers as text: a script's own are cut to integers.)
TAKE = """
local now, share, minute, rounding = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local full_at = tonumber(redis.call('GET', KEYS[1]) or '0')
if full_at > now + 2 * minute then full_at = 0 end
local after = math.max(now, full_at) + share
if after > now + minute + rounding then return string.format('%.6f', after - now - minute) end
redis.call('SET', KEYS[1], string.format('%.6f', after), 'EX', math.ceil(minute) + 1)
return '0'
"""

_silent_until = 0.0


def take(person: int, calls_a_minute: int, now: float, kind: Kind = "api") -> float:
    """Take one call out of a person's bucket at the time ``now``; else how many seconds until there is one."""
    share = MINUTE / calls_a_minute
    waited = _take_from_redis(kind, person, share, now)
    if waited is not None:
        return waited
    try:
        return in_file(kind).take(person, share, now)
    except OSError as problem:
        logger.warning("Calls are not counted (%s)", type(problem).__name__)
        return 0.0


def _take_from_redis(kind: Kind, person: int, share: float, now: float) -> float | None:
    """None: there is none, or it is away."""
    global _silent_until
    store = in_redis(kind)
    if store is None or time.monotonic() < _silent_until:
        return None
    try:
        return store.take(person, share, now)
    except Exception as problem:
        # Whatever it is (refused, timed out, out of memory), the call must go on.
        logger.warning("Redis cannot be reached (%s): calls are counted on this machine", type(problem).__name__)
        _silent_until = time.monotonic() + SILENCE_SECONDS
        return None


def forget() -> None:
    """Fill every bucket."""
    for kind in get_args(Kind):
        in_file(kind).forget()
        if store := in_redis(kind):
            store.forget()


def in_file(kind: Kind) -> InFile:
    return InFile(Path(settings.POTATO_HOME) / f"{kind}_calls")


def in_redis(kind: Kind) -> InRedis | None:
    url = settings.CELERY_BROKER_URL
    if not url.startswith(("redis://", "rediss://")):
        return None
    return InRedis(_client(url), f"potato:{kind}-calls:{connection.settings_dict['NAME']}")


@functools.cache
def _client(url: str) -> Redis:
    """It has a pool of connections, and threads may share it."""
    # Where there is no Redis, reading its client would be an eighth of the time that a server takes to start.
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return Redis.from_url(url, retry=Retry(NoBackoff(), 0), **TIMEOUTS)


class InFile:
    """One file, at each person's place a number. A lock ends with the process that holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def take(self, person: int, share: float, now: float) -> float:
        """Take a call worth ``share`` seconds; else the seconds until there is one. Raises OSError."""
        # Opened anew each time: flock then keeps threads apart as it does processes.
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            kept = os.pread(file, NUMBER.size, person * NUMBER.size)
            full_at = NUMBER.unpack(kept)[0] if len(kept) == NUMBER.size else 0.0
            if full_at > now + 2 * MINUTE:
                # Further ahead than clocks of two machines may differ: the clock was set back.
                full_at = 0.0
            after = max(now, full_at) + share
            if after > now + MINUTE + ROUNDING:
                return float(after - now - MINUTE)
            os.pwrite(file, NUMBER.pack(after), person * NUMBER.size)
            return 0.0
        finally:
            os.close(file)

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)


class InRedis:
    """A key for each person, which ends when the bucket is full."""

    def __init__(self, client: Redis, prefix: str) -> None:
        self.client, self.prefix = client, prefix

    def take(self, person: int, share: float, now: float) -> float:
        """As :meth:`InFile.take`. Raises what the client raises."""
        key, numbers = f"{self.prefix}:{person}", [now, share, MINUTE, ROUNDING]
        return float(_script(self.client)(keys=[key], args=numbers))

    def forget(self) -> None:
        for key in self.client.scan_iter(f"{self.prefix}:*"):
            self.client.delete(key)


@functools.cache
def _script(client: Redis) -> Any:
    return client.register_script(TAKE)
