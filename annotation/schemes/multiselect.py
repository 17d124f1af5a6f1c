"""Any number of choices, for the item or for each step."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from annotation.schemes import schemes
from annotation.schemes.base import Answers, ItemContext, Key, Measure, Refused, Sample
from annotation.schemes.choices import Choices


@schemes.register("multiselect")
class Multiselect(Choices):
    """Tick what applies. An answer is the list of chosen values, in the order of the options."""

    panel_template: ClassVar[str] = "annotation/schemes/multiselect.html"
    step_template: ClassVar[str] = "annotation/schemes/multiselect_step.html"
    meaning_keys: ClassVar[tuple[str, ...]] = ("max_selections",)

    annotation_type: Literal["multiselect"] = "multiselect"
    min_selections: int = Field(
        default=1, ge=1, description="An answer has at least so many, also of an optional question"
    )
    max_selections: int | None = Field(default=None, ge=1, description="An answer has at most so many")

    @model_validator(mode="after")
    def _limits(self) -> Multiselect:
        most = len(self.options) if self.max_selections is None else self.max_selections
        if self.min_selections > min(most, len(self.options)):
            raise ValueError("min_selections: nobody could choose so many")
        return self

    @property
    def hint(self) -> str:
        """How many may be chosen; empty where that is any number."""
        least, most = self.min_selections, self.max_selections
        if most is None:
            return f"choose at least {least}" if least > 1 else ""
        if least == most:
            return f"choose {most}"
        return f"choose {least} to {most}" if least > 1 else f"choose at most {most}"

    @property
    def merge(self) -> Literal["choice", "options", "median", "first"]:
        return "options"

    def value_of(self, value: Any) -> Any:
        if not isinstance(value, list) or not value:
            raise Refused("an answer is a list of choices")
        chosen = {super(Multiselect, self).value_of(one) for one in value}
        if self.max_selections is not None and len(chosen) > self.max_selections:
            raise Refused(f"at most {self.max_selections} can be chosen")
        return [option.value for option in self.options if option.value in chosen]

    def could_say(self, value: Any) -> None:
        super().value_of(value)

    def is_given(self, value: Any) -> bool:
        return value is not None and len(value) >= self.min_selections

    def unfinished(self, value: Any) -> str:
        return self.hint if value is not None and not self.is_given(value) else ""

    def measures(self) -> list[Measure]:
        """Whether the same were chosen; then option by option, whether it was."""
        per: Literal["item", "step"] = "step" if self.scope == "step" else "item"
        names = ["selection", *(f"chose_{option.value}" for option in self.options)]
        return [Measure(name, "nominal", per=per) for name in names]

    def units(self, answers: Answers, ctx: ItemContext) -> dict[str, dict[str, Any]]:
        by_option = {
            f"chose_{option.value}": {key: option.value in chosen for key, chosen in answers.items()}
            for option in self.options
        }
        return {"selection": {key: ", ".join(chosen) for key, chosen in answers.items()}, **by_option}

    def keys(self) -> list[Key]:
        return [Key(key.key, "toggle", key.value, key.text) for key in super().keys()]  # noqa: SIM118

    def page_state(self) -> dict[str, Any]:
        limits = {"min_selections": self.min_selections, "max_selections": self.max_selections}
        return {**super().page_state(), **limits, "hint": self.hint, "many": True}


SAMPLES = [
    Sample(
        {"annotation_type": "multiselect", "name": "problems", "max_selections": 2,
         "options": ["no tests", "wrong file", "too much changed"]},
        accepted=[("", ["no tests"]), ("", ["too much changed", "no tests"])],
        refused=[("", "no tests"), ("", []), ("", ["other"]), ("", ["no tests", "wrong file", "too much changed"]),
                 ("0", ["no tests"]), ("", [["no tests"]])],
    ),
    Sample(
        {"annotation_type": "multiselect", "name": "step_problems", "scope": "step", "required": False,
         "options": ["slow", "risky", "needless"], "keyboard_shortcuts": {"slow": "7", "risky": "8"}},
        accepted=[("0", ["slow"]), ("2", ["risky", "needless"])],
        refused=[("", ["slow"]), ("3", ["slow"]), ("1", "slow")],
    ),
]  # fmt: skip
