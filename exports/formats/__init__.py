"""The format registry: ``--format`` → the class that writes it. Rows in, bytes out; plain Python, no database.

A format is one file of this package (or of another one, through the entry-point group) that registers a class::

    @formats.register("prm")
    class Prm(Format):
        file = "prm_labels.jsonl"
        takes = "rewards"
        ...
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from importlib.util import find_spec
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, ClassVar, Literal, NamedTuple

from exports.judged import NO_STEPS, Steps
from potato_site.registry import Registry

# rewards: rows with step labels. answers: rows with any answer. pairs: preferences.
Takes = Literal["rewards", "answers", "pairs"]


# Options about steps, for formats that write none (``Format``: ignores).
STEP_OPTIONS = ("soft_labels", "post_error", "neutral", "content")
# The same for formats that hold what each person said.
RAW_OPTIONS = (*STEP_OPTIONS, "reward_values", "dedupe", "ties=latest")


@dataclass(frozen=True)
class Said:
    """What one person submitted about a trace. ``types`` and ``values`` are by scheme name, in the project's order;
    ``raw`` holds the frozen answer maps."""

    annotator: str
    started_at: datetime | None
    submitted_at: datetime
    active_seconds: float
    flags: Sequence[str]
    purpose: str
    types: Mapping[str, str]
    values: Mapping[str, Any]
    raw: Mapping[str, Mapping[str, Any]]


class Row(NamedTuple):
    """One labeled trace, its annotators already merged into one label (or, per annotator, one person's)."""

    trace_id: str
    document: Mapping[str, Any]
    # Of the document, else of the issue it belongs to; "" when neither is known.
    issue_id: str
    instance_id: str
    # The chosen process reward scheme: how it was asked ("" when nobody answered it), and what a trainer gets of it.
    mode: str = ""
    first_error_step: int | None = None
    all_correct: bool | None = None
    # A sequence of {"step_idx", "type", "content", "label", "reward", "label_source"} each, and "p_correct" with soft
    # labels, made when somebody asks for one; ``steps.texts`` are their contents alone.
    steps: Steps = NO_STEPS
    # Per step, whether it is worth rewarding; None masks it.
    targets: Sequence[bool | None] = ()
    # Every other scheme by name, in the project's order; None where nobody answered.
    answers: Mapping[str, Any] = MappingProxyType({})
    # The answer about the outcome, and whether it says "fully resolved"; None where nobody said.
    outcome: str | None = None
    resolved: bool | None = None
    # In the order in which they submitted.
    annotators: tuple[str, ...] = ()
    agreement: float | None = None
    aggregation: str = "single"
    needs_adjudication: bool = False
    split: str = "train"
    said: Sequence[Said] = ()
    # Of a comparison: the trace that is its side b. "" in the row of a trace.
    trace_id_b: str = ""


@dataclass(frozen=True)
class Pair:
    """Two attempts at one issue, the better one first. ``margin`` is 0 to 1, ``preference_strength`` 0.5 to 1."""

    pair_id: str
    prompt: str
    issue_id: str
    source: str
    chosen: Row
    rejected: Row
    margin: float
    preference_strength: float
    annotators: tuple[str, ...]
    split: str = "train"


def as_it_is(name: str) -> str:
    """No file is compressed."""
    return name


def ignore(reason: str) -> None:
    """Count nothing."""


@dataclass(frozen=True)
class Sheet:
    """What holds for a whole export and must be known before its first line.

    ``file``: the name of the main file. ``published(name)``: what a file is called when it is published (compressed
    ones get an ending), for a file that names another. ``has_gaps``: steps may be without a hard label, so hard labels
    need a value that masks them. ``content_limit``: where texts are cut; ``prompt_limit``: how long a prompt gets that
    holds the steps before. ``card()``: what a dataset card tells (``project``, ``seq``, ``mode``, ``labels``,
    ``agreement``, ``options``). ``has_outcome``: an answer can say that an issue was resolved. ``note(reason)``: counts
    what is left out of one of its files.
    """

    file: str = ""
    has_gaps: bool = False
    soft_labels: bool = False
    content_limit: int | None = None
    prompt_limit: int | None = None
    # Every scheme of the project, in its order: name → type.
    schemes: Mapping[str, str] = field(default_factory=dict)
    run_id: str = "export"
    has_outcome: bool = True
    card: Callable[[], Mapping[str, Any]] = dict
    note: Callable[[str], None] = ignore
    published: Callable[[str], str] = as_it_is


class Piece(NamedTuple):
    """Some bytes of a file of the export, named relative to the folder of the main one. ``rename``: the file shall have
    this name after all (no other may have it)."""

    file: str
    data: bytes
    rename: str = ""


class Format(ABC):
    """How rows become files. The first line of a format's docstring is what people read where they choose one."""

    # The name of the main file in a published export. A format that is a folder has none: its files keep their names.
    file: ClassVar[str]
    takes: ClassVar[Takes]
    # Options that cannot change its files, so that who gives one is told. "name=value": that value cannot.
    ignores: ClassVar[tuple[str, ...]] = ()
    # The outcome of a run is in it, or decides what is.
    tells_outcome: ClassVar[bool] = False
    # A package that is not always there, and the extra of this product that brings it.
    needs: ClassVar[tuple[str, str] | None] = None
    # Of answers: it gets a row for every pair that was compared as well.
    takes_comparisons: ClassVar[bool] = False
    # Of pairs: it gets the labels of the steps of traces that were compared, which are read for it alone.
    step_labels: ClassVar[bool] = False
    # Without, it gets documents of which steps are parsed when it looks at them.
    step_texts: ClassVar[bool] = True
    # It holds what each person said, merged into nothing.
    is_raw: ClassVar[bool] = False
    # Its prompts hold the steps before, and can be limited.
    prompts_grow: ClassVar[bool] = False

    @abstractmethod
    def refusal(self, row: Any) -> str:
        """Why this row (or pair) cannot be in the file, as a noun phrase to count ("no steps"); empty: it can."""

    @abstractmethod
    def write(self, rows: Iterable[Any], sheet: Sheet) -> Iterator[Piece]:
        """The files, piece by piece. Equal rows give equal bytes; no more than a few rows are held at a time."""

    def write_readable(self, rows: Iterable[Any], sheet: Sheet) -> Iterator[Piece]:
        """The same as text, for a look before an export is made: for formats of binary files to say."""
        return self.write(rows, sheet) if self.file else iter(())

    def n_rows(self, row: Any) -> int:
        """How many rows of the file a row (or pair) makes, where they are not single steps."""
        return 1

    def places(self, row: Any) -> Sequence[int] | None:
        """The steps of a row that are rows of the file; None where rows are traces, answers or pairs."""
        return None

    def only_beside(self, row: Any) -> str:
        """Why a row (or pair) is in a file beside the main one only; "" where the main one has it."""
        return ""


def sibling(file: str, ending: str) -> str:
    """The name of a file beside the main one: ``labels.jsonl`` → ``labels.test.jsonl``."""
    return f"{PurePosixPath(file).stem}.{ending}"


@lru_cache(maxsize=64)
def split_file(file: str, split: str) -> str:
    """Where the rows of a split go: those to train on into the main file, the others beside it."""
    return file if split == "train" else sibling(file, f"{split}{PurePosixPath(file).suffix}")


def about(writer: type[Format]) -> str:
    """What a format is for, in one line: the first of its docstring."""
    return (writer.__doc__ or "").strip().partition("\n")[0].rstrip(".")


def missing_package(writer: type[Format]) -> str:
    """What to install before this format can be written, as a sentence; "" where nothing is missing."""
    package, extra = writer.needs or ("", "")
    if not package or find_spec(package):
        return ""
    return f"this format needs {package}: pip install 'potato-site[{extra}]'"


formats: Registry[type[Format]] = Registry("potato_site.export_formats", package="exports.formats")
