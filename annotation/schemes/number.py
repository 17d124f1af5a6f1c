"""A number that is typed, for the item or for each step."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from annotation.schemes import schemes
from annotation.schemes.base import Sample
from annotation.schemes.numbers import Numeric


@schemes.register("number")
class Number(Numeric):
    """A number field."""

    panel_template: ClassVar[str] = "annotation/schemes/number.html"
    step_template: ClassVar[str] = "annotation/schemes/number_step.html"

    annotation_type: Literal["number"] = "number"
    min_value: float | None = Field(default=None, allow_inf_nan=False, description="The smallest number that is taken")
    max_value: float | None = Field(default=None, allow_inf_nan=False, description="The largest")
    integer: bool = Field(default=False, description="Whole numbers only")
    placeholder: str = Field(default="", max_length=200, description="Shown in the empty field")

    @model_validator(mode="after")
    def _check(self) -> Number:
        if self.min_value is not None and self.max_value is not None and self.min_value > self.max_value:
            raise ValueError("max_value: is smaller than min_value")
        return self

    def limits(self) -> tuple[float | None, float | None]:
        lowest, highest = self.min_value, self.max_value
        if not self.integer:
            return lowest, highest
        # The page counts its steps from the lowest.
        return (None if lowest is None else math.ceil(lowest)), (None if highest is None else math.floor(highest))

    def is_whole(self) -> bool:
        return self.integer

    @property
    def hint(self) -> str:
        """What the field says it takes; empty where that is any number."""
        return self.takes() if self.integer or self.between() else ""


SAMPLES = [
    Sample(
        {"annotation_type": "number", "name": "minutes", "min_value": 0, "max_value": 600, "integer": True},
        accepted=[("", 0), ("", 45), ("", 600.0)],
        refused=[("", -1), ("", 601), ("", 1.5), ("", "5"), ("", True), ("0", 5)],
    ),
    Sample(
        {"annotation_type": "number", "name": "cost", "scope": "step"},
        accepted=[("0", 0.5), ("2", -3)],
        refused=[("", 1), ("3", 1), ("0", 1e300), ("0", None), ("0", [1])],
    ),
]
