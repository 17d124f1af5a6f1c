"""A name for every request: in the answer, on the page of an error, and on every line that was logged for it."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.functional import SimpleLazyObject

from potato_site import logs, metrics

HEADER = "X-Request-ID"
# What a proxy in front may have chosen. Anything else could forge a log line.
SANE = re.compile(r"[A-Za-z0-9._-]{8,64}")

access = logging.getLogger("potato_site.access")


class RequestIds:
    """The outermost middleware: names the request, measures it, and writes its one line."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(HEADER, "")
        name = given if SANE.fullmatch(given) else uuid.uuid4().hex
        request.META[logs.REQUEST_ID] = name
        started = time.perf_counter()
        with logs.bound(request_id=name):
            response = self.get_response(request)
            response[HEADER] = name
            seconds = time.perf_counter() - started
            route = logs.route_of(request)
            metrics.observe(route, request.method, response.status_code, seconds)
            access.info("%s %s", request.method, route, extra={"fields": line(request, response, seconds)})
        return response


def line(request: HttpRequest, response: HttpResponse, seconds: float) -> dict[str, Any]:
    """What an access line says beside the method and the route. Never a path, a query, or a body."""
    return {"status": response.status_code, "ms": round(seconds * 1000, 1), "user": getattr(_user(request), "pk", None)}


def _user(request: HttpRequest) -> Any:
    """Only if something asked for the user: the log must not cost a query."""
    user = vars(request).get("user")
    # A call with a token has its person put in the place of the session's.
    return getattr(request, "_cached_user", None) if isinstance(user, SimpleLazyObject) else user


def server_error(request: HttpRequest) -> HttpResponse:
    """What is shown when a view failed: nothing but the name under which the log has it. Asks no database."""
    name = request.META.get(logs.REQUEST_ID, "")
    if request.path.startswith("/api/"):
        problem = {"type": "about:blank", "title": "Server error", "status": 500, "request_id": name}
        return JsonResponse(problem, status=500, content_type="application/problem+json")
    # Without the request: no context processor runs, none can fail again.
    return HttpResponse(render_to_string("500.html", {"request_id": name}), status=500)
