"""What a log line holds: when, how bad, who says it, what it is about (request, job), and nothing a person wrote.

A line never quotes a label, a trace, an address with a secret in it, or a password: paths become routes (a log-in link
is a path), and of an error its kind, where it happened, and its first line with quoted values left out.
"""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

# Where the middleware leaves the request's name.
REQUEST_ID = "potato.request_id"
MAX_MESSAGE = 200
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|\u201c[^\u201d]*\u201d")
CREDENTIALS = re.compile(r"(\w+://)[^/\s]*@")

_about: ContextVar[dict[str, Any] | None] = ContextVar("about", default=None)


@contextmanager
def bound(**about: Any) -> Iterator[None]:
    """Every line logged inside says this too (``request_id="…"``, ``job=7``)."""
    token = _about.set({**about_now(), **about})
    try:
        yield
    finally:
        _about.reset(token)


def about_now() -> dict[str, Any]:
    return _about.get() or {}


class RoutesForPaths(logging.Filter):
    """Django names the path of a request that failed; the line gets the route instead, and the request's id: some of
    these lines are written when the middleware has ended."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        path = getattr(request, "path", None)
        if path and isinstance(record.args, tuple):
            # Django escapes a path with other signs than those of ASCII before it logs it.
            paths = {path, path.encode("unicode_escape").decode("ascii")}
            record.args = tuple(route_of(request) if argument in paths else argument for argument in record.args)
        name = getattr(request, "META", {}).get(REQUEST_ID)
        if name:
            record.fields = {"request_id": name, **getattr(record, "fields", {})}
        return True


def route_of(request: Any) -> str:
    """The pattern that a request's address fits: a short list of names, whatever strangers ask for."""
    match = getattr(request, "resolver_match", None)
    return f"/{match.route}" if match is not None else "(none)"


class Plain(logging.Formatter):
    """For a person at a terminal."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")

    def format(self, record: logging.LogRecord) -> str:
        line = CREDENTIALS.sub(r"\1***@", super().format(record))
        known = {**about_now(), **getattr(record, "fields", {})}
        if not known:
            return line
        first, *rest = line.split("\n", 1)
        return "\n".join([f"{first} [{' '.join(f'{key}={value}' for key, value in known.items())}]", *rest])

    def formatException(self, ei: Any) -> str:
        return describe(ei)


class JsonLines(logging.Formatter):
    """For a machine: one JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": CREDENTIALS.sub(r"\1***@", record.getMessage()),
            **about_now(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[0]:
            line["error"] = describe(record.exc_info)
        return json.dumps(line, default=str)


def describe(exc_info: tuple[type[BaseException], BaseException, TracebackType | None] | Any) -> str:
    """Where an error happened, and what is safe to say of it; the errors that led to it come first."""
    problem: BaseException | None = exc_info[1]
    chain: list[BaseException] = []
    while problem is not None and problem not in chain:
        chain.append(problem)
        problem = problem.__cause__ or (None if problem.__suppress_context__ else problem.__context__)
    return "\n".join(_one(error) for error in reversed(chain))


def _one(problem: BaseException) -> str:
    frames = "".join(traceback.format_tb(problem.__traceback__))
    return f"{frames}{type(problem).__name__}: {safe_message(problem)}"


def safe_message(problem: BaseException) -> str:
    """The first line of an error's message, short, quoted values and passwords left out.

    What follows the first line may quote a row (Postgres' DETAIL, pydantic's input).
    """
    first = next(iter(str(problem).splitlines()), "")
    text = CREDENTIALS.sub(r"\1***@", QUOTED.sub("'…'", first))
    return text if len(text) <= MAX_MESSAGE else f"{text[:MAX_MESSAGE]}…"
