"""What questions about an item or about each of its steps share: which steps, where an answer lies, what is missing."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from annotation.schemes.base import Answers, ItemContext, Level, Measure, Missing, Refused, Scheme
from annotation.step_types import known_types
from traces.document import TEXT_TYPES, step_types

# In place of a step type: whatever the agent did with a tool.
ANY_TOOL = "any_tool"


class OfSteps(Scheme):
    """Can be asked of steps of some types only."""

    step_types: list[str] = Field(
        default_factory=list,
        description="Only steps of these types are asked about; `any_tool` is every call of a tool; none: all steps",
    )

    @field_validator("step_types")
    @classmethod
    def _are_step_types(cls, value: list[str], info: ValidationInfo) -> list[str]:
        return known_types(value, step_types() | {ANY_TOOL}, info)

    def asks(self, step_type: str) -> bool:
        if not self.step_types:
            return True
        return step_type in self.step_types or (ANY_TOOL in self.step_types and step_type not in TEXT_TYPES)

    def meaning(self) -> dict[str, Any]:
        """Answers about all steps are not compared with answers about some."""
        types = {"step_types": sorted(set(self.step_types))} if self.step_types else {}
        return {**super().meaning(), **types}

    def step_of(self, key: str, ctx: ItemContext) -> int:
        """The step a key names. Raises Refused for one that is not asked about."""
        step = ctx.step_of(key)
        if not self.asks(ctx.step_types[step]):
            raise Refused(f"step {step} is not asked about")
        return step

    def page_state(self) -> dict[str, Any]:
        return {
            **super().page_state(),
            "step_types": sorted(filter(self.asks, step_types().union(self.step_types) - {ANY_TOOL}))
            if self.step_types
            else [],
        }


class Scoped(OfSteps):
    """One plain answer for the item, or one for each step. A subclass says what a value may be."""

    waits_per_step: ClassVar[bool] = True
    # The agreement measure; without a level there is none.
    measure: ClassVar[str] = "value"
    level: ClassVar[Level | None] = None

    scope_: Literal["item", "step"] = Field(
        default="item", alias="scope", description="`item`: one answer; `step`: one for every step"
    )

    @model_validator(mode="after")
    def _types_are_of_steps(self) -> Scoped:
        if self.step_types and self.scope == "item":
            raise ValueError("step_types: only of a question with `scope: step`")
        return self

    @property
    def scope(self) -> str:
        return self.scope_

    def value_of(self, value: Any) -> Any:
        """The value as it is stored. Raises Refused."""
        raise NotImplementedError

    def is_given(self, value: Any) -> bool:
        """Whether a stored value is an answer."""
        return value is not None

    def domain(self) -> tuple[str | int, ...]:
        """Every value there is, in order; empty where they are not counted."""
        return ()

    def clean(self, key: str, value: Any, ctx: ItemContext) -> Any:
        if self.scope == "step":
            self.step_of(key, ctx)
        elif key != "":
            raise Refused("this question has one answer for the whole item")
        return self.value_of(value)

    def could_say(self, value: Any) -> None:
        self.value_of(value)

    def unfinished(self, value: Any) -> str:
        """What a stored value lacks to be an answer, in words; empty where it is one, or where there is none."""
        return ""

    def missing(self, answers: Answers, ctx: ItemContext) -> list[Missing]:
        """An optional question may be left open, but not half answered."""
        if self.scope == "item":
            return self._gaps(answers.get(""), None)
        return [gap for step in self.steps(ctx) for gap in self._gaps(answers.get(str(step)), step)]

    def _gaps(self, value: Any, step: int | None) -> list[Missing]:
        place = "" if step is None else f" at step {step}"
        if words := self.unfinished(value):
            return [Missing(self.name, f"“{self.title}”{place}: {words}", step)]
        if not self.required or self.is_given(value):
            return []
        return [Missing(self.name, f"“{self.title}” has no answer{place or ' yet'}", step)]

    def measures(self) -> list[Measure]:
        if self.level is None:
            return []
        return [Measure(self.measure, self.level, per="step" if self.scope == "step" else "item", domain=self.domain())]

    def units(self, answers: Answers, ctx: ItemContext) -> dict[str, dict[str, Any]]:
        return {self.measure: dict(answers)} if answers and self.level else {}

    def export(self, answers: Answers, ctx: ItemContext) -> Any:
        """Item scope: the value. Step scope: a list with a value or null per step."""
        if self.scope == "item":
            return answers.get("")
        return [answers.get(str(step)) for step in range(ctx.n_steps)] if answers else None
