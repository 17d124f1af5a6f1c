"""The sections of a project's configuration, as the commissioned documents name them. Documented in
docs/configuration.md; a test compares the two.

``extra="allow"`` keeps unknown keys while a file is read, so that each becomes a named warning; they are never stored.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from annotation.step_types import known_types
from potato_site.home import DEFAULT_OUTPUT
from traces.document import step_types

# A completion code as platforms make them, or none.
CODE = r"^[A-Za-z0-9_-]{0,64}$"


class Section(BaseModel):
    """A mapping of the file: frozen, with unknown keys kept for the loader's warnings."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Data(Section):
    """Where the traces come from."""

    source: Literal["local"] = Field(default="local", description="`local`: files of this machine. Others come later")
    # Empty where traces are uploaded; a file that is loaded names some (annotation.projects.reading).
    input_path: list[str] = Field(
        default_factory=list,
        description="A file of any format that `convert-traces` reads (docs/converters.md), JSON records, a folder or "
        "an archive of them, or a list of those",
    )
    data_format: Literal["coding_trace"] = Field(
        default="coding_trace", description="`coding_trace`: trace documents, or plain records. Others come later"
    )
    # Keys of a record that stand for ``id`` and ``issue_description`` where the record lacks those.
    id_key: str = Field(default="id", min_length=1, description="Key of a record that is its id, where it has no `id`")
    text_key: str | None = Field(
        default=None, description="Key of a record that is its text, where it has no `issue_description`"
    )

    @field_validator("input_path", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("input_path")
    @classmethod
    def _no_empty_path(cls, value: list[str]) -> list[str]:
        if any(not path.strip() or "\x00" in path for path in value):
            raise ValueError("a path is empty")
        return value


class FileTree(Section):
    """The sidebar of touched files."""

    enabled: bool = Field(default=True, description="The sidebar of touched files, a tree of folders")
    position: Literal["left", "right"] = Field(default="left", description="`left` or `right`")
    show_change_icons: bool = Field(default=True, description="Mark files as created, modified, read or deleted")
    group_by: Literal["directory", "chronological"] = Field(
        default="directory",
        description="`directory`, a tree of folders, or `chronological`, a flat list by first appearance",
    )


class Collapsible(Section):
    """What starts folded."""

    auto_collapse_thinking: bool = Field(default=True, description="Reasoning starts folded")
    auto_collapse_long_output: bool = Field(
        default=True, description="Long output and long system prompts start folded"
    )
    long_output_threshold: int = Field(
        default=50, ge=1, description="What is long, in lines", json_schema_extra={"unit": "lines"}
    )
    default_expanded_types: list[str] = Field(
        default_factory=list, description="Step types that start open, whatever the rules above say"
    )

    @field_validator("default_expanded_types")
    @classmethod
    def _are_step_types(cls, value: list[str], info: ValidationInfo) -> list[str]:
        return known_types(value, step_types(), info)


class Display(Section):
    """How a trace looks."""

    diff_style: Literal["unified", "split"] = Field(
        default="unified", description="`unified`, or `split` for old and new side by side"
    )
    context_lines: int = Field(
        default=3,
        ge=0,
        le=1000,
        description="Unchanged lines shown around a change; the rest is folded",
        json_schema_extra={"unit": "lines"},
    )
    syntax_highlighting: bool = Field(default=True, description="Colours by language")
    collapse_large_diffs: bool = Field(default=True, description="Long diffs start folded")
    large_diff_threshold: int = Field(
        default=100, ge=0, description="What is long, in lines", json_schema_extra={"unit": "lines"}
    )
    terminal_theme: Literal["dark", "light"] = Field(default="dark", description="`dark` or `light` terminals")
    max_terminal_height: int = Field(
        default=400, ge=50, le=10_000, description="Pixels; longer output scrolls", json_schema_extra={"unit": "pixels"}
    )
    show_exit_codes: bool = Field(default=True, description="Show how a command ended")
    show_working_directory: bool = Field(default=True, description="Show where a command ran")
    ansi_colors: bool = Field(default=True, description="Colours of terminal output")
    file_tree: FileTree = FileTree()
    collapsible: Collapsible = Collapsible()


class CodingAgent(Section):
    display: Display = Display()


class Pairs(Section):
    """Which attempts at one issue are compared, where a scheme compares (``pairwise``)."""

    strategy: Literal["all", "sampled", "best_against_rest"] = Field(
        default="all",
        description="`all` pairs of an issue, `sampled`: at most `per_issue` of them, or `best_against_rest`: the "
        "attempt with the best process rewards against each other one",
    )
    per_issue: int = Field(default=10, ge=1, le=1000, description="`sampled`: at most this many pairs of an issue")


class Output(Section):
    """What people share. Formats beyond JSON are made by exports."""

    path: str = Field(
        default=DEFAULT_OUTPUT,
        min_length=1,
        description="Folder of `<annotator>/annotations.jsonl` (of pairs: `comparisons.jsonl`) and exports. One "
        "project per folder; `.potato/` in it is private",
    )
    format: Literal["jsonl", "json"] = Field(
        default="jsonl",
        description="Form of those files: `jsonl` (JSON Lines), or `json`: the same as one array, in "
        "`annotations.json` and `comparisons.json`",
    )
    export_formats: list[str] = Field(
        default_factory=list,
        description="Formats kept current in `exports/` of the output folder, written anew when labels have changed",
        json_schema_extra={"plugins": "potato_site.export_formats"},
    )


class Screening(Section):
    """Who labels only after items whose answer is known; see docs/projects.md."""

    enabled: bool = Field(
        default=False, description="Who begins is screened first by items with a known answer, and labels only then"
    )
    items: int = Field(
        default=20, ge=1, le=100, description="How many such items one try takes", json_schema_extra={"unit": "items"}
    )
    pass_percentage: float = Field(
        default=80.0,
        ge=1,
        le=100,
        description="Passed with so much of them right: of 20 items, 80 are 16. A near miss counts in part",
        json_schema_extra={"unit": "% of the items"},
    )
    retries: int = Field(
        default=1,
        ge=0,
        le=10,
        description="How often who fails may try again, with other items, as far as there are enough; not who came "
        "from a platform",
        json_schema_extra={"unit": "times"},
    )
    retry_after_hours: float = Field(
        default=24.0, ge=0, le=8760, description="How long they wait before that", json_schema_extra={"unit": "hours"}
    )

    @property
    def needed(self) -> int:
        """The points that pass: one for each item that is right."""
        return ceil(Fraction(str(self.pass_percentage)) * self.items / 100)


class QualityControl(Section):
    """How labels are checked against each other."""

    inter_annotator_agreement: bool = Field(
        default=True, description="`false`: nothing overlaps, whatever the next key says"
    )
    overlap_percentage: float = Field(
        default=0.0,
        ge=0,
        le=100,
        description="Share of the items that several people label, 0 to 100",
        json_schema_extra={"unit": "% of the items"},
    )
    overlap_depth: int = Field(
        default=2,
        ge=2,
        le=20,
        description="How many people label an overlapping item",
        json_schema_extra={"unit": "people"},
    )
    tie_breakers: int = Field(
        default=0,
        ge=0,
        le=18,
        description="Where their answers are tied, up to so many more people are asked, one after another, until most "
        "say the same",
        json_schema_extra={"unit": "people"},
    )
    minimum_time_per_instance: float = Field(
        default=0.0,
        ge=0,
        le=86_400,
        description="Seconds of active reading before an item may be submitted",
        json_schema_extra={"unit": "seconds"},
    )
    known_answers_percentage: float = Field(
        default=8.0,
        ge=0,
        le=50,
        description="Share of each person's items whose answer is known, as far as there are such; `0`: none is "
        "handed out to check them",
        json_schema_extra={"unit": "% of each person's items"},
    )
    screening: Screening = Screening()

    @property
    def overlap_share(self) -> Fraction:
        """The share of items that several people label, exactly (14.3 % is 143/1000). None without agreement."""
        return Fraction(str(self.overlap_percentage)) / 100 if self.inter_annotator_agreement else Fraction(0)

    def places(self, in_overlap: bool) -> int:
        """How many people label an item, without those who are asked where it is tied."""
        return self.overlap_depth if in_overlap else 1


class Recruitment(Section):
    """People whom a crowd platform sends and pays; see docs/recruitment.md."""

    platform: Literal["none", "prolific", "mturk", "mturk_sandbox"] = Field(
        default="none",
        description="Who sends people: `prolific`, `mturk` or, to try it, `mturk_sandbox`; `none`: nobody is let in "
        "this way. The People page shows the address to give to the platform",
    )
    completion_code: str = Field(
        default="",
        pattern=CODE,
        description="The code people get when their share is done. Prolific makes one for each study; on Mechanical "
        "Turk leave it empty, and everybody gets a code of their own",
    )
    return_code: str = Field(
        default="",
        pattern=CODE,
        description="The code for who does not agree, or comes when there is nothing to label, where the platform has "
        "one for that",
    )
    screened_out_code: str = Field(
        default="",
        pattern=CODE,
        description="The code for who does not pass the screening (`quality_control.screening`), where the platform "
        "has one for that",
    )
    items_per_visit: int | None = Field(
        default=None,
        ge=1,
        description="A person's share: the code is shown when so many items are submitted. Without it the share is "
        "`instances_per_annotator`, and without that all there is",
        json_schema_extra={"unit": "items"},
    )
    consent: str = Field(
        default="",
        max_length=100_000,
        description="What people read and agree to before they begin, in Markdown",
    )

    @model_validator(mode="after")
    def _prolific_has_a_code(self) -> Recruitment:
        if self.platform == "prolific" and not self.completion_code:
            raise ValueError("prolific needs a completion_code: the one that Prolific shows for the study")
        return self


class HandOut(Section):
    order: Literal["in_order", "random", "fewest_first"] = Field(
        default="in_order", description="`in_order` of the files, `random`, or `fewest_first` labels"
    )
