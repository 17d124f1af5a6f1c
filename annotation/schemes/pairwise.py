"""Two attempts at one issue compared: which is better, by how much, in what, and why.

``a`` and ``b`` are the item's first and second trace wherever they stood on the page: the side a person saw a trace on
is random, and recorded with the assignment.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from annotation.schemes import schemes
from annotation.schemes.base import (
    NAME,
    Answers,
    ItemContext,
    Key,
    Measure,
    Missing,
    PairLook,
    Refused,
    Sample,
    Scheme,
    Told,
    text_of,
)
from potato_site.titles import title_of

CHOICE, REASON, DIMENSION = "choice", "reason", "dimension:"
A, B, TIE = "a", "b", "tie"
MAX_GRADES = 8
GRADE_KEYS = "qweruyip"  # from the weakest grade up; letters that the page does not use


class Dimension(BaseModel):
    """One respect in which the two are compared."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str = Field(pattern=NAME, description="Its name in files")
    text: str = Field(default="", description="What is read; without one, the name in words")
    description: str = Field(default="", description="What it means")

    @property
    def title(self) -> str:
        return self.text or title_of(self.name)


class ComparisonKeys(BaseModel):
    """The keys of a comparison; an empty one is none."""

    model_config = ConfigDict(frozen=True, extra="allow")

    left: str = Field(default="1", max_length=20, description="The left one is better")
    right: str = Field(default="2", max_length=20, description="The right one is better")
    tie: str = Field(default="0", max_length=20, description="Neither is better")


