"""The connection that exports read through."""

from __future__ import annotations

from contextlib import AbstractContextManager

from django.db import transaction

SNAPSHOT = "snapshot"


def consistent_read() -> AbstractContextManager[None]:
    """Everything read inside through the ``snapshot`` alias belongs to one moment, and no save waits for it."""
    return transaction.atomic(using=SNAPSHOT)
