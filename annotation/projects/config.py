"""A project's configuration: one typed value, whether it came from a YAML file, a form or the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from unicodedata import category

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import to_jsonable_python

from annotation.projects.named_people import Person
from annotation.projects.notes import Note, Notebook
from annotation.projects.sections import CodingAgent, Data, HandOut, Output, Pairs, QualityControl, Recruitment
from annotation.schemes import schemes
from annotation.schemes.base import Scheme
from annotation.step_types import TRUSTED

if TYPE_CHECKING:
    from traces.options import RenderOptions

# Marks a mapping whose order a person chose (the labels of a scheme): canonical JSON sorts the keys of an object.
PAIRS = "$pairs"


class ProjectConfig(BaseModel):
    """Everything that makes a project, but its people and its traces. Immutable."""

    model_config = ConfigDict(frozen=True, extra="allow")

    project_name: str = Field(
        min_length=1,
        max_length=200,
        description="The name people see. The name at the first load also makes the slug, which never changes",
    )
    port: int | None = Field(
        default=None, ge=1, le=65535, description="Port of `potato start` unless `-p` is given; 8000 without either"
    )
    data: Data = Data()
    coding_agent: CodingAgent = CodingAgent()
    annotation_schemes: tuple[Scheme, ...]
    pairs: Pairs = Pairs()
    output: Output = Output()
    quality_control: QualityControl = QualityControl()
    hand_out: HandOut = HandOut()
    # At most this many finished items per person; None: no limit.
    instances_per_annotator: int | None = Field(default=None, ge=1, description="At most this many items per person")
    allow_all_users: bool = Field(
        default=False,
        description="Anybody may register at `/projects/<slug>/register/`, which `potato start` prints and the "
        "log-in page links to, the site's own as well",
    )
    recruitment: Recruitment = Recruitment()
    guidelines: str = Field(
        default="",
        max_length=100_000,
        description="What people should know before they label, in Markdown; `h` opens it beside the trace",
    )
    # How a record without steps is shown: HTML with {{field}}; sanitised where it is rendered.
    html_layout: str = Field(
        default="",
        max_length=100_000,
        description="How a record without steps is shown: HTML with `{{field}}`. It is sanitised; of `style` "
        "attributes colours, fonts, borders, sizes and spaces stay; fields are put in as text. A task it "
        "shows is not shown above it again",
    )

    @field_validator("project_name")
    @classmethod
    def _not_blank(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("the name is empty")
        if any(category(char) == "Cc" for char in value.strip()):
            raise ValueError("the name is not one line of text")
        return value.strip()

    @model_validator(mode="after")
    def _best_is_known(self) -> ProjectConfig:
        rewards = any(scheme.annotation_type == "process_reward" for scheme in self.annotation_schemes)
        if self.labels_pairs and self.pairs.strategy == "best_against_rest" and not rewards:
            raise ValueError("pairs.strategy: best_against_rest needs a process_reward scheme, which tells the best")
        return self

    def scheme(self, name: str) -> Scheme:
        """The scheme called ``name``. Raises KeyError."""
        return {scheme.name: scheme for scheme in self.annotation_schemes}[name]

    @property
    def labels_traces(self) -> bool:
        """Whether single traces are handed out: not where every question is, or can be, about a pair."""
        return not self.labels_pairs or any(scheme.is_about_a_trace for scheme in self.annotation_schemes)

    @property
    def labels_pairs(self) -> bool:
        """Whether pairs of attempts at one issue are handed out."""
        return any(scheme.unit == "pair" for scheme in self.annotation_schemes)

    @property
    def kinds(self) -> list[str]:
        """The kinds of items that are handed out (``Item.Kind``)."""
        return [kind for kind, is_so in (("trace", self.labels_traces), ("pair", self.labels_pairs)) if is_so]

    def asked_of(self, *, pair: bool) -> tuple[Scheme, ...]:
        """The schemes asked of a pair, or of a single trace.

        Those that compare are asked of pairs, the others of traces; of pairs where no trace is handed out.
        """
        if pair and not self.labels_traces:
            return self.annotation_schemes
        return tuple(scheme for scheme in self.annotation_schemes if (scheme.unit == "pair") == pair)

    def render_options(self, id_prefix: Literal["", "a-", "b-"] = "") -> RenderOptions:
        """What of the configuration changes the markup of a trace."""
        from traces.options import RenderOptions

        display = self.coding_agent.display
        values = {**display.model_dump(), **display.collapsible.model_dump(), "layout": self.html_layout}
        known = {name: value for name, value in values.items() if name in RenderOptions.model_fields}
        return RenderOptions.model_validate({**known, "id_prefix": id_prefix})

    def plain(self) -> dict[str, Any]:
        """Every key with its value, unknown keys left out, mappings in the order they were written."""
        return _plain(self)

    def stored(self) -> dict[str, Any]:
        """As :meth:`plain`, in the form that survives canonical JSON. See :meth:`from_stored`."""
        return _plain(self, in_pairs=True)

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> ProjectConfig:
        """The configuration that :meth:`stored` wrote."""
        return cls.from_plain(unpaired(stored))

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> ProjectConfig:
        """A configuration from trusted values: types of steps stay, also where their display is no longer installed.
        Raises ValidationError, and UnknownPlugin for a scheme type."""
        built = tuple(
            schemes.get(raw["annotation_type"]).model_validate(raw, context=TRUSTED)
            for raw in plain["annotation_schemes"]
        )
        return cls.model_validate({**plain, "annotation_schemes": built}, context=TRUSTED)


@dataclass(frozen=True)
class Parsed:
    """What a file says. ``config`` is None exactly when there are errors."""

    config: ProjectConfig | None
    book: Notebook
    people: tuple[Person, ...] = ()
    # The older dialect's folder that paths are relative to, itself relative to the file.
    task_dir: str = "."
    # The files of traces that it names, whatever else is wrong.
    input_path: tuple[str, ...] = ()

    @property
    def errors(self) -> list[Note]:
        return self.book.errors

    @property
    def warnings(self) -> list[Note]:
        return self.book.warnings


def parse(text: str | bytes, name: str, *, needs_files: bool = True) -> Parsed:
    """Read a configuration in either dialect. ``name`` is the file's name in messages. Raises for nothing it reads.

    ``needs_files`` False: traces are uploaded, so the file need not name any.
    """
    from annotation.projects.reading import read

    return read(text, name, needs_files=needs_files)


def _plain(value: Any, *, in_pairs: bool = False) -> Any:
    if isinstance(value, BaseModel):
        names = {info.alias or name: name for name, info in type(value).model_fields.items()}
        # Sorted, as canonical JSON will have them: what is stored equals what comes back, order and all.
        keys = sorted(names) if in_pairs else names
        return {key: _plain(getattr(value, names[key]), in_pairs=in_pairs) for key in keys}
    if isinstance(value, Mapping):
        pairs = {str(key): _plain(item, in_pairs=in_pairs) for key, item in value.items()}
        return {PAIRS: [list(pair) for pair in pairs.items()]} if in_pairs else pairs
    if isinstance(value, (list, tuple)):
        return [_plain(item, in_pairs=in_pairs) for item in value]
    return to_jsonable_python(value)


def unpaired(stored: Any) -> Any:
    """The plain form of a stored value."""
    if isinstance(stored, list):
        return [unpaired(item) for item in stored]
    if not isinstance(stored, dict):
        return stored
    pairs = stored[PAIRS] if set(stored) == {PAIRS} else stored.items()
    return {key: unpaired(item) for key, item in pairs}
