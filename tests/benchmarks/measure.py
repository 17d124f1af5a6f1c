"""Requests through the WSGI application, and what they cost."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection

CSRF = "a" * 32
BLOCK = 10


@dataclass(frozen=True)
class Row:
    """One line of the report: a ratio beside its target."""

    name: str
    ratio: float
    unit: str
    target: float
    note: str = ""

    @property
    def met(self) -> bool:
        return self.ratio <= self.target

    def __str__(self) -> str:
        verdict = "ok    " if self.met else "MISSED"
        return f"{verdict} {self.name:<44} {self.ratio:8.2f} {self.unit:<4} (target {self.target:g}) {self.note}"


class Browser:
    """A signed-in person who sends requests straight to the WSGI application: no network, no test client."""

    handler: WSGIHandler | None = None

    def __init__(self, user: Any) -> None:
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.create()
        self.location = ""
        self.cookie = f"{settings.SESSION_COOKIE_NAME}={session.session_key}; {settings.CSRF_COOKIE_NAME}={CSRF}"
        Browser.handler = Browser.handler or WSGIHandler()

    def follow(self, path: str) -> tuple[str, bytes]:
        """Post an empty form and get where it leads to: (path, page)."""
        status, _ = self.post(path, {})
        assert status == 302, status
        location = self.location
        status, page = self.get(location)
        assert status == 200, status
        return location, page

    def get(self, path: str, *, target: str = "") -> tuple[int, bytes]:
        """``target`` is the part of the page that htmx would ask for."""
        return self._send("GET", path, b"", target)

    def post(self, path: str, data: dict[str, str]) -> tuple[int, bytes]:
        return self._send("POST", path, urlencode(data).encode())

    def _send(self, method: str, path: str, body: bytes, target: str = "") -> tuple[int, bytes]:
        path, _, query = path.partition("?")
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "HTTP_HX_TARGET": target,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "HTTP_HOST": "localhost",
            "HTTP_COOKIE": self.cookie,
            "HTTP_X_CSRFTOKEN": CSRF,
            "HTTP_ACCEPT_ENCODING": "gzip",
            "HTTP_HX_REQUEST": "true",
            "CONTENT_TYPE": "application/x-www-form-urlencoded",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            "wsgi.url_scheme": "http",
            "wsgi.errors": io.StringIO(),
            "wsgi.version": (1, 0),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        status: list[str] = []

        def start(line: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
            status.append(line)
            self.location = dict(headers).get("Location", "")

        assert Browser.handler is not None
        response = Browser.handler(environ, start)
        try:
            content = b"".join(response)
        finally:
            response.close()
        return int(status[0].split()[0]), content

    def post_json(self, path: str, data: dict[str, str]) -> tuple[int, Any]:
        status, content = self.post(path, data)
        return status, json.loads(content)


def cost_ms(work: Callable[[], object], times: int, between: Callable[[], object] = lambda: None) -> float:
    """Milliseconds per call: of CPU, the database server's included. Of time where that server's work cannot be seen
    (another machine, no Linux). ``between`` is not counted."""
    return _ms(work, times, between, _clock())


def _clock() -> Callable[[], float]:
    """Seconds spent so far by this process and by the server's processes behind its connections."""
    if connection.vendor == "sqlite":
        return time.process_time
    if not _is_postgres(_backend()):
        return time.perf_counter
    spent: dict[Path, float] = {}

    def seconds() -> float:
        # A connection that has grown old is replaced between two requests; what its process spent stays counted.
        backend = _backend()
        # Nanoseconds on a CPU, then what does not matter here.
        spent[backend] = int((backend / "schedstat").read_text().split()[0]) / 1e9
        return time.process_time() + sum(spent.values())

    return seconds


def _backend() -> Path:
    connection.ensure_connection()
    return Path(f"/proc/{connection.connection.info.backend_pid}")


def _is_postgres(process: Path) -> bool:
    try:
        return (process / "cmdline").read_bytes().startswith(b"postgres") and (process / "schedstat").exists()
    except OSError:
        return False


def cpu_ms(work: Callable[[], object], times: int) -> float:
    """CPU milliseconds of this process per call, whatever the database."""
    return _ms(work, times, lambda: None, time.process_time)


def _ms(work: Callable[[], object], times: int, between: Callable[[], object], clock: Callable[[], float]) -> float:
    spent = 0.0
    for _ in range(times):
        start = clock()
        work()
        spent += clock() - start
        between()
    return spent * 1000 / times


def empty_view(user: Any) -> Callable[[], None]:
    """The request that E is the cost of: an authenticated view that does nothing."""
    browser = Browser(user)

    def request() -> None:
        status, _ = browser.get("/bench/empty")
        assert status == 204, status

    return request


def in_empty_views(
    user: Any, work: Callable[[], object], times: int, between: Callable[[], object] = lambda: None
) -> tuple[float, float]:
    """(cost of ``work`` in E, E in milliseconds): medians over blocks in which the two are measured in turn.

    A machine that others use is faster in one second than in the next; side by side both have the same second.
    """
    empty = empty_view(user)
    cost_ms(empty, BLOCK), cost_ms(work, 5, between)
    pairs = [(cost_ms(work, BLOCK, between), cost_ms(empty, BLOCK)) for _ in range(times // BLOCK)]
    return median(ours / theirs for ours, theirs in pairs), median(theirs for _, theirs in pairs)
