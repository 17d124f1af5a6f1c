"""The contract of a scheme: one question asked of an item, and what its answers mean.

An answer is a **flat map** from key to JSON value: ``""`` a value of the whole item, ``"12"`` of step 12,
 ``"first_error"``, ``"comment:<uuid>"`` … A bare null removes a key, so it is never a stored value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from potato_site.titles import title_of
from traces.changes import Changes

Answers = Mapping[str, Any]
Level = Literal["nominal", "ordinal", "interval"]
# What a condition compares with: a value that an answer can be, or hold.
Scalar = str | int | float | bool
MAX_TEXT = 10_000
MAX_KEY = 300  # characters of a key of answers
NAME = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"
COLOR = r"^#[0-9A-Fa-f]{6}$"
# What they ask for, in words.
PATTERNS = {
    NAME: "a letter, then letters, digits, _ and - (no spaces), at most 64 in all",
    COLOR: "a colour like #22c55e: # and six digits or letters from a to f",
}
# NUL and lone surrogates: JSON can carry them, a database or a UTF-8 file cannot.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Refused(ValueError):
    """A value that the scheme does not take. ``str()`` is a sentence for the annotator."""


@dataclass(frozen=True)
class ItemContext:
    """What a scheme may know of the item it is asked about: its shape, and the lines its run changed.

    ``suggestions`` came with the trace: scheme name → answers as an export writes them, unchecked. ``asked`` narrows
    the question to these steps (a condition that is judged step by step); None: it is not narrowed.
    """

    step_types: tuple[str, ...]
    suggestions: Mapping[str, Any] | None = None
    asked: frozenset[int] | None = None
    # Reads the document: for schemes that look at the changes only.
    read_changes: Callable[[], Changes] = field(default=lambda: Changes({}), compare=False, repr=False)

    @property
    def changes(self) -> Changes:
        return self.read_changes()

    @property
    def n_steps(self) -> int:
        return len(self.step_types)

    def step_of(self, key: str) -> int:
        """The step number a key names. Raises Refused unless it is a step of this item, written as a plain number."""
        if key.isascii() and key.isdigit() and str(int(key)) == key and int(key) < self.n_steps:
            return int(key)
        raise Refused(f"there is no step {key[:20]!r}")


@dataclass(frozen=True)
class Suggested:
    """Answers that came with a trace, from a model or an earlier round; ``by`` says from whom, for people to read."""

    answers: Answers
    by: str = ""


@dataclass(frozen=True)
class Missing:
    """Something still to be answered before the item can be submitted."""

    scheme: str
    message: str
    step: int | None = None


@dataclass(frozen=True)
class Measure:
    """One number agreement is computed for. ``domain`` orders the values of an ordinal measure. ``is_place``: a value
    is the share of an item's steps before some step, 1 for none, so that pairs within one step are counted too."""

    name: str
    level: Level
    per: Literal["item", "step", "file"] = "item"
    domain: tuple[str | int, ...] = ()
    is_place: bool = False


@dataclass(frozen=True)
class Habit:
    """What of somebody's answers could be the same again and again: the labels in the order of the steps, and what is
    said of the whole item, in a word that means the same of every item."""

    steps: tuple[str, ...] = ()
    whole: str = ""


@dataclass(frozen=True)
class Key:
    """A keyboard shortcut: what is pressed and what it does, for the cheat sheet and the clash check."""

    key: str
    action: str
    value: str = ""
    text: str = ""


@dataclass(frozen=True)
class LabelStyle:
    """A colour that a configuration gives a label; it reaches the page through the generated stylesheet."""

    label: str
    color: str


@dataclass(frozen=True)
class Meaning:
    """What a label or an option means; ``reward`` is None where it is worth none."""

    value: str
    text: str
    description: str = ""
    reward: float | None = None


@dataclass(frozen=True)
class PairLook:
    """Two traces on a page: side by side or one at a time (``tabs``), scrolling together or apart at first."""

    layout: Literal["side_by_side", "tabs"] = "side_by_side"
    sync: bool = True


