"""What questions that are answered with a number share."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

from annotation.schemes.base import Level, Refused
from annotation.schemes.scoped import Scoped

# Beyond it, JSON numbers are no longer exact in a browser.
LARGEST = 2**53


class Numeric(Scoped):
    """One number. ``limits`` says between what."""

    measure: ClassVar[str] = "value"
    level: ClassVar[Level | None] = "interval"

    @property
    def merge(self) -> Literal["choice", "options", "median", "first"]:
        return "median"

    def limits(self) -> tuple[float | None, float | None]:
        raise NotImplementedError

    def is_whole(self) -> bool:
        return False

    def value_of(self, value: Any) -> Any:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
            raise Refused("an answer is a number")
        lowest, highest = self.limits()
        if not (-LARGEST if lowest is None else lowest) <= value <= (LARGEST if highest is None else highest):
            raise Refused(f"an answer is a number {self.between() or 'of a usual size'}")
        if self.is_whole() and value != int(value):
            raise Refused("an answer is a whole number")
        # 3.0 is 3, whoever sent it: JSON of browsers knows no difference.
        return int(value) if value == int(value) else value

    def between(self) -> str:
        """The limits in words; empty without any."""
        lowest, highest = (None if limit is None else f"{limit:g}" for limit in self.limits())
        if lowest is not None and highest is not None:
            return f"from {lowest} to {highest}"
        return f"from {lowest} on" if lowest is not None else f"up to {highest}" if highest is not None else ""

    @property
    def attributes(self) -> dict[str, str]:
        """The limits as the attributes of an input."""
        limits = dict(zip(("min", "max"), self.limits(), strict=True))
        return {**{name: f"{limit:.12g}" for name, limit in limits.items() if limit is not None}, "step": self.stops()}

    def stops(self) -> str:
        """The ``step`` of its input."""
        return "1" if self.is_whole() else "any"
