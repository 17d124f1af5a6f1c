"""How long a session lasts without use: 12 hours; one hour for people who administer something.

Computed when a person signs in, when the session is prolonged, and when the admin opens for somebody whose role is new.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.signals import user_logged_in
from django.db.models import F
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.module_loading import import_string

from potato_site.accounts.models import User

SHORT_IDLE_SECONDS = 3600


def forget_over() -> None:
    """Delete the sessions that have ended by themselves: nobody else does."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()


def set_life(request: HttpRequest, user: Any) -> None:
    """Give the session the life that fits what its person may do now."""
    is_short = import_string(settings.SHORT_SESSIONS_FOR)(user)
    request.session.set_expiry(SHORT_IDLE_SECONDS if is_short else None)


def shorten(request: HttpRequest) -> None:
    """The admin opened for this session: from now on it is a short one."""
    if request.session.get_expiry_age() > SHORT_IDLE_SECONDS:
        request.session.set_expiry(SHORT_IDLE_SECONDS)


def end_others(request: HttpRequest) -> None:
    """End every session of the person who asks but this one."""
    end_all(request.user)
    keep(request)


def end_all(user: Any) -> None:
    """End every session of this person."""
    User.objects.filter(pk=user.pk).update(session_generation=F("session_generation") + 1)


def keep(request: HttpRequest) -> None:
    """This session goes on, whatever ended the others of its person during this request."""
    user = request.user
    assert isinstance(user, User)
    user.refresh_from_db(fields=["session_generation"])
    update_session_auth_hash(request, user)


@receiver(user_logged_in)
def begin(request: HttpRequest, user: User, **_: object) -> None:
    set_life(request, user)
