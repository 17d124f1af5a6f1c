"""What a code review can be set to: its comments, its ratings, its verdicts."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

# Verdicts that reject, and that approve, unless their option says otherwise; “Request Changes” is one, too.
REJECTING = {"request_changes", "changes_requested", "reject"}
APPROVING = {"approve", "approved"}


class InlineComments(BaseModel):
    """Comments on lines."""

    model_config = ConfigDict(frozen=True, extra="allow")

    enabled: bool = Field(default=True, description="Comments on lines of the diffs")
    categories: list[str] = Field(default_factory=list, description="What a comment may be about; none: no categories")


class FileRatings(BaseModel):
    """A rating for every changed file."""

    model_config = ConfigDict(frozen=True, extra="allow")

    enabled: bool = Field(default=True, description="A rating in the header of every changed file")
    scale: list[int] = Field(default=[1, 2, 3, 4, 5], description="The ratings, from the worst to the best")
    labels: list[str] = Field(default_factory=list, description="What each of them is called")


class VerdictOption(BaseModel):
    """One verdict."""

    model_config = ConfigDict(frozen=True, extra="allow")

    value: str = Field(min_length=1, description="What is stored")
    text: str = Field(description="What is read")
    description: str = Field(default="", description="What it means")
    rejects: bool = Field(
        default=False, description="It rejects the change; unless said, `request_changes` and `reject` do"
    )
    approves: bool = Field(
        default=False,
        description="It approves the change, which exports may take for its outcome; unless said, `approve` does",
    )

    @model_validator(mode="before")
    @classmethod
    def _usual(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("value"), str):
            word = "_".join(re.split(r"[\s_-]+", data["value"].strip().casefold()))
            rejects = data.get("rejects", word in REJECTING)
            return {"approves": word in APPROVING and not rejects, **data, "rejects": rejects}
        return data

    @model_validator(mode="after")
    def _one_of_both(self) -> VerdictOption:
        if self.rejects and self.approves:
            raise ValueError("approves: it rejects the change as well")
        return self


def _usual_verdicts() -> list[VerdictOption]:
    texts = {"approve": "Approve", "request_changes": "Request Changes", "comment": "Comment"}
    return [VerdictOption(value=value, text=text) for value, text in texts.items()]


class Verdict(BaseModel):
    """The judgement of the whole change."""

    model_config = ConfigDict(frozen=True, extra="allow")

    enabled: bool = Field(default=True, description="One verdict about the whole change")
    options: list[VerdictOption] = Field(
        default_factory=_usual_verdicts, description="The verdicts: texts, or the keys below"
    )

    @field_validator("options", mode="before")
    @classmethod
    def _plain_options(cls, value: Any) -> Any:
        if isinstance(value, list):
            return [{"value": item, "text": item} if isinstance(item, str) else item for item in value]
        return value
