"""A rating on a scale of a few points, for the item or for each step."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from annotation.schemes import schemes
from annotation.schemes.base import Key, Level, Refused, Sample
from annotation.schemes.scoped import Scoped


@schemes.register("likert")
class Likert(Scoped):
    """A scale with named ends. An answer is the number of the point, from 1."""

    panel_template: ClassVar[str] = "annotation/schemes/likert.html"
    step_template: ClassVar[str] = "annotation/schemes/likert_step.html"
    meaning_keys: ClassVar[tuple[str, ...]] = ("size",)
    measure: ClassVar[str] = "rating"
    level: ClassVar[Level | None] = "ordinal"

    annotation_type: Literal["likert"] = "likert"
    size: int = Field(default=5, ge=2, le=11, description="How many points the scale has")
    min_label: str = Field(default="", max_length=200, description="What the first point means")
    max_label: str = Field(default="", max_length=200, description="What the last point means")
    sequential_key_binding: bool = Field(default=False, description="Keys 1, 2, 3 … choose the points (up to 9)")

    @property
    def choices(self) -> list[dict[str, Any]]:
        ends = {1: self.min_label, self.size: self.max_label}
        return [
            {
                "value": point,
                "text": str(point),
                "description": ends.get(point, ""),
                "key": str(point) if self.sequential_key_binding and point <= 9 else "",
            }
            for point in range(1, self.size + 1)
        ]

    def domain(self) -> tuple[str | int, ...]:
        return tuple(range(1, self.size + 1))

    def value_of(self, value: Any) -> Any:
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= self.size:
            raise Refused(f"a rating is a whole number from 1 to {self.size}")
        return value

    def keys(self) -> list[Key]:
        return [
            Key(choice["key"], "choose", choice["text"], f"{self.title}: {choice['text']}")
            for choice in self.choices
            if choice["key"]
        ]

    def page_state(self) -> dict[str, Any]:
        return {**super().page_state(), "choices": self.choices}


SAMPLES = [
    Sample(
        {"annotation_type": "likert", "name": "quality", "size": 7, "min_label": "Poor", "max_label": "Excellent"},
        accepted=[("", 1), ("", 7)],
        refused=[("", 0), ("", 8), ("", "3"), ("", True), ("", 2.5), ("0", 3)],
    ),
    Sample(
        {"annotation_type": "likert", "name": "effort", "scope": "step", "size": 3},
        accepted=[("0", 1), ("2", 3)],
        refused=[("", 1), ("3", 1), ("0", 4)],
    ),
]
