"""Which answer to a choice says that a run resolved its issue."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

FULLY = "fully resolved"
VALUES = ("resolved", "fully_resolved")


class Named(Protocol):
    """An option of a choice."""

    @property
    def value(self) -> str: ...
    @property
    def text(self) -> str: ...


def fully_resolved(options: Iterable[Named]) -> str:
    """The value of the option "Fully Resolved", else of one whose value is ``resolved``; "" when there is none."""
    options = list(options)
    by_text = [one.value for one in options if one.text.casefold() == FULLY]
    by_value = [one.value for one in options if one.value.casefold() in VALUES]
    return next(iter([*by_text, *by_value]), "")
