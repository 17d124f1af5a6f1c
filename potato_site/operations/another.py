"""A second database beside the one of the settings: where a move goes, where a restore is rehearsed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError
from django.db import connections

from potato_site.settings import database


@contextmanager
def another_database(url: str, alias: str) -> Iterator[str]:
    """The database at ``url`` under the name ``alias``. Raises CommandError for an address that is none."""
    try:
        config = database(url, snapshot=False)
    except (ValueError, KeyError, ImproperlyConfigured):
        # Their words may quote a part of the password.
        raise CommandError(
            "this is no database's address: use sqlite:///… or postgres://…, quoted as in a URL"
        ) from None
    known = {"default": connections.databases["default"], alias: config}
    connections.databases[alias] = connections.configure_settings(known)[alias]
    try:
        yield alias
    finally:
        connections[alias].close()
        del connections.databases[alias]
        del connections[alias]


def address_of(given: str) -> str:
    """``env:NAME`` is the value of that variable, so that a password stands in no list of processes."""
    if not given.startswith("env:"):
        return given
    value = os.environ.get(given.removeprefix("env:"), "")
    if not value:
        raise CommandError(f"{given}: this variable is not set")
    return value


def without_password(url: str) -> str:
    return re.sub(r"(\w+://[^:@/\s]*):[^/\s]*@", r"\1:***@", url)
