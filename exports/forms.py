"""The form that asks for an export: a format and exactly the options an export has (``exports.options``)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from django import forms

from annotation import queries
from exports.asked import REWARD, outcomes
from exports.formats import about, formats, missing_package
from exports.options import Kind, Options, WrongOptions, kind_of, options_of, require_past
from potato_site.number_fields import NumberField, WholeNumberField
from potato_site.titles import title_of

# Type of a question → the format it is asked for, the first that a project has.
USUAL = {REWARD: "prm", "pairwise": "preference_pairs", "code_review": "code_review"}
# Asked in full view; the others are folded away.
FIRST = ("scheme", "include_surplus")
GROUPS = (
    ("Where several answered", ("aggregation", "ties", "soft_labels", "min_agreement")),
    ("What a label teaches", ("reward_values", "post_error", "neutral", "content", "content_limit",
                               "prompt_limit")),
    ("What goes in", ("outcome_scheme", "outcome", "submitted_since", "since_seq", "exclude_flags",
                      "exclude_annotators", "suggested", "dedupe")),
    ("Splits", ("validation", "test", "split_by", "split_seed", "hold_out_benchmarks")),
    ("Pairs", ("pair_by", "pair_source", "pairs_per_issue", "min_margin")),
    ("File", ("compress",)),
)  # fmt: skip


class ExportForm(forms.Form):
    """``options()`` are those of ``exports.options.Options``."""

    format = forms.ChoiceField(label="Format")
    chosen = forms.BooleanField(required=False, initial=True)

    def __init__(self, project: Any, data: Any = None, chosen: Sequence[str] = (), initial: Any = None) -> None:
        """``chosen``: the ids of the traces that were chosen in a list just before, if any."""
        super().__init__(data, label_suffix="", initial=initial)
        self._seq: int = project.seq
        self.fields["format"].choices = [(name, _title(name)) for name in formats.names()]  # type: ignore[attr-defined]
        for name in [*FIRST, *(name for _, names in GROUPS for name in names)]:
            self.fields[name] = _field(name)
        asked = queries.questions(project, using="default")
        rewards = [question.name for question in asked if question.type == REWARD]
        if len(rewards) > 1:
            self.fields["scheme"] = _choices("scheme", [("", _first(rewards)), *((name, name) for name in rewards[1:])])
        else:
            # There is nothing to choose.
            del self.fields["scheme"]
        possible = [(one.name, f"{one.name} (its {one.part})" if one.part else one.name) for one in outcomes(asked)]
        named = [("", "The one that asks for it"), *possible]
        self.fields["outcome_scheme"] = _choices("outcome_scheme", named)
        self.can_be_asked = bool(asked)
        self.fields["format"].initial = _usual({question.type for question in asked})
        self.traces = list(chosen)
        if self.traces:
            count = f"the {len(self.traces):,} chosen traces" if len(self.traces) > 1 else "the chosen trace"
            self.fields["chosen"].label = f"Only {count}"
        else:
            del self.fields["chosen"]

    @property
    def groups(self) -> list[dict[str, Any]]:
        """The folded fields by heading."""
        return [{"title": title, "fields": [self[name] for name in names]} for title, names in GROUPS]

    @property
    def is_unfolded(self) -> bool:
        """Whether a folded field holds something to look at: an error, or a choice of one's own."""
        if not self.is_bound:
            return False
        return any(name in self.errors or name in self.changed_data for _, names in GROUPS for name in names)

    def clean(self) -> dict[str, Any]:
        """What the model of the options refuses is said at its field."""
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        try:
            require_past(options_of(self.options()), self._seq)
        except WrongOptions as error:
            for name, message in error.problems:
                self.add_error(name if name in self.fields else None, message)
        return cleaned

    def options(self) -> dict[str, Any]:
        given = self.cleaned_data
        told = {name: _value(given[name], kind_of(name)) for name in Options.model_fields if name in given}
        return {
            **{name: value for name, value in told.items() if value is not MISSING},
            "traces": self.traces if given.get("chosen") else None,
        }


def _usual(types: Collection[str]) -> str:
    """The format that most would ask of a project with such questions; if there is none, all that was answered."""
    return next((format for type, format in USUAL.items() if type in types), "annotations")


MISSING = object()


def _field(name: str) -> forms.Field:
    kind, field = kind_of(name), Options.model_fields[name]
    more: dict[str, Any] = {"label": field.title, "help_text": field.description, "required": False}
    choices = [(value, title_of(value)) for value in kind.choices]
    if kind.shape == "list":
        if choices:
            return forms.MultipleChoiceField(choices=choices, widget=forms.CheckboxSelectMultiple, **more)
        return forms.CharField(widget=forms.TextInput(attrs={"placeholder": "names, with commas between"}), **more)
    if kind.shape == "map":
        return forms.CharField(widget=forms.TextInput(attrs={"placeholder": "neutral=0.5, typo=0"}), **more)
    if kind.base == "choice":
        return forms.ChoiceField(
            choices=[(value, title_of(value)) for value in kind.choices], initial=field.default, **more
        )
    if kind.base == "flag":
        return forms.BooleanField(initial=field.default, **more)
    if kind.base == "time":
        return forms.DateTimeField(widget=forms.DateTimeInput(attrs={"placeholder": "2026-01-31 18:00"}), **more)
    initial = None if kind.is_nullable else field.default
    if kind.base == "whole":
        return WholeNumberField(initial=initial, **more)
    return NumberField(initial=initial, **more) if kind.base == "number" else forms.CharField(initial=initial, **more)


def _choices(name: str, choices: list[tuple[str, str]]) -> forms.ChoiceField:
    field = Options.model_fields[name]
    return forms.ChoiceField(choices=choices, label=field.title, help_text=field.description or "", required=False)


def _value(given: Any, kind: Kind) -> Any:
    """What the form holds as an option's value. MISSING: not filled in, the default holds."""
    if kind.base == "flag":
        return bool(given)
    if given in (None, "", []):
        return MISSING
    if kind.shape == "list":
        return given if isinstance(given, list) else [name.strip() for name in given.split(",") if name.strip()]
    if kind.shape == "map":
        return pairs_of(given)
    if kind.base == "time":
        return given.isoformat()
    return given


def shown_value(name: str, value: Any) -> Any:
    """The value of an option as its field shows it; what ``ExportForm.options`` reads back."""
    kind = kind_of(name)
    if kind.shape == "map":
        return ", ".join(f"{label}={number!r}" for label, number in (value or {}).items())
    if kind.shape == "list":
        return list(value or ()) if kind.choices else ", ".join(value or ())
    return value


def pairs_of(text: str) -> dict[str, Any]:
    """``neutral=0.5, typo=0`` as values by name; what is no number stays text, for the model to refuse."""
    found: dict[str, Any] = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        if part.strip():
            found[name.strip()] = number_or_text(value.strip())
    return found


def number_or_text(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _title(name: str) -> str:
    missing = missing_package(formats.get(name))
    told = about(formats.get(name))
    return " – ".join(part for part in (f"{name} (not installed)" if missing else name, told) if part)


def _first(rewards: list[str]) -> str:
    return f"{rewards[0]} (the first)" if len(rewards) > 1 else "".join(rewards)
