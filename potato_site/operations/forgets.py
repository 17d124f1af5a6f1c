"""Forgetting a person: an app that ``annotation.projects.forgetting`` may not import says in its ``forgets.py``, with
:func:`forget`, where it keeps people's names."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol


class Part(Protocol):
    def rename(self, before: str, after: str) -> None:
        """In its rows, in the transaction in which the account is renamed."""

    def files(self, name: str) -> list[str]:
        """The files that somebody of this name has, to be told."""

    def sweep(self, name: str) -> list[str]:
        """Remove them, now that nobody has the name. What was removed, to be told. Raises OSError."""

    def published(self, projects: Collection[int]) -> int:
        """How many files of these projects were published that may name people."""

    def remove_published(self, projects: Collection[int]) -> int:
        """All of them. How many."""


parts: dict[str, Part] = {}


def forget(kind: type[Part]) -> type[Part]:
    """Class decorator: names are kept here, too."""
    parts[kind.__qualname__] = kind()
    return kind
