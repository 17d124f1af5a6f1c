"""What the questions that are answered in words share."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from annotation.schemes.base import MAX_TEXT, text_of
from annotation.schemes.scoped import Scoped


class FreeText(Scoped):
    """Words about the item, or about each step. White space alone is no answer."""

    panel_template: ClassVar[str] = "annotation/schemes/text_input.html"
    step_template: ClassVar[str] = "annotation/schemes/text_input_step.html"

    required: bool = False
    placeholder: str = Field(default="", max_length=500, description="Shown in the empty field")
    rows: int = Field(default=3, ge=1, le=30, description="Lines the field shows")
    max_length: int = Field(default=MAX_TEXT, ge=1, le=MAX_TEXT, description="Characters it takes")

    def value_of(self, value: Any) -> Any:
        return text_of(value, "the text", limit=self.max_length)

    def is_given(self, value: Any) -> bool:
        return isinstance(value, str) and bool(value.strip())
