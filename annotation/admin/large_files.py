"""Pages that take large files: who may send one is asked before a byte is read, and so is its size."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from traces import uploads
from traces.arriving_files import ArrivingFiles
from traces.uploads import UploadRefused

View = Callable[..., HttpResponse]


def takes_large_files(may_send: Callable[..., bool], refused: Callable[..., HttpResponse]) -> Callable[[View], View]:
    """Decorate a view whose form holds traces.

    Where ``may_send(request, …)``, files stream to the private folder; what is too large is answered by
    ``refused(request, error, …)`` unread. All others may send as little as to any other page. The token of the form is
    in its body, so it is checked after that, and always.
    """

    def decorate(view: View) -> View:
        protected = csrf_protect(view)

        @csrf_exempt  # protected by `protected`
        @wraps(view)
        def received(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method == "POST" and may_send(request, *args, **kwargs):
                try:
                    uploads.check_room(int(request.META.get("CONTENT_LENGTH") or 0))
                except UploadRefused as error:
                    return refused(request, error, *args, **kwargs)
                request.upload_handlers = [ArrivingFiles(request)]
            return protected(request, *args, **kwargs)

        # A proxy in front must let them pass: deploy/nginx.conf.
        received.takes_large_files = True  # type: ignore[attr-defined]
        return received

    return decorate
