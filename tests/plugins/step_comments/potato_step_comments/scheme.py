"""Comments on steps: the third, unlike scheme that proves the contract (scope "anchor", many answers, no agreement)."""

import re
from typing import Any, ClassVar, Literal

from annotation.schemes import schemes
from annotation.schemes.base import Answers, ItemContext, Missing, Refused, Sample, Scheme, text_of

KEY = re.compile(r"comment:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@schemes.register("step_comments")
class StepComments(Scheme):
    """Any number of comments, each on one step."""

    scope_default: ClassVar[Literal["item", "step", "anchor"]] = "anchor"
    step_template: ClassVar[str] = "potato_step_comments/step.html"
    script: ClassVar[str] = "potato_step_comments/comments.js"
    meaning_keys: ClassVar[tuple[str, ...]] = ("at_least",)

    annotation_type: Literal["step_comments"] = "step_comments"
    required: bool = False
    at_least: int = 0

    def clean(self, key: str, value: Any, ctx: ItemContext) -> Any:
        if not KEY.fullmatch(key):
            raise Refused("a comment needs an id")
        if not isinstance(value, dict) or not isinstance(value.get("step"), int):
            raise Refused("a comment needs a step")
        step = ctx.step_of(str(value["step"]))
        text = text_of(value.get("text"), "the comment").strip()
        if not text:
            raise Refused("a comment needs a text")
        return {"step": step, "text": text}

    def missing(self, answers: Answers, ctx: ItemContext) -> list[Missing]:
        short = self.at_least - len(answers)
        return [Missing(self.name, f"“{self.title}”: {short} more needed")] if short > 0 else []

    def export(self, answers: Answers, ctx: ItemContext) -> Any:
        return sorted(answers.values(), key=lambda comment: (comment["step"], comment["text"]))


UUID = "comment:123e4567-e89b-42d3-a456-426614174000"
SAMPLES = [
    Sample(
        {"annotation_type": "step_comments", "name": "remarks", "at_least": 1},
        accepted=[(UUID, {"step": 1, "text": "why?"}), (UUID, {"step": 0, "text": "<b>bold</b>"})],
        refused=[
            ("1", {"step": 1, "text": "x"}),
            (UUID, {"step": 9, "text": "x"}),
            (UUID, {"step": True, "text": "x"}),
            (UUID, {"step": 1, "text": "  "}),
            (UUID, "x"),
        ],
    )
]
