"""A number on a slider, for the item or for each step."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from annotation.schemes import schemes
from annotation.schemes.base import Refused, Sample
from annotation.schemes.numbers import Numeric, plain


@schemes.register("slider")
class Slider(Numeric):
    """A slider with a number field beside it. Until it is moved there is no answer."""

    panel_template: ClassVar[str] = "annotation/schemes/slider.html"
    step_template: ClassVar[str] = "annotation/schemes/slider_step.html"
    meaning_keys: ClassVar[tuple[str, ...]] = ("min_value", "max_value")

    annotation_type: Literal["slider"] = "slider"
    min_value: float = Field(default=0, allow_inf_nan=False, description="The left end")
    max_value: float = Field(default=100, allow_inf_nan=False, description="The right end")
    step: float = Field(default=1, gt=0, allow_inf_nan=False, description="From one position to the next")
    starting_value: float | None = Field(
        default=None, description="Where it stands at first; without one, in the middle"
    )
    min_label: str = Field(default="", max_length=200, description="What the left end means")
    max_label: str = Field(default="", max_length=200, description="What the right end means")

    @model_validator(mode="after")
    def _check(self) -> Slider:
        if self.min_value >= self.max_value:
            raise ValueError("max_value: is not larger than min_value")
        if self.step > self.max_value - self.min_value:
            raise ValueError("step: is longer than the slider")
        if self.starting_value is not None and not self.min_value <= self.starting_value <= self.max_value:
            raise ValueError("starting_value: lies outside the slider")
        return self

    def limits(self) -> tuple[float | None, float | None]:
        return self.min_value, self.max_value

    def value_of(self, value: Any) -> Any:
        clean = super().value_of(value)
        places = (clean - self.min_value) / self.step
        if abs(places - round(places)) > 1e-6:
            raise Refused(f"an answer is {self.takes()}")
        return clean

    def takes(self) -> str:
        return f"{super().takes()} in steps of {plain(self.step)}"

    def stops(self) -> str:
        return plain(self.step)

    @property
    def start(self) -> str:
        """Where it stands before it is moved: the nearest of its stops."""
        wanted = (self.min_value + self.max_value) / 2 if self.starting_value is None else self.starting_value
        return plain(self.min_value + round((wanted - self.min_value) / self.step) * self.step)

    def page_state(self) -> dict[str, Any]:
        return {**super().page_state(), "start": self.start}


SAMPLES = [
    Sample(
        {"annotation_type": "slider", "name": "confidence", "min_label": "Guess", "max_label": "Sure"},
        accepted=[("", 0), ("", 100)],
        refused=[("", 101), ("", -1), ("", 0.5), ("", "50"), ("", False), ("0", 50)],
    ),
    Sample(
        {"annotation_type": "slider", "name": "progress", "scope": "step", "min_value": -1, "max_value": 1,
         "step": 0.25, "starting_value": 0},
        accepted=[("0", -1), ("2", 0.75)],
        refused=[("", 0), ("3", 0), ("0", 0.3)],
    ),
]  # fmt: skip
