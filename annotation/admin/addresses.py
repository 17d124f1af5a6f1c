"""Addresses to hand on to people outside."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

from potato_site.accounts import mail


def whole_address(request: HttpRequest, path: str) -> str:
    """The site's own address of a path where that is known, else as the request came."""
    return mail.address(path) if settings.SITE_URL else request.build_absolute_uri(path)
