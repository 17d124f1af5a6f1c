"""What holds for every request of a person: the life of the session, and the person's time zone."""

from __future__ import annotations

import time
import zoneinfo
from collections.abc import Callable

from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from potato_site.accounts import sessions

RENEWED_AT = "renewed_at"


class IdleSessions:
    """Prolongs the session of a person who is active, once per quarter of its life: not at every save."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        session = request.session
        if session.session_key and SESSION_KEY in session:
            now = int(time.time())
            if now - session.get(RENEWED_AT, 0) > session.get_expiry_age() / 4:
                session[RENEWED_AT] = now
                sessions.set_life(request, request.user)
        return self.get_response(request)


class OwnTimeZone:
    """Times are shown in the zone a person chose on the profile page; else in the site's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        zone = zone_of(request) if SESSION_KEY in request.session else None
        if zone is None:
            return self.get_response(request)
        with timezone.override(zone):
            return self.get_response(request)


def zone_of(request: HttpRequest) -> zoneinfo.ZoneInfo | None:
    name = getattr(request.user, "preferences", {}).get("timezone")
    try:
        return zoneinfo.ZoneInfo(name) if isinstance(name, str) and name else None
    except (ValueError, zoneinfo.ZoneInfoNotFoundError):
        return None
