"""Parts of rendered traces, for the pages that show them: of labeling, of answers, of the preview.

Who asks has made sure that the person may see these versions.
"""

from __future__ import annotations

import gzip
import re
from dataclasses import asdict

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.cache import patch_vary_headers

from annotation.pages.shown import Sides
from potato_site.accounts.decorators import person_of
from potato_site.one_at_a_time import turn
from traces.chunks import changes_gzip, changes_key, chunk_gzip, chunk_key
from traces.search import MAX_QUERY, search
from traces.store import load_text

YEAR = 365 * 24 * 3600


def chunk(request: HttpRequest, sides: Sides, number: int, key: str) -> HttpResponse:
    """Rendered steps, as they are stored. Raises Http404 for a key of none of these versions."""
    for version, options in sides:
        try:
            whole = chunk_key(version, options, number)
        except IndexError:
            continue
        if whole[:12] == key:
            response = _gzipped(request, chunk_gzip(version, options, number, whole))
            response["Cache-Control"] = f"private, immutable, max-age={YEAR}"
            return response
    raise Http404


def changes(request: HttpRequest, sides: Sides, digest: str) -> HttpResponse:
    """What a whole run changed, file by file. Raises Http404 for a digest of none of these versions."""
    for version, options in sides:
        if changes_key(version, options)[:12] == digest:
            response = _gzipped(request, changes_gzip(version, options))
            response["Cache-Control"] = f"private, immutable, max-age={YEAR}"
            return response
    raise Http404


def found(request: HttpRequest, sides: Sides, version_id: int) -> JsonResponse:
    """``{"steps", "searched"}`` as of :class:`traces.search.Found`; 429 while another search of this person runs.

    Raises Http404 for a version of another item.
    """
    if version_id not in {version for version, _ in sides}:
        raise Http404
    query = request.GET.get("q", "")
    if len(query) > MAX_QUERY:
        about = f"a search takes at most {MAX_QUERY} characters"
        return JsonResponse({"error": "malformed", "message": about}, status=400)
    with turn("search", person_of(request).pk) as is_free:
        if is_free:
            return JsonResponse(asdict(search(load_text(version_id), query)))
    about = "another search of yours is running"
    return JsonResponse({"error": "too-many", "message": about}, status=429, headers={"Retry-After": "1"})


def _gzipped(request: HttpRequest, body: bytes) -> HttpResponse:
    """The stored bytes where the browser takes gzip, else what they hold."""
    accepts = re.search(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", request.headers.get("Accept-Encoding", ""))
    response = HttpResponse(body if accepts else gzip.decompress(body), content_type="text/html; charset=utf-8")
    if accepts:
        response["Content-Encoding"] = "gzip"
    patch_vary_headers(response, ["Accept-Encoding"])
    return response