@schemes.register("pairwise")
class Pairwise(Scheme):
    """Compare two attempts at one issue: a choice, how strong it is, dimensions, a reason."""

    unit: ClassVar[Literal["trace", "pair"]] = "pair"
    panel_template: ClassVar[str] = "annotation/schemes/pairwise.html"
    script: ClassVar[str] = "annotation/schemes/pairwise.js"
    meaning_keys: ClassVar[tuple[str, ...]] = ("allow_tie",)

    annotation_type: Literal["pairwise"] = "pairwise"
    left_label: str = Field(default="Left is better", min_length=1, description="What choosing the left is called")
    right_label: str = Field(default="Right is better", min_length=1, description="What choosing the right is called")
    allow_tie: bool = Field(default=True, description="Offer that neither is better")
    tie_label: str = Field(default="About the same", min_length=1, description="What that is called")
    strength: list[str] = Field(
        default_factory=list,
        max_length=MAX_GRADES,
        description="How much better, from the weakest grade to the strongest, say `[slightly, clearly, much]`. "
        "Empty: not asked",
    )
    dimensions: list[Dimension] = Field(
        default_factory=list, max_length=20, description="Respects compared one by one: names, or the keys below"
    )
    reason: Literal["none", "optional", "required"] = Field(
        default="optional", description="Whether a reason is asked for: `none`, `optional` or `required`"
    )
    layout: Literal["side_by_side", "tabs"] = Field(
        default="side_by_side", description="How the two are shown at first; a person can switch"
    )
    sync_scroll: bool = Field(default=True, description="The two scroll together at first; a person can switch")
    shortcuts: ComparisonKeys = ComparisonKeys()

    @field_validator("dimensions", mode="before")
    @classmethod
    def _plain_names(cls, value: Any) -> Any:
        return (
            [{"name": item} if isinstance(item, str) else item for item in value] if isinstance(value, list) else value
        )

    @model_validator(mode="after")
    def _check(self) -> Pairwise:
        names = [dimension.name for dimension in self.dimensions]
        if len(names) != len(set(names)):
            raise ValueError("dimensions: two have the same name")
        if len(self.strength) != len(set(self.strength)):
            raise ValueError("strength: two grades have the same name")
        return self

    def meaning(self) -> dict[str, Any]:
        names = [dimension.name for dimension in self.dimensions]
        return {**super().meaning(), "grades": len(self.strength), "dimensions": names}

    @property
    def sides(self) -> tuple[str, ...]:
        return (A, B, TIE) if self.allow_tie else (A, B)

    # --- answers -----------------------------------------------------------------------------------------
    def clean(self, key: str, value: Any, ctx: ItemContext) -> Any:
        if key == CHOICE:
            return self._choice(value)
        if key == REASON and self.reason != "none":
            return text_of(value, "the reason")
        if key.removeprefix(DIMENSION) in {dimension.name for dimension in self.dimensions} and key.startswith(
            DIMENSION
        ):
            return self._side(value)
        raise Refused(f"a comparison has no part {key[:40]!r}")

    def _choice(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or not set(value) <= {"side", "strength"}:
            raise Refused("a choice is a side, and how strong it is")
        side, grade = self._side(value.get("side")), value.get("strength")
        if grade is None:
            return {"side": side}
        if type(grade) is not int or not 1 <= grade <= len(self.strength) or side == TIE:
            raise Refused("there is no such strength")
        return {"side": side, "strength": grade}

    def _side(self, value: Any) -> str:
        if value not in self.sides:
            raise Refused(f"there is no side {str(value)[:40]!r}")
        return value

    def missing(self, answers: Answers, ctx: ItemContext) -> list[Missing]:
        if not self.required:
            return []
        gaps = []
        choice = answers.get(CHOICE)
        if choice is None:
            gaps.append(f"“{self.title}”: say which is better")
        elif self.strength and choice["side"] != TIE and "strength" not in choice:
            gaps.append(f"“{self.title}”: say how much better")
        gaps += [f"“{one.title}” has no answer yet" for one in self.dimensions if DIMENSION + one.name not in answers]
        if self.reason == "required" and not str(answers.get(REASON, "")).strip():
            gaps.append(f"“{self.title}”: give a reason")
        return [Missing(self.name, gap) for gap in gaps]

    def said(self, answers: Answers, ctx: ItemContext) -> dict[str, list[Any]]:
        """The side chosen, and those of the dimensions."""
        sides = {key: value["side"] if key == CHOICE else value for key, value in answers.items() if key != REASON}
        return {key: [side] for key, side in sides.items()}

    def could_say(self, value: Any) -> None:
        self._side(value)

    # --- agreement and export ------------------------------------------------------------------------------
    def measures(self) -> list[Measure]:
        names = [CHOICE, *(DIMENSION + dimension.name for dimension in self.dimensions)]
        return [Measure(name, "nominal", domain=self.sides) for name in names]

    def units(self, answers: Answers, ctx: ItemContext) -> dict[str, dict[str, Any]]:
        return {key: {"": sides[0]} for key, sides in self.said(answers, ctx).items()}

    def export(self, answers: Answers, ctx: ItemContext) -> Any:
        """``{side, strength, grades, dimensions, reason}``; strength is 1 to grades, null where it is not asked."""
        if not answers:
            return None
        choice = answers.get(CHOICE) or {}
        named = {one.name: answers.get(DIMENSION + one.name) for one in self.dimensions}
        return {
            "side": choice.get("side"),
            "strength": choice.get("strength"),
            "grades": len(self.strength),
            "dimensions": named,
            "reason": answers.get(REASON) or None,
        }

    def told(self, answers: Answers, ctx: ItemContext) -> list[Told]:
        """Sides as they stand on a page that shows the first trace on the left."""
        places = {A: self.left_label, B: self.right_label, TIE: self.tie_label}
        titles = {DIMENSION + one.name: one.title for one in self.dimensions}
        found = []
        for key, value in answers.items():
            if key == REASON:
                found.append(Told(value, part="Reason"))
                continue
            side = value["side"] if key == CHOICE else value
            grade = value.get("strength") if key == CHOICE else None
            detail = self.strength[grade - 1] if grade and grade <= len(self.strength) else ""
            found.append(Told(places[side], part=titles.get(key, ""), compare=side, detail=detail))
        return found

    # --- the page ------------------------------------------------------------------------------------------
    def keys(self) -> list[Key]:
        keys = self.shortcuts
        found = [Key(keys.left, "choose", "left", self.left_label)]
        found.append(Key(keys.right, "choose", "right", self.right_label))
        found += [Key(keys.tie, "choose", TIE, self.tie_label)] if self.allow_tie else []
        grades = enumerate(zip(GRADE_KEYS, self.strength, strict=False), 1)
        return found + [Key(key, "strength", str(number), text) for number, (key, text) in grades]

    def pair_look(self) -> PairLook:
        return PairLook(self.layout, self.sync_scroll)

    def page_state(self) -> dict[str, Any]:
        keys = {"left": self.shortcuts.left, "right": self.shortcuts.right, TIE: self.shortcuts.tie}
        choices = [{"value": "left", "text": self.left_label, "key": keys["left"]}]
        choices += [{"value": TIE, "text": self.tie_label, "key": keys[TIE]}] if self.allow_tie else []
        choices.append({"value": "right", "text": self.right_label, "key": keys["right"]})
        grade_keys = {key.value: key.key for key in self.keys() if key.action == "strength"}
        return {
            **super().page_state(),
            "choices": choices,
            "grades": [
                {"number": number, "text": text, "key": grade_keys.get(str(number), "")}
                for number, text in enumerate(self.strength, 1)
            ],
            "dimensions": [
                {"name": one.name, "title": one.title, "description": one.description} for one in self.dimensions
            ],
            "reason": self.reason,
        }


SAMPLES = [
    Sample(
        {"annotation_type": "pairwise", "name": "preference", "strength": ["slightly", "clearly"],
         "dimensions": ["correctness"], "reason": "required"},
        accepted=[("choice", {"side": "a"}), ("choice", {"side": "b", "strength": 2}), ("choice", {"side": "tie"}),
                  ("dimension:correctness", "tie"), ("reason", "it passes")],
        refused=[("choice", "a"), ("choice", {"side": "left"}), ("choice", {"side": "a", "strength": 3}),
                 ("choice", {"side": "tie", "strength": 1}), ("dimension:style", "a"), ("", "a"), ("reason", 7)],
    ),
    Sample(
        {"annotation_type": "pairwise", "name": "which", "allow_tie": False, "reason": "none"},
        accepted=[("choice", {"side": "b"})],
        refused=[("choice", {"side": "tie"}), ("reason", "because")],
    ),
]  # fmt: skip
