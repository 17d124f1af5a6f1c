"""Addresses in answers: whole ones, so that a program can follow them as they are."""

from __future__ import annotations

from django.urls import reverse
from rest_framework.request import Request


def address(request: Request, name: str, *args: object) -> str:
    """Of the endpoint called ``name``."""
    return absolute(request, reverse(name, args=args))


def absolute(request: Request, path: str) -> str:
    """``path`` on the host that was asked."""
    return str(request.build_absolute_uri(path))
