"""What changes the bytes of an export: one typed model that the command, the API and the admin's form are made from.

Every default is the recommended one. A manifest states them all, given or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

# An export of more chosen traces than this is an export of all.
MOST_TRACES = 10_000
MOST_NAMES = 1_000

Name = Annotated[str, Field(min_length=1, max_length=255)]
Share = Annotated[float, Field(ge=0, le=1)]


BASES: dict[Any, Literal["flag", "whole", "number", "text", "time"]] = {
    bool: "flag", int: "whole", float: "number", str: "text", datetime: "time",
}  # fmt: skip


class WrongOptions(ValueError):
    """``problems`` are (option, sentence)."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{name}: {message}" for name, message in problems))
        self.problems = problems


class Options(BaseModel):
    """The fields are the options' names everywhere; their descriptions are what people read."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    scheme: Name | None = Field(
        default=None, title="Step labels from", description="A process_reward question; the first by default."
    )
    outcome_scheme: Name | None = Field(
        default=None,
        title="Outcome from",
        description="The choice that says whether the run resolved its issue; by default the first with an option "
        "“Fully Resolved”. Of a code review that is named its verdict says it: one that approves resolves.",
    )
    # --- several annotators ------------------------------------------------------------------------------
    aggregation: Literal["adjudicated_or_majority", "majority", "per_annotator"] = Field(
        default="adjudicated_or_majority",
        title="Several annotators",
        description="A reviewer's final answer where there is one, else the majority; the majority alone; or a row for "
        "every annotator.",
    )
    ties: Literal["earliest", "latest", "drop"] = Field(
        default="earliest",
        title="Ties",
        description="A tied label becomes the earliest first error (the lower reward), the latest, or its trace is "
        "left out. What stays is marked needs_adjudication.",
    )
    soft_labels: bool = Field(
        default=False,
        title="Soft labels",
        description="Add p_correct: the share of annotators who call a step correct. Hard labels stay.",
    )
    # --- what a label teaches ----------------------------------------------------------------------------
    reward_values: dict[Name, Share] = Field(
        default_factory=dict,
        title="Reward values",
        description="Another reward (0 to 1) for a label, where the configuration's does not suit.",
    )
    post_error: Literal["keep", "mask", "truncate"] = Field(
        default="keep",
        title="After the first error",
        description="Steps behind the first error keep their labels, are masked, or are left out.",
    )
    neutral: Literal["positive", "mask", "negative"] = Field(
        default="positive",
        title="Neutral steps",
        description="A neutral step counts as correct, is masked, or counts as wrong, where labels are hard.",
    )
    suggested: Literal["keep", "drop"] = Field(
        default="keep",
        title="Accepted suggestions",
        description="Answers with labels that a model suggested and the annotator accepted are kept, or left out. "
        "(What nobody accepted is no answer.)",
    )
    content: Literal["full", "truncated"] = Field(
        default="full", title="Step content", description="Steps as they are, or cut at content_limit."
    )
    content_limit: int = Field(
        default=4000,
        ge=100,
        le=1_000_000,
        title="Characters per step",
        description="Where content is truncated: at most this many characters of a step, its middle left out.",
    )
    prompt_limit: int | None = Field(
        default=None,
        ge=100,
        le=10_000_000,
        title="Characters per prompt",
        description="Where a prompt holds the steps before: at most this many characters of it, the task and the "
        "latest steps. Without, it holds all of them.",
    )
    # --- what goes in ------------------------------------------------------------------------------------
    include_surplus: bool = Field(
        default=False,
        title="Include surplus labels",
        description="Also labels made when an item already had as many as it needed.",
    )
    submitted_since: datetime | None = Field(
        default=None, title="Submitted since", description="Only answers submitted at this time or later."
    )
    exclude_flags: tuple[Literal["surplus", "too_fast", "unread"], ...] = Field(
        default=(), title="Leave out answers flagged", description="Answers with one of these flags are left out."
    )
    exclude_annotators: tuple[Name, ...] = Field(
        default=(),
        max_length=MOST_NAMES,
        title="Leave out people",
        description="Answers of these people are left out, besides those of people a manager excluded.",
    )
    min_agreement: Share | None = Field(
        default=None,
        title="Least agreement",
        description="Leave out traces whose annotators agree less (0 to 1). One annotator alone passes.",
    )
    outcome: tuple[Name, ...] = Field(
        default=(), max_length=100, title="Outcomes", description="Only traces with one of these outcomes."
    )
    dedupe: bool = Field(
        default=True,
        title="Remove duplicates",
        description="Of traces with the same task and the same steps only the first is kept. Formats of what people "
        "said (annotations, csv, code_review, swe_bench) hold all of them.",
    )
    traces: tuple[Name, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=MOST_TRACES,
        title="Only these traces",
        description="Ids of the traces it shall hold; all of them by default.",
    )
    since_seq: int | None = Field(
        default=None,
        ge=0,
        title="Changed since",
        description="Only what changed since this change counter (the seq of an earlier export). A file beside the "
        "others names the traces of which earlier rows are replaced or gone.",
    )
    # --- splits ------------------------------------------------------------------------------------------
    validation: Share = Field(default=0.0, title="Validation share", description="Share of the groups (0 to 1).")
    test: Share = Field(default=0.0, title="Test share", description="Share of the groups (0 to 1).")
    split_by: Literal["repo", "issue"] = Field(
        default="repo",
        title="Split by",
        description="All traces of a repository, or of an issue, are in one split. Without a repository: the issue.",
    )
    split_seed: str = Field(
        default="potato", max_length=100, title="Seed of the splits", description="Another seed, other splits."
    )
    hold_out_benchmarks: bool = Field(
        default=False,
        title="Hold out SWE-bench",
        description="Everything of SWE-bench's twelve repositories goes into the test split.",
    )
    # --- pairs -------------------------------------------------------------------------------------------
    pair_by: Literal["issue_id"] = Field(
        default="issue_id",
        title="Pairs by",
        description="What makes two traces a pair: issue_id, else instance_id, else the same task text.",
    )
    pair_source: Literal["all", "prm", "pairwise"] = Field(
        default="all",
        title="Pairs from",
        description="Comparisons that people made and process rewards, or one of them.",
    )
    pairs_per_issue: int = Field(
        default=10, ge=1, le=10_000, title="Pairs per issue", description="At most this many, the clearest first."
    )
    min_margin: Share = Field(
        default=0.1, title="Least margin", description="Pairs of process rewards that differ less are left out."
    )
    # --- the file ----------------------------------------------------------------------------------------
    compress: Literal["none", "gzip", "zstd"] = Field(
        default="none", title="Compression", description="Of the data files; their names get .gz or .zst."
    )

    @field_validator("submitted_since")
    @classmethod
    def _with_zone(cls, value: datetime | None) -> datetime | None:
        """A time without a zone is UTC."""
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value

    @field_validator("traces", "exclude_annotators", "exclude_flags", "outcome")
    @classmethod
    def _in_one_order(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Sorted and once each, so that the same choice is the same export."""
        return None if value is None else tuple(sorted(set(value)))

    @model_validator(mode="after")
    def _room_for_training(self) -> Options:
        if self.validation + self.test >= 1:
            raise ValueError("validation and test leave nothing to train on")
        return self

    @property
    def has_splits(self) -> bool:
        return bool(self.validation or self.test or self.hold_out_benchmarks)

    @property
    def masks(self) -> bool:
        """Whether these options alone can leave a step without a hard label."""
        return "mask" in (self.post_error, self.neutral)


