"""What questions with a list of choices share."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from annotation.schemes.base import Key, Meaning, Refused
from annotation.schemes.scoped import Scoped

MAX_OPTIONS = 50


class Option(BaseModel):
    """One choice: the value that is stored and the text that is read."""

    model_config = ConfigDict(frozen=True, extra="allow")

    value: str = Field(description="What is stored")
    text: str = Field(description="What is read")
    description: str = Field(default="", description="What it means")


class Choices(Scoped):
    """``options`` (new dialect) or ``labels`` with ``keyboard_shortcuts`` (older one)."""

    options: list[Option] = Field(
        default_factory=list, alias="options", description="The choices: texts, or the keys below"
    )
    keyboard_shortcuts: dict[str, str] = Field(default_factory=dict, description="Value → key")

    @model_validator(mode="before")
    @classmethod
    def _labels_are_options(cls, data: Any) -> Any:
        if isinstance(data, dict) and "labels" in data and "options" not in data:
            data = {**data, "options": data["labels"]}
            del data["labels"]
        return data

    @field_validator("options", mode="before")
    @classmethod
    def _plain_options(cls, value: Any) -> Any:
        if isinstance(value, list):
            return [
                {"value": str(item), "text": str(item)} if isinstance(item, (str, int, float)) else item
                for item in value
            ]
        return value

    @model_validator(mode="after")
    def _check(self) -> Choices:
        values = [option.value for option in self.options]
        if len(values) < 2:
            raise ValueError("options: at least two are needed")
        if len(values) > self.max_options():
            raise ValueError(f"options: at most {self.max_options()}; more are found in a `select`")
        if len(values) != len(set(values)):
            raise ValueError("options: two have the same value")
        unknown = [value for value in self.keyboard_shortcuts if value not in values]
        if unknown:
            raise ValueError(f"keyboard_shortcuts: no option is called {unknown[0]!r}")
        return self

    @classmethod
    def max_options(cls) -> int:
        return MAX_OPTIONS

    @property
    def choices(self) -> list[dict[str, str]]:
        """What the templates loop over: value, text, description, key."""
        return [{**option.model_dump(include={"value", "text", "description"}),
                 "key": self.keyboard_shortcuts.get(option.value, "")} for option in self.options]  # fmt: skip

    def meanings(self) -> list[Meaning]:
        return [Meaning(option.value, option.text, option.description) for option in self.options]

    def meaning(self) -> dict[str, Any]:
        return {**super().meaning(), "values": [option.value for option in self.options]}

    def domain(self) -> tuple[str | int, ...]:
        return tuple(option.value for option in self.options)

    def value_of(self, value: Any) -> Any:
        if not isinstance(value, str) or value not in self.domain():
            raise Refused(f"there is no choice {str(value)[:40]!r}")
        return value

    def keys(self) -> list[Key]:
        texts = {option.value: option.text for option in self.options}
        return [Key(key, "choose", value, texts[value]) for value, key in self.keyboard_shortcuts.items()]

    def page_state(self) -> dict[str, Any]:
        return {**super().page_state(), "choices": self.choices}
