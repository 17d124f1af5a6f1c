"""Views for people who are signed in."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.messages.storage.base import BaseStorage
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect
from rest_framework.request import Request

from potato_site.accounts.models import User

Params = ParamSpec("Params")
View = Callable[Concatenate[HttpRequest, Params], HttpResponse]

NOTHING_SAVED = "You were signed out, so what you just sent was not saved. Sign in and send it again."


def signed_in(view: View[Params]) -> View[Params]:
    """For pages: anybody else is sent to the log-in page and returns afterwards."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Params.args, **kwargs: Params.kwargs) -> HttpResponse:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if request.method not in ("GET", "HEAD"):
            _say_nothing_was_saved(request)
        if request.headers.get("HX-Request"):
            # A redirect would be followed inside the page and put a log-in form into a part of it.
            return HttpResponseClientRedirect(login_url(page_of(request)))
        return redirect(login_url(request.get_full_path() if request.method == "GET" else form_page_of(request)))

    return checked


def signed_in_api(view: View[Params]) -> View[Params]:
    """For what scripts call: anybody else gets 401 ``{"error": "signed_out", "login": address}``."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Params.args, **kwargs: Params.kwargs) -> HttpResponse:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        return JsonResponse({"error": "signed_out", "login": login_url(page_of(request))}, status=401)

    return checked


def person_of(request: HttpRequest | Request) -> User:
    """Who is signed in, where somebody is: behind ``signed_in``, in the admin, and in the API."""
    assert isinstance(request.user, User)
    return request.user


def login_url(return_to: str) -> str:
    """The log-in page's address; afterwards the person goes to the path ``return_to``, or home."""
    url = resolve_url(settings.LOGIN_URL)
    return f"{url}?{urlencode({'next': return_to})}" if return_to else url


def page_of(request: HttpRequest) -> str:
    """Path of the page that htmx says it is on; empty if that is not one of ours."""
    return _our_path(request, request.headers.get("HX-Current-URL", ""))


def form_page_of(request: HttpRequest) -> str:
    """Path of the page from which the browser sent a form; empty if that is not one of ours."""
    return _our_path(request, request.headers.get("Referer", ""))


def _our_path(request: HttpRequest, address: str) -> str:
    if not url_has_allowed_host_and_scheme(address, {request.get_host()}):
        return ""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _say_nothing_was_saved(request: HttpRequest) -> None:
    """On the log-in page, once: a page may send several times before anybody looks at that one."""
    waiting = messages.get_messages(request)
    assert isinstance(waiting, BaseStorage), "the middleware keeps messages"
    if NOTHING_SAVED not in [str(message) for message in waiting]:
        messages.warning(request, NOTHING_SAVED)
    # Looking at them does not show them.
    waiting.used = False
