"""At most so many requests a minute from one person's labeling pages: far above what people do, however fast.

The page sends one request at a time, with all that waits in it, keeps a refused one and sends it again when it may: no
label is lost by the limit. Programs that use the API are counted apart, so neither stops the other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from potato_site.accounts.decorators import person_of
from potato_site.api import throttling

Params = ParamSpec("Params")
View = Callable[Concatenate[HttpRequest, Params], HttpResponse]


def limited(view: View[Params]) -> View[Params]:
    """Below ``signed_in_api``: one request too many is 429 ``{"error": "too-many", "message"}``, with Retry-After."""

    @wraps(view)
    def counted(request: HttpRequest, *args: Params.args, **kwargs: Params.kwargs) -> HttpResponse:
        per_minute = settings.LABEL_REQUESTS_PER_MINUTE
        wait = throttling.take(person_of(request).pk, throttling.now(), per_minute, kind="label")
        if not wait:
            return view(request, *args, **kwargs)
        about = "Too many requests. Nothing was done: wait, and send the same again."
        headers = {"Retry-After": f"{wait:.0f}"}
        return JsonResponse({"error": "too-many", "message": about}, status=429, headers=headers)

    return counted
