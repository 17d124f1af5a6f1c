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
            raise Refused(f"an answer is {self.takes() if self.between() else 'a number of a usual size'}")
        if self.is_whole() and value != int(value):
            raise Refused(f"an answer is {self.takes()}")
        # 3.0 is 3, whoever sent it: JSON of browsers knows no difference.
        return int(value) if value == int(value) else value

    def between(self) -> str:
        """The limits in words; empty without any."""
        lowest, highest = (None if limit is None else plain(limit) for limit in self.limits())
        if lowest is not None and highest is not None:
            return f"from {lowest} to {highest}"
        return f"from {lowest} on" if lowest is not None else f"up to {highest}" if highest is not None else ""

    def takes(self) -> str:
        """What is an answer, in words."""
        return " ".join(filter(None, ["a whole number" if self.is_whole() else "a number", self.between()]))

    @property
    def attributes(self) -> dict[str, str]:
        """The limits as the attributes of an input that HTML has for numbers."""
        limits = dict(zip(("min", "max"), self.limits(), strict=True))
        return {**{name: plain(limit) for name, limit in limits.items() if limit is not None}, "step": self.stops()}

    @property
    def field_attributes(self) -> dict[str, str]:
        """Those of the text field that a number is typed into, which label/numbers.js reads. In an input that HTML has
        for numbers, a browser leaves out what it does not take: an English one makes 15 of "1,5", and says nothing."""
        limits = {f"data-{name}": value for name, value in self.attributes.items()}
        return {
            "type": "text",
            "autocomplete": "off",
            "inputmode": self._keyboard(),
            "data-takes": self.takes(),
            **limits,
        }

    def _keyboard(self) -> str:
        """The keyboard of a phone. Those for numbers may have no minus."""
        lowest, _ = self.limits()
        if lowest is None or lowest < 0:
            return "text"
        return "numeric" if self.is_whole() else "decimal"

    def stops(self) -> str:
        """The ``step`` of its input."""
        return "1" if self.is_whole() else "any"


def plain(number: float) -> str:
    """A number as people and HTML write it."""
    return str(int(number)) if abs(number) <= LARGEST and number == int(number) else f"{number:.12g}"
