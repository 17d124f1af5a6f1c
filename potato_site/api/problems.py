"""Every refusal is a problem document (RFC 9457), ``application/problem+json``, and never says anything internal.

``{"type", "title", "status", "detail", "errors": [{"field", "message"}], …}``. ``type`` leads to the sentence about it
on the page of the API. An app says with :func:`translate` what its own exceptions mean.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.signals import got_request_exception
from django.db import OperationalError
from django.http import Http404, UnreadablePostError
from rest_framework import exceptions
from rest_framework.response import Response

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 100
DETAIL_LENGTH = 1000


@dataclass(frozen=True)
class Kind:
    status: int
    title: str
    about: str


KINDS = {
    "malformed": Kind(400, "The request cannot be read", "The body is not JSON, or a parameter has no such form."),
    "unauthenticated": Kind(401, "A token is needed", "No token came along, or it expired, was revoked or never was."),
    "forbidden": Kind(403, "The token does not allow this", "The token lacks a scope, or is bound to one project."),
    "not-found": Kind(404, "Not found", "There is no such thing, or it is not for this token's person."),
    "method": Kind(405, "No such method here", "The address exists; it does not take this method."),
    "conflict": Kind(409, "It does not fit what is there", "Something else was changed meanwhile, or is in its way."),
    "closed": Kind(409, "Closed for answers", "The item takes no answers now; the detail says why."),
    "in-progress": Kind(409, "The same call is under way", "Wait for its answer, or ask again with the same key."),
    "length-needed": Kind(411, "Say how much is coming", "Send Content-Length, or announce the body's SHA-256."),
    "changed": Kind(412, "It has changed meanwhile", "If-Match names an older revision than the present one."),
    "too-large": Kind(413, "The body is too large", "Every address but uploads takes one megabyte."),
    "media-type": Kind(415, "This kind of body is not taken here", "Look at Content-Type."),
    "invalid": Kind(422, "The values are not acceptable", "Each is named in `errors`."),
    "not-yet": Kind(422, "The item is not finished", "What is missing, or how long to go on, is in the answer."),
    "key-reused": Kind(422, "The key belongs to another call", "An Idempotency-Key stands for one call only."),
    "base-needed": Kind(428, "Say what you have seen", "Send If-Match with the ETag of what you read."),
    "too-many": Kind(429, "Too many calls", "Nothing was done. Wait as Retry-After says, and send it again."),
    "error": Kind(500, "An error of ours", "Nothing was kept. It was written down here; try again later."),
    "busy": Kind(503, "The database is busy", "Nothing was kept. Wait as Retry-After says, and send it again."),
    "no-room": Kind(507, "No room", "The disk of the server is nearly full."),
}


class Problem(exceptions.APIException):
    """A refusal to raise from an endpoint. ``more`` are further members of the document."""

    def __init__(
        self,
        kind: str,
        detail: str = "",
        *,
        errors: list[dict[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail or KINDS[kind].title)
        self.kind, self.status_code = kind, KINDS[kind].status
        self.sentence, self.errors, self.more = detail, errors or [], more
        self.headers = dict(headers or {})


Failure = TypeVar("Failure", bound=Exception)
_translations: dict[type[Exception], Callable[[Any], Problem]] = {}


def translate(kind: type[Failure]) -> Callable[[Callable[[Failure], Problem]], Callable[[Failure], Problem]]:
    """Decorator: this function says what an app's exception is to a program."""

    def add(function: Callable[[Failure], Problem]) -> Callable[[Failure], Problem]:
        _translations[kind] = function
        return function

    return add


def answer(exc: Exception, context: Mapping[str, Any]) -> Response:
    """What the API answers to an exception (REST framework's EXCEPTION_HANDLER)."""
    problem = _problem(exc)
    if problem is None:
        request = context.get("request")
        logger.error("The API failed at %s", getattr(request, "path", "?"), exc_info=exc)
        got_request_exception.send(sender=None, request=getattr(request, "_request", request))
        problem = Problem("error", "Something went wrong here; nothing was kept.")
    return respond(problem)


def respond(problem: Problem) -> Response:
    response = Response(document(problem), status=problem.status_code, content_type=MEDIA_TYPE)
    for name, value in problem.headers.items():
        response[name] = value
    return response


def document(problem: Problem) -> dict[str, Any]:
    """The members of a problem document."""
    return {
        "type": f"/api/docs/#problem-{problem.kind}",
        "title": KINDS[problem.kind].title,
        "status": problem.status_code,
        "detail": problem.sentence[:DETAIL_LENGTH],
        "errors": problem.errors[:MAX_ERRORS],
        **problem.more,
    }


def _problem(exc: Exception) -> Problem | None:
    """The problem an exception stands for; None if it was not foreseen."""
    if isinstance(exc, Problem):
        return exc
    for kind in type(exc).__mro__:
        if kind in _translations:
            return _translations[kind](exc)
    if isinstance(exc, exceptions.APIException):
        return _framework(exc)
    return _django(exc)


def _framework(exc: exceptions.APIException) -> Problem | None:
    if isinstance(exc, exceptions.ValidationError):
        return Problem("invalid", errors=list(_errors(exc.detail)))
    if isinstance(exc, exceptions.Throttled):
        seconds = math.ceil(exc.wait or 1)
        return Problem("too-many", f"Try again in {seconds} s.", headers={"Retry-After": str(seconds)})
    kinds: list[tuple[type[exceptions.APIException], str]] = [
        (exceptions.ParseError, "malformed"),
        (exceptions.NotAuthenticated, "unauthenticated"),
        (exceptions.AuthenticationFailed, "unauthenticated"),
        (exceptions.PermissionDenied, "forbidden"),
        (exceptions.NotFound, "not-found"),
        (exceptions.MethodNotAllowed, "method"),
        (exceptions.UnsupportedMediaType, "media-type"),
    ]
    name = next((name for kind, name in kinds if isinstance(exc, kind)), None)
    if name is None:
        return None
    challenge = getattr(exc, "auth_header", None)
    return Problem(name, str(exc.detail), headers={"WWW-Authenticate": challenge} if challenge else None)


def _django(exc: Exception) -> Problem | None:
    if isinstance(exc, Http404):
        return Problem("not-found")
    if isinstance(exc, DjangoPermissionDenied):
        return Problem("forbidden")
    if isinstance(exc, RequestDataTooBig):
        return Problem("too-large")
    if isinstance(exc, SuspiciousOperation | UnreadablePostError):
        return Problem("malformed")
    if isinstance(exc, OperationalError) and not str(exc).startswith(("no such", "near ")):
        logger.warning("The API met a busy database: %s", exc)
        return Problem("busy", headers={"Retry-After": "5"})
    return None


def _errors(detail: Any, path: str = "") -> Iterator[dict[str, str]]:
    """The framework's nested messages as ``{"field", "message"}``; the whole body is the field ``""``."""
    if isinstance(detail, Mapping):
        for key, inner in detail.items():
            own = "" if key == "non_field_errors" else str(key)
            yield from _errors(inner, ".".join(part for part in (path, own) if part))
    elif isinstance(detail, list | tuple):
        for index, inner in enumerate(detail):
            nested = isinstance(inner, Mapping | list)
            yield from _errors(inner, f"{path}.{index}" if nested and inner else path)
    else:
        yield {"field": path[:200], "message": str(detail)[:DETAIL_LENGTH]}
