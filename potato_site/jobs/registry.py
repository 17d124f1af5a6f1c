"""Which function runs a kind of job, and which functions run at every tick."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, TypeVar

from potato_site.registry import Registry

if TYPE_CHECKING:
    from potato_site.jobs.handle import JobHandle

Work = TypeVar("Work", bound="Callable[[JobHandle], object]")
Tick = TypeVar("Tick", bound=Callable[[], object])
QueueName = Literal["fast", "bulk"]


@dataclass(frozen=True)
class Handler:
    function: Callable[[JobHandle], object]
    queue: QueueName
    title: str
    longest_rest: timedelta | None = None


handlers: Registry[Handler] = Registry("potato_site.jobs")
ticks: dict[str, Callable[[], object]] = {}


def handler(
    kind: str, *, queue: QueueName, title: str = "", longest_rest: timedelta | None = None
) -> Callable[[Work], Work]:
    """Decorator: this function runs the jobs called ``kind``. It gets a JobHandle; what it returns (JSON) is kept.
    ``title`` is what people read in lists of jobs.

    ``fast`` is for what takes seconds (render, mirror), ``bulk`` for what may take hours (import, export): a long one
    never holds up a short one. A handler may be run twice for one job, so running it again must do no harm.

    ``longest_rest``: a job with a ``dedupe_key`` is not due again before a rest in proportion to what its last run cost
    (``seconds`` in its result; potato_site.jobs.again), at most this long.
    """

    def add(function: Work) -> Work:
        handlers.register(kind)(Handler(function, queue, title, longest_rest))
        return function

    return add


def title_of(kind: str) -> str:
    """What people call such a job. One that nothing runs any longer keeps its own name."""
    return (kind in handlers and handlers.get(kind).title) or kind


def on_tick(function: Tick) -> Tick:
    """Decorator: call this function, without arguments, every 30 s in one worker. Keep it under a second or enqueue:
    while one runs for longer than a lease (``JOB_LEASE_SECONDS``), another worker begins the next tick."""
    ticks[f"{function.__module__}.{function.__qualname__}"] = function
    return function