@dataclass(frozen=True)
class Told:
    """One thing an answer says, in words: of a step, or of a part of the question (a file, say), or of the whole item.

    People whose ``compare`` differs at one place disagree; None is not compared. ``style`` is a place in
    :meth:`Scheme.styles`, ``anchor`` the lines it is about (see ``code_review``).
    """

    text: str
    step: int | None = None
    part: str = ""
    compare: Any = None
    detail: str = ""
    style: int | None = None
    anchor: Mapping[str, Any] | None = None
    resolved: bool = False


class ShowIf(BaseModel):
    """Show a scheme only when another scheme's answer meets the condition.

    Where both are asked of every step, the condition is judged at each step; else once for the item.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    # The name of the other scheme.
    field: str = Field(description="The other scheme's name")
    condition: Literal["has_error", "equals", "in", "not", "count"] = Field(
        description="`has_error` (a process reward that names an error, a verdict that rejects), `equals` a value, "
        "`in` several, `not` (answered with something else), or `count` of answers"
    )
    value: Scalar | None = Field(default=None, description="What `equals`, `not` and `count` compare with")
    values: list[Scalar] = Field(default_factory=list, description="Several of them: what `in` needs")
    at_least: int | None = Field(default=None, ge=0, description="`count`: at least this many answers are one of those")
    at_most: int | None = Field(default=None, ge=0, description="`count`: at most this many")

    @property
    def wanted(self) -> list[Scalar]:
        """Every value the condition names."""
        return [*([] if self.value is None else [self.value]), *self.values]


class Scheme(BaseModel):
    """A question. A subclass is frozen, its fields are the YAML keys, and it overrides what differs.

    ``extra="allow"`` keeps unknown keys for the loader, which reports each as a named warning.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    # --- what a subclass states --------------------------------------------------------------------------
    # "item": one answer; "step": one per step; "anchor": many, each tied to a place in the trace.
    scope_default: ClassVar[Literal["item", "step", "anchor"]] = "item"
    unit: ClassVar[Literal["trace", "pair"]] = "trace"
    # Template of the panel beside the trace, and of the control on each step; empty: none.
    panel_template: ClassVar[str] = ""
    step_template: ClassVar[str] = ""
    # Static file (a JavaScript module) that paints the scheme; empty: the generic inputs are enough. And its styles.
    script: ClassVar[str] = ""
    style: ClassVar[str] = ""
    # The page shows what the whole run changed, file by file, behind the steps.
    shows_changes: ClassVar[bool] = False
    # Keys of the configuration that say what an answer *means*: a change makes a new scheme version.
    meaning_keys: ClassVar[tuple[str, ...]] = ()
    # Whether a condition on another question about steps is judged step by step (ItemContext.asked).
    waits_per_step: ClassVar[bool] = False

    annotation_type: str = Field(description="Which kind of question: one of the following")
    name: str = Field(
        pattern=NAME,
        description="Its name in files: a letter, then letters, digits, `_` and `-`, at most 64",
    )
    label: str = Field(default="", description="What the annotator reads above it; without one, the name in words")
    description: str = Field(default="", description="Help below that")
    required: bool = Field(default=True, description="An item cannot be submitted without an answer (`false` for text)")
    show_if: ShowIf | None = Field(default=None, description="Ask only when another scheme's answer meets a condition")

    # --- the contract ------------------------------------------------------------------------------------
    @property
    def scope(self) -> str:
        return self.scope_default

    @property
    def title(self) -> str:
        """What the annotator reads above the question."""
        return self.label or title_of(self.name)

    @property
    def asked_as(self) -> str:
        """Which of several ways of asking the configuration chose; "" where there is one."""
        return ""

    @property
    def choices(self) -> Sequence[Mapping[str, Any]]:
        """What is chosen from, for templates and words: each has a ``value`` and a ``text``."""
        return []

    def meanings(self) -> list[Meaning]:
        """What exports say of its labels or options, in their order."""
        return []

    @property
    def is_about_a_trace(self) -> bool:
        """Whether it only makes sense of a single trace. Others can be asked of a pair as well."""
        return self.unit == "trace" and self.scope != "item"

    def meaning(self) -> dict[str, Any]:
        """What answers rest on. Two configurations with equal meanings share a scheme version."""
        dump = self.model_dump(mode="json", include=set(self.meaning_keys))
        return {"type": self.annotation_type, "scope": self.scope, **dump}

    def idle_keys(self) -> list[tuple[tuple[str, ...], str]]:
        """Keys that the configuration sets and that do nothing, as the others stand, each with the reason."""
        return []

    def clean(self, key: str, value: Any, ctx: ItemContext) -> Any:
        """The value to store for ``key`` (never None: removing needs no check). Raises Refused."""
        raise NotImplementedError

    def check_amount(self, before: Answers, after: Answers) -> None:
        """Raises Refused where a change makes the answers of one person more than it takes. What is more already may
        become less."""

    def missing(self, answers: Answers, ctx: ItemContext) -> list[Missing]:
        """What is still to be answered. Empty when the scheme is complete or not required."""
        if self.required and not answers:
            return [Missing(self.name, f"“{self.title}” has no answer yet")]
        return []

    def asks(self, step_type: str) -> bool:
        """Whether it is asked of steps of this type."""
        return True

    def steps(self, ctx: ItemContext) -> list[int]:
        """The steps it is asked of."""
        every = range(ctx.n_steps) if ctx.asked is None else sorted(ctx.asked)
        return [step for step in every if self.asks(ctx.step_types[step])]

    def final(self, answers: Answers, ctx: ItemContext) -> Answers:
        """What of the answers is frozen when the item is submitted: steps it is not asked of are left out."""
        if self.scope != "step":
            return answers
        asked = {str(step) for step in self.steps(ctx)}
        return {key: value for key, value in answers.items() if key in asked or not key.isdigit()}

    def suggested(self, ctx: ItemContext) -> Suggested:
        """What the trace suggests, to be confirmed or changed. What cannot be used is left out."""
        return Suggested({})

    # --- what conditions of other schemes ask --------------------------------------------------------------
    def said(self, answers: Answers, ctx: ItemContext) -> dict[str, list[Any]]:
        """Answer key (``""`` the item, ``"3"`` step 3) → the plain values given there."""
        return {key: plain_values(value) for key, value in answers.items()}

    def could_say(self, value: Any) -> None:
        """Raises Refused for a value that :meth:`said` never gives."""
        self.clean("", value, ItemContext(()))

    def has_error(self, answers: Answers, ctx: ItemContext) -> bool:
        """Whether the answers name an error (what ``show_if: has_error`` asks)."""
        return False

    def errors(self, answers: Answers, ctx: ItemContext) -> set[int]:
        """The steps the answers call wrong."""
        return set()

    def judged(self, answers: Answers, ctx: ItemContext) -> set[int]:
        """The steps that one must have read to answer so."""
        return {int(key) for key in answers if key.isdigit()}

    # --- agreement and export ------------------------------------------------------------------------------
    @property
    def has_gaps(self) -> bool:
        """Whether a submitted answer may leave steps without a label (exports mask them)."""
        return False

    @property
    def merge(self) -> Literal["choice", "options", "median", "first"]:
        """How exports make one answer of several people's: the most frequent, option by option, the middle, or the
        first that is not empty."""
        return "choice" if self.measures() else "first"

    def measures(self) -> list[Measure]:
        """The agreement measures of this scheme, the most telling first. Empty: none is meaningful."""
        return []

    def units(self, answers: Answers, ctx: ItemContext) -> dict[str, dict[str, Any]]:
        """Measure name → unit key (``""`` for the item, else the step number or the file's path) → value."""
        return {}

    def likeness(self, answers: Answers, known: Answers, ctx: ItemContext) -> float | None:
        """How near answers come to the known ones, 0 to 1: the share of what is known that they say too.

        None where that cannot be told: of texts, and of numbers on a scale, on which one beside the known one is not
        simply wrong.
        """
        wanted, given = self.units(known, ctx), self.units(answers, ctx)
        for measure in self.measures():
            if measure.level == "nominal" and (values := wanted.get(measure.name)):
                said = given.get(measure.name, {})
                return sum(said.get(key) == value for key, value in values.items()) / len(values)
        return None

    def export(self, answers: Answers, ctx: ItemContext) -> Any:
        """The answers as the JSON value that exports carry. An unanswered scheme gives None."""
        return dict(answers) or None

    def contested(self, several: Sequence[Answers]) -> bool:
        """Whether these people's answers lie so far apart that somebody should decide, whatever most of them say."""
        return False

    def habit(self, answers: Answers) -> Habit:
        """What to look at for who answers without reading; nothing where the same answer is no sign of that."""
        return Habit()

    # --- for who reads the answers later -------------------------------------------------------------------
    def told(self, answers: Answers, ctx: ItemContext) -> list[Told]:
        """Everything the answers say."""
        texts = {choice["value"]: choice["text"] for choice in self.choices}
        compares = bool(self.measures())
        found = []
        for key, value in answers.items():
            step = value.get("step") if isinstance(value, Mapping) else None
            if key.isascii() and key.isdigit():
                step = int(key)
            words, part = words_of(value, texts), key if step is None else ""
            found.append(Told(words, step=step, part=part, compare=value if compares else None))
        return found

    def told_of_item(self, answers: Answers, ctx: ItemContext) -> list[Told]:
        """What of it is said of the item or a part of it, not of its steps."""
        return [told for told in self.told(answers, ctx) if told.step is None]

    # --- the page ------------------------------------------------------------------------------------------
    def keys(self) -> list[Key]:
        """Keyboard shortcuts this scheme takes."""
        return []

    def styles(self) -> list[LabelStyle]:
        """Label colours for the generated stylesheet."""
        return []

    @property
    def moves(self) -> bool:
        """Whether :meth:`keys` says how to go from step to step, or that no key does; else the page has its own."""
        return False

    @property
    def hides_step_numbers(self) -> bool:
        return False

    def pair_look(self) -> PairLook:
        """How a comparison wants the two traces to be shown."""
        return PairLook()

    def page_state(self) -> dict[str, Any]:
        """What the page's script needs to know of the scheme (JSON)."""
        return {"type": self.annotation_type, "scope": self.scope, "required": self.required}


