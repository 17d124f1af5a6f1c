"""A clock for a running job on which parts of its work take long, and other workers who would have the job."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from django.utils import timezone

from potato_site.jobs import enqueue, handle, runner
from potato_site.jobs.models import Job


class SlowWork:
    """Time stands still but for what is told to take some. After each such part another worker asks for the job."""

    def __init__(self, monkeypatch: Any) -> None:
        self.monkeypatch = monkeypatch
        self.seconds, self.times = 1000.0, 0
        self.began_at = timezone.now()
        self.job: Job | None = None
        clock = SimpleNamespace(now=lambda: self.began_at + timedelta(seconds=self.seconds))
        monkeypatch.setattr(handle, "timezone", clock)
        monkeypatch.setattr(runner, "timezone", clock)
        monkeypatch.setattr(handle, "time", SimpleNamespace(monotonic=lambda: self.seconds))

    def each_call(self, of: Any, name: str, *, seconds: float) -> None:
        """Every call of this function takes so long."""
        call = getattr(of, name)
        self.monkeypatch.setattr(of, name, lambda *args, **keys: self._afterwards(call(*args, **keys), seconds))

    def each_of(self, of: Any, name: str, *, seconds: float) -> None:
        """Everything that this generator yields takes so long."""
        call: Callable[..., Iterator[Any]] = getattr(of, name)

        def slowly(*args: Any, **keys: Any) -> Iterator[Any]:
            for one in call(*args, **keys):
                yield self._afterwards(one, seconds)

        self.monkeypatch.setattr(of, name, slowly)

    def run(self, kind: str, params: dict[str, Any]) -> Job:
        """A job of this kind, as it ended."""
        self.job = enqueue(kind, params)
        runner.run(self.job.pk)
        self.job.refresh_from_db()
        return self.job

    def _afterwards(self, result: Any, seconds: float) -> Any:
        if self.job is not None:
            self.seconds += seconds
            self.times += 1
            assert runner.claim(self.job.pk) is None, "taken for dead: there was no sign of life for a lease"
        return result
