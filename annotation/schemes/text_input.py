"""Free text about the item, or about each step."""

from __future__ import annotations

from typing import Literal

from annotation.schemes import schemes
from annotation.schemes.base import MAX_TEXT, Sample
from annotation.schemes.freetext import FreeText


@schemes.register("text_input")
class TextInput(FreeText):
    """A text field."""

    annotation_type: Literal["text_input"] = "text_input"


SAMPLES = [
    Sample(
        {"annotation_type": "text_input", "name": "notes", "required": True},
        accepted=[("", "fine"), ("", "<script>alert(1)</script>"), ("", "‏עברית")],
        refused=[("0", "x"), ("", 5), ("", "x" * (MAX_TEXT + 1))],
    ),
    Sample(
        {"annotation_type": "text_input", "name": "remark", "scope": "step", "max_length": 20},
        accepted=[("0", "why?"), ("2", "<b>bold</b>")],
        refused=[("", "x"), ("3", "x"), ("0", "x" * 21)],
    ),
]