@dataclass(frozen=True)
class Kind:
    """What an option holds, for whoever asks for it: the command, the API, a form. ``choices`` of a choice."""

    base: Literal["choice", "flag", "whole", "number", "text", "time"]
    shape: Literal["one", "list", "map"]
    choices: tuple[str, ...]
    is_nullable: bool


def kind_of(name: str) -> Kind:
    given = Options.model_fields[name].annotation
    inner = [kind for kind in get_args(given) if kind is not NoneType]
    is_nullable = NoneType in get_args(given)
    kind = _plain(inner[0] if is_nullable else given)
    shape: Literal["one", "list", "map"] = "one"
    if get_origin(kind) is tuple:
        shape, kind = "list", _plain(get_args(kind)[0])
    elif get_origin(kind) is dict:
        shape, kind = "map", _plain(get_args(kind)[1])
    if get_origin(kind) is Literal:
        return Kind("choice", shape, get_args(kind), is_nullable)
    return Kind(BASES[kind], shape, (), is_nullable)


def _plain(kind: Any) -> Any:
    """Without the limits it is annotated with: the model checks those."""
    return get_args(kind)[0] if hasattr(kind, "__metadata__") else kind


def options_of(given: Mapping[str, Any]) -> Options:
    """Options from JSON values, as a job's parameters or an API call hold them. Raises WrongOptions."""
    try:
        return Options.model_validate(_as_python(given))
    except ValidationError as error:
        raise WrongOptions(list(_problems(error))) from error


def require_past(options: Options, seq: int) -> None:
    """``seq``: the project's change counter. Raises WrongOptions: nothing can have changed since a later one."""
    if options.since_seq is not None and options.since_seq > seq:
        raise WrongOptions([("since_seq", f"the project's change counter is at {seq:,}")])


def as_json(options: Options) -> dict[str, Any]:
    """Every option, defaults included, as JSON values."""
    return options.model_dump(mode="json")


def changed(given: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Of options as JSON values those that are not the recommended ones, for people."""
    usual = as_json(Options())
    return [(name, _told(value)) for name, value in given.items() if value != usual.get(name)]


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={inner:g}" for name, inner in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _as_python(given: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no tuples, times or difference between 1 and 1.0; nothing else is read leniently."""
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    since = values.get("submitted_since")
    if isinstance(since, str):
        try:
            values["submitted_since"] = datetime.fromisoformat(since)
        except ValueError:
            pass  # refused by the model, at its field
    return values


def _problems(error: ValidationError) -> Iterable[tuple[str, str]]:
    for one in error.errors():
        name = str(one["loc"][0])[:100] if one["loc"] else ""
        if one["type"] == "extra_forbidden":
            yield name, "there is no such option"
        elif one["type"].startswith("datetime"):
            yield name, "is no time; one is 2026-01-31T18:00 (of UTC, where no other zone is given)"
        elif one["loc"][1:] and one["type"] != "literal_error":
            yield name, f"{one['loc'][1]}: {one['msg']}"
        else:
            yield name, one["msg"].removeprefix("Value error, ")
