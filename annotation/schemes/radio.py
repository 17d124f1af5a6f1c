"""One choice of several, for the item or for each step."""

from __future__ import annotations

from typing import ClassVar, Literal

from annotation.schemes import schemes
from annotation.schemes.base import Level, Sample
from annotation.schemes.choices import Choices


@schemes.register("radio")
class Radio(Choices):
    """Pick one. ``options`` (new dialect) or ``labels`` with ``keyboard_shortcuts`` (older one)."""

    panel_template: ClassVar[str] = "annotation/schemes/radio.html"
    step_template: ClassVar[str] = "annotation/schemes/radio_step.html"
    measure: ClassVar[str] = "choice"
    level: ClassVar[Level | None] = "nominal"

    annotation_type: Literal["radio"] = "radio"


SAMPLES = [
    Sample(
        {"annotation_type": "radio", "name": "outcome",
         "options": [{"value": "resolved", "text": "Fully Resolved"},
                     {"value": "not_resolved", "text": "Not Resolved"}]},
        accepted=[("", "resolved")],
        refused=[("", "maybe"), ("0", "resolved"), ("", ["resolved"])],
    ),
    Sample(
        {"annotation_type": "radio", "name": "useful", "scope": "step", "labels": ["yes", "no"]},
        accepted=[("0", "yes"), ("2", "no")],
        refused=[("", "yes"), ("3", "yes"), ("0", "maybe")],
    ),
    Sample(
        {"annotation_type": "radio", "name": "right_tool", "scope": "step", "step_types": ["any_tool"],
         "options": ["yes", "no"]},
        accepted=[("1", "yes"), ("2", "no")],
        refused=[("0", "yes")],
    ),
]  # fmt: skip
