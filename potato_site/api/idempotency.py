"""``Idempotency-Key``: a call that is sent twice has one effect.

The answer is written in the transaction of the effect: a process that is killed has done both or neither. Only calls
that succeeded are remembered. A refusal had no effect worth repeating (or one that its own ids make repeatable, as
operations do), so the same key may be tried again when its reason is gone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from potato_site.api.models import IdempotencyKey
from potato_site.api.problems import Problem

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEY = re.compile(r"[\x21-\x7e]{1,200}")
# These belong to an answer as much as its body.
KEPT_HEADERS = ("Location", "ETag")

Answer = HttpResponse


def key_of(request: Request) -> str | None:
    """The key of a call, None if it has none. Raises Problem."""
    key = request.headers.get(HEADER)
    if key is not None and not KEY.fullmatch(key):
        raise Problem("malformed", f"{HEADER} must be 1 to 200 visible ASCII characters.")
    return key


def once(request: Request, key: str, run: Callable[[], Answer], render: Callable[[Any], bytes]) -> Answer:
    """The stored answer of ``key``, else what ``run`` answers now. ``run`` turns exceptions into answers itself."""
    fingerprint = _fingerprint(request)
    with transaction.atomic():
        if not _my_turn(request.user.pk, key):
            raise Problem("in-progress", headers={"Retry-After": "1"})
        known = IdempotencyKey.objects.filter(user=request.user.pk, key=key).first()
        if known is not None:
            return _replayed(known, fingerprint)
        response = run()
        if response.status_code >= 500:
            transaction.set_rollback(True)
        elif response.status_code < 400:
            _remember(request, key, fingerprint, response, render)
        return response


def _fingerprint(request: Request) -> str:
    # The token's project too: what one token was answered is not for another that is bound elsewhere.
    bound = getattr(request.auth, "project_id", None)
    head = f"{request.method} {request.get_full_path()}\n{request.content_type}\n{bound}\n"
    return hashlib.sha256(head.encode() + request._request.body).hexdigest()


def _my_turn(user_id: int, key: str) -> bool:
    """Whether no other process is working on this key. SQLite has one writer at a time: it has waited already."""
    if connection.vendor != "postgresql":
        return True
    digest = hashlib.sha256(f"idempotency:{user_id}:{key}".encode()).digest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [int.from_bytes(digest[:8], "big", signed=True)])
        return bool(cursor.fetchone()[0])


def _remember(request: Request, key: str, fingerprint: str, response: Answer, render: Callable[[Any], bytes]) -> None:
    data = getattr(response, "data", None)
    is_data = isinstance(response, Response)
    headers = {name: response[name] for name in KEPT_HEADERS if response.has_header(name)}
    IdempotencyKey.objects.create(
        user_id=request.user.pk,
        key=key,
        request_sha256=fingerprint,
        status=response.status_code,
        headers={"Content-Type": "application/json" if is_data else response["Content-Type"], **headers},
        body=(render(data) if is_data else response.content).decode(),
    )


def _replayed(known: IdempotencyKey, fingerprint: str) -> HttpResponse:
    if known.request_sha256 != fingerprint:
        raise Problem("key-reused")
    return HttpResponse(known.body, status=known.status, headers={**known.headers, REPLAYED: "true"})
