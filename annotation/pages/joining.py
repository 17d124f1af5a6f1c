"""Around the act by which somebody joins a project: what goes on, and what they are told has ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib import messages
from django.http import HttpRequest

from potato_site.accounts import sessions
from potato_site.accounts.decorators import person_of
from potato_site.api import tokens


@contextmanager
def joining(request: HttpRequest) -> Iterator[None]:
    """This session goes on, though joining may end the person's others; API tokens that ended with them are named."""
    person = person_of(request)
    before = list(tokens.unbound_of(person))
    yield
    sessions.keep(request)
    left = set(tokens.unbound_of(person))
    if ended := [token for token in before if token not in left]:
        names = ", ".join(f"“{token.name}”" if token.name else f"{token.prefix}…" for token in ended)
        messages.warning(
            request,
            "Another project made your account and may know your password, so API tokens made before were revoked: "
            f"{names}. Change your password, then make new ones on your profile page.",
        )
