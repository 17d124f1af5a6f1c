"""A configuration being edited: the form and the YAML beside it, which are two faces of one value.

The page carries the YAML its form was made from (``was``). What differs from it in the form, and what differs in the
YAML, is merged key by key; nothing is saved here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from annotation.admin import config_forms
from annotation.admin.config_forms import SCHEMES, Node
from annotation.admin.config_posted import Action, Posted, ordered, unclear
from annotation.projects.apply import NAME
from annotation.projects.config import ProjectConfig, parse
from annotation.projects.dialects import translate
from annotation.projects.dump import text_of, to_yaml, written_scheme
from annotation.projects.merge import apply_changes, conflicts
from annotation.projects.notes import Note, Notebook
from annotation.schemes import schemes
from potato_site.safe_yaml import YamlProblem, load_yaml


class Incomplete(Exception):
    """The posted form is not one of ours, or was cut off."""


@dataclass
class Draft:
    """What the page shows. ``problems`` are sentences about the two faces; ``errors`` lie in the YAML."""

    text: str
    was: str
    form: Node
    problems: list[str] = field(default_factory=list)
    errors: list[Note] = field(default_factory=list)
    warnings: list[Note] = field(default_factory=list)
    # The id of the field that an error is about, in the order of the errors; empty: of none.
    fields: list[str] = field(default_factory=list)

    @property
    def placed_errors(self) -> list[tuple[Note, str]]:
        return list(zip(self.errors, self.fields, strict=True))

    @property
    def project_fields(self) -> list[Node]:
        return [node for node in self.form.parts if node.kind != "group" and node.name != SCHEMES]

    @property
    def questions(self) -> Node:
        return next(node for node in self.form.parts if node.name == SCHEMES)

    @property
    def sections(self) -> list[Node]:
        return [node for node in self.form.parts if node.kind == "group"]

    @property
    def is_good(self) -> bool:
        return not self.problems and not self.errors

    def tell(self, errors: list[Note], warnings: list[Note]) -> None:
        """Put each error at its field too: at the nearest part of the form that has its key."""
        self.errors, self.warnings, self.fields = errors, warnings, []
        places = {".".join(map(str, node.path)): node for node in self.form.walk() if node.name and not _is_key(node)}
        for note in errors:
            parts = note.path.split(".")
            keys = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
            found = next((places[key] for key in keys if key in places), None)
            self.fields.append(found.id if found else "")
            if found is not None and note.message not in found.errors:
                found.errors.append(note.message)


def _is_key(node: Node) -> bool:
    return node.name.endswith(".key")


def of_config(config: ProjectConfig) -> Draft:
    return of_text(to_yaml(config))


def of_text(text: str) -> Draft:
    """The draft of a configuration that can be read."""
    return of_file(text, text)


def of_file(text: str, saved: str) -> Draft:
    """The draft of a file from elsewhere. Where it is no configuration at all, the form stays as it is `saved`."""
    values = values_of(text)
    was = text if values is not None else saved
    draft = Draft(text, was, config_forms.build(values_of(was) or {}))
    _check(draft)
    return draft


def posted(post: Mapping[str, str]) -> Draft:
    """The draft after a person changed the form, the YAML, or both. Raises Incomplete."""
    was = post.get("was", "").replace("\r\n", "\n")
    before = values_of(was)
    if before is None or "end" not in post:
        raise Incomplete
    read = Posted(post, Action.of(post))
    mine = read.values(config_forms.build(before))
    typed = post.get("yaml", was).replace("\r\n", "\n")
    draft = _together(before, mine, was, typed)
    problems = dict(read.problems)
    for node in draft.form.walk():
        if problem := problems.setdefault(node.name, unclear(node)):
            node.errors.append(problem)
    told = dict.fromkeys(filter(None, problems.values()))
    draft.problems += [f"A value in the form was not taken: {text}." for text in told]
    _check(draft)
    return draft


def _together(before: dict[str, Any], mine: dict[str, Any], was: str, typed: str) -> Draft:
    """The form's changes and the YAML's."""
    is_typed, is_filled = typed.strip() != was.strip(), ordered(mine) != ordered(before)
    if not is_typed:
        text = text_of(mine) if is_filled else was
        return Draft(text, text, config_forms.build(values_of(text) or mine))
    theirs = values_of(typed)
    if theirs is None:
        # The YAML cannot be read: the form stays as it is.
        return Draft(typed, text_of(mine) if is_filled else was, config_forms.build(mine))
    if not is_filled:
        return Draft(typed, typed, config_forms.build(theirs))
    return _merged(before, mine, typed, theirs)


def _merged(before: dict[str, Any], mine: dict[str, Any], typed: str, theirs: dict[str, Any]) -> Draft:
    sides = (before, mine, theirs)
    if all(_can_merge(side) for side in sides):
        found = conflicts(before, mine, theirs)
        if not found:
            text = text_of(apply_changes(before, mine, theirs))
            return Draft(text, text, config_forms.build(values_of(text) or mine))
        keys = ", ".join(conflict.key for conflict in found)
        problem = f"Form and YAML were both changed, in different ways: {keys}. Change one of them back."
    else:
        problem = "Form and YAML were both changed, and the questions have no names to tell them apart by."
    # Both stay as they were typed.
    return Draft(typed, text_of(mine), config_forms.build(mine), [problem])


def _can_merge(values: dict[str, Any]) -> bool:
    asked = values.get(SCHEMES, [])
    if not isinstance(asked, list):
        return False
    names = [item.get("name") if isinstance(item, dict) else None for item in asked]
    return all(isinstance(name, str) for name in names) and len(set(names)) == len(names)


def _check(draft: Draft) -> None:
    parsed = parse(draft.text, NAME, needs_files=False)
    draft.tell(parsed.errors, parsed.warnings)


def values_of(text: str) -> dict[str, Any] | None:
    """The plain values of a file in the new dialect, each good scheme written out. None: it is no mapping."""
    try:
        raw, _ = load_yaml(text, NAME)
    except YamlProblem:
        return None
    if raw is None:
        raw = {}
    if not isinstance(raw, dict):
        return None
    values = translate({str(key): value for key, value in raw.items() if value is not None}, Notebook(NAME))
    asked = values.get(SCHEMES)
    return {**values, SCHEMES: [_written(item) for item in asked]} if isinstance(asked, list) else values


def _written(raw: Any) -> Any:
    """A scheme with its short forms written out, and the keys nobody knows kept."""
    kind = raw.get("annotation_type") if isinstance(raw, dict) else None
    if not isinstance(kind, str) or kind not in schemes:
        return raw
    model = schemes.get(kind)
    try:
        scheme = model.model_validate(raw)
    except ValidationError:
        return raw
    return {**(scheme.__pydantic_extra__ or {}), **written_scheme(scheme)}
