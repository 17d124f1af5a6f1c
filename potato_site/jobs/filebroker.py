"""The laptop's broker: a folder of small files, one per message.

Kombu's own file transport reads files that are still being written, keeps exchange tables that a crash can tear, and
moves messages through the shared temporary folder. Jobs need none of its exchanges: a message has one queue, and
losing one only costs time. So: written under another name and renamed, claimed by renaming, unreadable ones dropped.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import virtual


class Channel(virtual.Channel):
    """Messages of queue ``fast`` are the files ``<time>-<uuid>.fast.msg`` in the transport option ``folder``."""

    @property
    def folder(self) -> Path:
        return Path(self.connection.client.transport_options["folder"])

    def _lookup(self, exchange: str, routing_key: str, default: str | None = None) -> list[str]:
        # Celery sends a task to the exchange that bears its queue's name. The rest are events nobody listens to.
        return [routing_key] if exchange in {"", routing_key} else []

    def _put(self, queue: str, message: dict[str, Any], **kwargs: Any) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns():020}-{uuid.uuid4().hex}.{queue}.msg"
        part = self.folder / f".{name}"
        try:
            part.write_text(json.dumps(message))
            os.replace(part, self.folder / name)
        finally:
            part.unlink(missing_ok=True)

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        for path in self._messages(queue):
            taken = path.with_name(f".{path.name}.taken")
            with suppress(FileNotFoundError, ValueError):
                # Of two workers, one succeeds in renaming.
                os.rename(path, taken)
                try:
                    return json.loads(taken.read_text())
                finally:
                    taken.unlink(missing_ok=True)
        raise Empty

    def _size(self, queue: str) -> int:
        return sum(1 for _ in self._messages(queue))

    def _purge(self, queue: str) -> int:
        paths = list(self._messages(queue))
        for path in paths:
            path.unlink(missing_ok=True)
        return len(paths)

    def _messages(self, queue: str) -> Iterator[Path]:
        """Oldest first."""
        with suppress(FileNotFoundError):
            for name in sorted(os.listdir(self.folder)):
                if name.endswith(f".{queue}.msg") and not name.startswith("."):
                    yield self.folder / name


class Transport(virtual.Transport):
    Channel = Channel
    # Only direct delivery: without fanout Celery makes no control queues, whose files nobody would ever read.
    implements = virtual.Transport.implements.extend(asynchronous=False, exchange_type=frozenset({"direct"}))
    global_state = virtual.BrokerState()
    polling_interval = 0.3
    driver_type = "filesystem"
    driver_name = "potato files"

    @property
    def default_connection_params(self) -> dict[str, Any]:
        # There is no host to fall back to.
        return {}

    def driver_version(self) -> str:
        return "1"
