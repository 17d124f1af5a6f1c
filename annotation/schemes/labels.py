"""The labels of steps, and the keys between steps, as a configuration says them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from annotation.schemes.base import COLOR

DEFAULT_REWARDS = {"correct": 1.0, "partially_correct": 0.5, "neutral": 0.5, "incorrect": 0.0}
DEFAULT_COLORS = {
    "correct": "#22c55e",
    "partially_correct": "#eab308",
    "incorrect": "#ef4444",
    "neutral": "#94a3b8",
}


class Label(BaseModel):
    """One label of the set: what it is called, what it means, its key, colour and reward."""

    model_config = ConfigDict(frozen=True, extra="allow")

    text: str = Field(description="What the button says")
    description: str = Field(default="", description="What the label means")
    keyboard_shortcut: str | None = Field(
        default=None, max_length=1, description="Its key; without one, the digit of its place"
    )
    color: str | None = Field(
        default=None,
        pattern=COLOR,
        description="`#rrggbb`; the four usual labels have colours of their own",
    )
    reward: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="0 to 1; needed unless the label is `correct`, `partially_correct`, `neutral` or `incorrect`",
    )


class StepNavigation(BaseModel):
    """Keys for moving between steps."""

    model_config = ConfigDict(frozen=True, extra="allow")

    next_step: str = Field(default="j", max_length=1, description="Key to the next step")
    previous_step: str = Field(default="k", max_length=1, description="Key to the step before")
    next_unlabeled: str = Field(default="n", max_length=1, description="Key to the next step without a label")