@dataclass(frozen=True)
class Sample:
    """One configuration of a scheme with values it takes and refuses: what the contract test walks.

    The item has these types of steps, or is this document.
    """

    config: dict[str, Any]
    accepted: list[tuple[str, Any]]
    refused: list[tuple[str, Any]]
    step_types: tuple[str, ...] = field(default=("thinking", "file_edit", "bash_command"))
    document: dict[str, Any] | None = None

    def context(self) -> ItemContext:
        return ItemContext(self.step_types) if self.document is None else context_of_document(self.document)


def context_of_document(document: Mapping[str, Any]) -> ItemContext:
    """What schemes may know of a document that is at hand."""
    steps, suggestions = document.get("structured_turns") or (), document.get("suggestions")
    changes: list[Changes] = []

    def read() -> Changes:
        if not changes:
            changes.append(Changes(dict(document)))
        return changes[0]

    return ItemContext(
        tuple([step["type"] for step in steps]),
        suggestions if isinstance(suggestions, dict) else None,
        read_changes=read,
    )


def text_of(value: Any, what: str, *, limit: int = MAX_TEXT) -> str:
    """``value`` if it is text of at most ``limit`` characters. Raises Refused."""
    if not isinstance(value, str):
        raise Refused(f"{what} must be text")
    if len(value) > limit:
        raise Refused(f"{what} is longer than {limit:,} characters")
    return UNSTORABLE.sub("�", value)


def plain_values(value: Any) -> list[Any]:
    """The plain values of one stored answer: itself, the entries of a list, or the label of a labeled step."""
    if isinstance(value, list):
        return value
    if isinstance(value, Mapping):
        return [value["label"]] if "label" in value else []
    return [value]


def words_of(value: Any, texts: Mapping[Any, str]) -> str:
    """A stored value as a person reads it; ``texts`` are those of known values."""
    if isinstance(value, Mapping) and "text" in value:
        return str(value["text"])
    if isinstance(value, Mapping) and "label" not in value:
        return ", ".join(f"{name}: {one}" for name, one in value.items() if one is not None)
    plain = plain_values(value)
    return ", ".join(texts.get(one, str(one)) if isinstance(one, str | int | float) else str(one) for one in plain)
