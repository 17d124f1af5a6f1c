"""One choice of a long list, for the item or for each step."""

from __future__ import annotations

from typing import ClassVar, Literal

from annotation.schemes import schemes
from annotation.schemes.base import Level, Sample
from annotation.schemes.choices import Choices


@schemes.register("select")
class Select(Choices):
    """Pick one from a list that opens: for more choices than buttons can show."""

    panel_template: ClassVar[str] = "annotation/schemes/select.html"
    step_template: ClassVar[str] = "annotation/schemes/select_step.html"
    measure: ClassVar[str] = "choice"
    level: ClassVar[Level | None] = "nominal"

    annotation_type: Literal["select"] = "select"

    @classmethod
    def max_options(cls) -> int:
        return 1000


SAMPLES = [
    Sample(
        {"annotation_type": "select", "name": "error_kind", "options": ["wrong file", "wrong fix", "no test"]},
        accepted=[("", "wrong file")],
        refused=[("", ""), ("0", "wrong file"), ("", 1)],
    ),
    Sample(
        {"annotation_type": "select", "name": "step_kind", "scope": "step",
         "options": [{"value": "look", "text": "Looks around"}, {"value": "do", "text": "Changes something"}]},
        accepted=[("0", "look"), ("2", "do")],
        refused=[("", "look"), ("3", "do"), ("1", "Looks around")],
    ),
]  # fmt: skip
