"""The form of a new project: checked as a whole, every mistake at its field."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from annotation.projects import apply, create, invitations, people_csv
from annotation.projects.config import Parsed, ProjectConfig
from annotation.projects.notes import Note
from annotation.projects.presets import presets
from annotation.projects.sections import QualityControl
from potato_site.number_fields import NumberField, WholeNumberField
from potato_site.safe_yaml import YamlProblem, load_yaml
from traces.access import datasets_of
from traces.models import Dataset

OWN = "own"
TRACES = [("new", "A new dataset"), ("existing", "A dataset you have")]
QUALITY = ("overlap_percentage", "overlap_depth", "minimum_time_per_instance")
FILE_NAME = "configuration"
MAX_YAML_BYTES = 1024 * 1024


class NewProjectForm(forms.Form):
    """After it is valid: ``config``, ``entries`` (people), ``warnings`` (of the person's own file)."""

    op_id = forms.RegexField(r"^[0-9a-f]{32}$", widget=forms.HiddenInput)
    name = forms.CharField(
        max_length=200, help_text="What annotators see. Its address is made from it.", label="Name of the project"
    )
    traces = forms.ChoiceField(
        choices=TRACES,
        widget=forms.RadioSelect,
        initial="new",
        label="Traces",
    )
    dataset = forms.ModelChoiceField(
        queryset=Dataset.objects.none(), required=False, label="Your dataset", empty_label="Choose…"
    )
    file = forms.FileField(
        required=False,
        allow_empty_file=True,
        label="A file of traces",
        help_text="What an agent wrote, trace documents, or an archive. You can upload more later.",
    )
    questions = forms.ChoiceField(widget=forms.RadioSelect, label="Questions")
    yaml_file = forms.FileField(required=False, allow_empty_file=True, label="A configuration file (YAML)")
    yaml_text = forms.CharField(
        required=False,
        strip=False,
        label="… or its text",
        widget=forms.Textarea(attrs={"rows": 10, "spellcheck": "false", "class": "code"}),
    )
    people = forms.CharField(
        required=False,
        label="Annotators",
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="One name per line, or name, e-mail, role. People without an account get a link to join; people "
        "with one are asked on their home page; whom a superuser adds joins at once. You can do this later as well.",
    )
    overlap_percentage = NumberField(
        min_value=0,
        max_value=100,
        initial=20,
        label="Overlap (% of the items)",
        help_text="Labeled by several people: what tells you how far they agree.",
    )
    overlap_depth = WholeNumberField(
        min_value=2, max_value=20, initial=2, label="People per overlap item", help_text="All other items get one."
    )
    minimum_time_per_instance = NumberField(
        min_value=0,
        max_value=86_400,
        initial=20,
        label="Minimum time (seconds)",
        help_text="An item cannot be submitted before it was read for so long.",
    )

    config: ProjectConfig
    entries: list[invitations.Entry]

    def __init__(self, *args: Any, user: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.label_suffix = ""
        self.fields["dataset"].queryset = datasets_of(user).order_by("name", "pk")  # type: ignore[attr-defined]
        if not datasets_of(user).exists():
            self.fields["traces"].choices = TRACES[:1]  # type: ignore[attr-defined]
        choices = [(name, preset.title) for name, preset in presets().items()]
        self.fields["questions"].choices = [*choices, (OWN, "Your own configuration")]  # type: ignore[attr-defined]
        self.fields["questions"].initial = choices[0][0]
        self.fields["op_id"].initial = uuid.uuid4().hex
        self.warnings: list[Note] = []
        self.entries = []

    def clean_name(self) -> str:
        return create.name_of(self.cleaned_data["name"])

    def clean_people(self) -> str:
        """Every line is a person that can be invited; each mistake names its line."""
        text = self.cleaned_data["people"]
        try:
            entries = people_csv.read(text)
        except people_csv.Unreadable as error:
            raise ValidationError(str(error)) from None
        found = [(entry, invitations.problem_of(entry)) for entry in entries]
        problems = [f"Line {entry.line}: {entry.called} {problem}." for entry, problem in found if problem]
        if problems:
            raise ValidationError(problems)
        self.entries = entries
        return str(text)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("traces") == "existing" and not values.get("dataset") and "dataset" not in self.errors:
            self.add_error("dataset", "Choose the dataset.")
        if values.get("questions") and "name" in values:
            self._configure(values)
        return values

    def _configure(self, values: dict[str, Any]) -> None:
        if values["questions"] == OWN:
            parsed = self._parsed(values)
            if parsed is None or parsed.config is None:
                return
            self.config, self.warnings = parsed.config, parsed.warnings
            self.entries += [invitations.Entry(person.username) for person in parsed.people]
            chosen = [key for key in QUALITY if not _names(parsed, key)]
        else:
            self.config, chosen = presets()[values["questions"]].configure(values["name"]), list(QUALITY)
        self._take_quality({key: values[key] for key in chosen if key in values})

    def _take_quality(self, chosen: dict[str, Any]) -> None:
        """The form's numbers, where a file of the person does not name its own."""
        quality = QualityControl.model_validate({**self.config.quality_control.model_dump(), **chosen})
        self.config = self.config.model_copy(update={"quality_control": quality})

    def _parsed(self, values: dict[str, Any]) -> Parsed | None:
        file, text = values.get("yaml_file"), values.get("yaml_text") or ""
        if file and text.strip():
            self.add_error("yaml_text", "Give a file or its text, not both.")
            return None
        if not file and not text.strip():
            self.add_error("yaml_file", "Choose a file, or write the text below.")
            return None
        if file and file.size > MAX_YAML_BYTES:
            self.add_error("yaml_file", "The file is larger than 1 MB.")
            return None
        raw = file.read() if file else None
        is_shown = raw is None or self._show_text(raw)
        parsed = apply.read(_named(text if raw is None else raw, values["name"]), name=FILE_NAME)
        if any(person.password is not None for person in parsed.people):
            parsed.book.warn(("annotators",), "passwords are not used here: people get a link, or are asked to join")
        if parsed.errors:
            self.add_error("yaml_text" if is_shown else "yaml_file", [str(note) for note in parsed.errors])
        return parsed

    def _show_text(self, raw: bytes) -> bool:
        """Put a file's text into the form, where it stays if something is wrong: a browser drops the file itself."""
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            return False
        self.data = {**self.data.dict(), "yaml_text": text.replace("\x00", "\ufffd")}  # type: ignore[attr-defined]
        self.files = {name: file for name, file in self.files.items() if name != "yaml_file"}  # type: ignore[assignment]
        return True


def _named(text: str | bytes, name: str) -> str | bytes:
    """A file that leaves its project without a name gets the form's, at the end: no line of it moves."""
    try:
        raw, _ = load_yaml(text, FILE_NAME)
    except YamlProblem:
        return text
    if not isinstance(raw, dict) or {"project_name", "annotation_task_name"} & set(raw):
        return text
    line = f"\nproject_name: {_quoted(name)}\n"
    return text + line if isinstance(text, str) else text + line.encode()


def _quoted(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def _names(parsed: Parsed, key: str) -> bool:
    """Whether the file itself says this of its quality control, in either dialect."""
    book = parsed.book
    return book.origin_of(("quality_control", key)) in book.lines
