"""One-time log-in links: signed, good for 72 hours and one use.

The token holds the user and a digest of what a log-in or a new password changes, so the first use ends it. What ends
all sessions of a person (``sessions.end_all``) ends their links as well.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core import signing
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from potato_site.accounts.models import User

SALT = "potato_site.accounts.links"
LIFE_SECONDS = 72 * 3600


def link_path(user: User) -> str:
    """The path of a fresh link for this person. Older unused links stay good until one of them is used."""
    return reverse("login-link", args=[signing.dumps([user.pk, _state(user)], salt=SALT)])


def user_of(token: str) -> User | None:
    """Whom the link lets in, or None if it is forged, too old, used, or its user may not come in."""
    try:
        pk, state = signing.loads(token, salt=SALT, max_age=LIFE_SECONDS)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    user = User.objects.filter(pk=pk, is_active=True).first()
    return user if user and constant_time_compare(state, _state(user)) else None


def redeem(token: str) -> User | None:
    """As user_of, and ends the link. Of two simultaneous uses one gets the user."""
    user = user_of(token)
    if user is None:
        return None
    unused = User.objects.filter(
        pk=user.pk,
        password=user.password,
        last_login=user.last_login,
        session_generation=user.session_generation,
    )
    return user if unused.update(last_login=_later_than(user.last_login)) else None


def _state(user: User) -> str:
    ended = f"|{user.session_generation}" if user.session_generation else ""
    return salted_hmac(SALT, f"{user.password}|{user.last_login}{ended}", algorithm="sha256").hexdigest()


def _later_than(moment: datetime | None) -> datetime:
    """Now; or just after ``moment`` when the clock was set back, so that the state always changes."""
    now = timezone.now()
    return now if moment is None or now > moment else moment + timedelta(microseconds=1)
