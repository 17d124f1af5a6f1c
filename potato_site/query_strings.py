"""A NUL in the query string is refused: no text of a database holds one, and Postgres fails where one is looked for."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, JsonResponse

from potato_site.api.problems import MEDIA_TYPE, Problem, document

NUL = ("%00", "\x00")


class NoNul:
    """Middleware: 400, in words on a page and as a problem document from the API, before anything reads the query."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not any(nul in request.META.get("QUERY_STRING", "") for nul in NUL):
            return self.get_response(request)
        if not request.path_info.startswith("/api/"):
            raise BadRequest("The query string has a NUL")
        problem = Problem("malformed", "The query string has a NUL (%00), which no text here holds.")
        return JsonResponse(document(problem), status=problem.status_code, content_type=MEDIA_TYPE)
