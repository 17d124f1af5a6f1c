"""The older dialect's name of free text."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from annotation.schemes import schemes
from annotation.schemes.base import Sample
from annotation.schemes.freetext import FreeText


@schemes.register("text")
class Text(FreeText):
    """The older dialect's name of a text field."""

    annotation_type: Literal["text"] = "text"
    rows: int = Field(default=5, ge=1, le=30, description="Lines the field shows")


SAMPLES = [Sample({"annotation_type": "text", "name": "step_feedback"}, accepted=[("", "ok")], refused=[("", [])])]
