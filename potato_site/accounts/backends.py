"""Logging in by name and password, whatever the case of the name."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest

from potato_site.accounts.models import User, name_key


class FoldedNameBackend(ModelBackend):
    """Django's own rules, except that ``Reviewer1`` and ``reviewer1`` are one person."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        if username is None or password is None:
            return None
        user = User.objects.named(username)
        if user is None:
            # As much work as for a known name, so that the time tells nothing.
            make_password(password)
            return None
        if user.check_password(password) and self.user_can_authenticate(user):
            return user
        return None


def locked_name(request: HttpRequest | None, credentials: dict[str, Any] | None = None) -> str:
    """The name failures are counted under: other spellings of a name are not fresh tries."""
    source: Any = credentials or (request.POST if request else {})
    return name_key(str(source.get("username", "")))[:255]
