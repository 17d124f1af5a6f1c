"""docs/configuration.md names every key of both dialects, with its default, and no other."""

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from annotation.projects import dialects, later
from annotation.projects.checks import PAGE_KEYS
from annotation.projects.config import ProjectConfig
from annotation.schemes import schemes
from annotation.schemes.base import Scheme, ShowIf
from annotation.schemes.choices import Option
from annotation.schemes.code_review import VerdictOption
from annotation.schemes.labels import Label
from annotation.schemes.pairwise import Dimension

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
# The default is a word, because it is no simple value.
IN_WORDS = {
    "labels": "correct, incorrect",
    "options": "required",
    "keyboard_shortcuts": "–",
    "verdict.options": "approve, request_changes, comment",
}
ENTRIES = {
    "labels": ("labels.*", Label),
    "options": ("options.*", Option),
    "show_if": ("show_if", ShowIf),
    "dimensions": ("dimensions.*", Dimension),
    "verdict.options": ("verdict.options.*", VerdictOption),
}


def rows(heading):
    """Key → default of the table under a heading."""
    section = re.split(r"^#+ ", PAGE.split(f"{heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    return dict(re.findall(r"^\| `([^`]+)` \| (.+?) \|", section, re.MULTILINE))


def documented():
    """Key → default of every table about the new dialect's sections."""
    page = PAGE.split("## Questions")[0]
    return dict(re.findall(r"^\| `([^`]+)` \| (.+?) \|", page, re.MULTILINE))


def default_of(info):
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True)
    if value is None:
        return "–"
    if isinstance(value, float):
        value = int(value)
    return f"`{value}`" if isinstance(value, str) and value else f"`{json.dumps(value)}`"


def keys_of(model, prefix=""):
    """Dotted key → default of a model and the sections in it."""
    found = {}
    for name, info in model.model_fields.items():
        key = f"{prefix}{info.alias or name}"
        if key in IN_WORDS:
            found[key] = IN_WORDS[key]
        elif isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            found |= keys_of(info.annotation, f"{key}.")
            continue
        else:
            found[key] = default_of(info)
        if key in ENTRIES:
            inner, entry = ENTRIES[key]
            found |= keys_of(entry, f"{inner}.")
    return found


def test_every_key_of_a_project_is_documented_with_its_default():
    expected = keys_of(ProjectConfig)
    del expected["annotation_schemes"]
    assert documented() == {**expected, "annotators": "`[]`"}


# Of the text fields one is documented: the other differs in how many lines it shows.
KINDS = [name for name in schemes.names() if name != "text"]


def heading_of(kind):
    return "### `text_input` and `text`" if kind == "text_input" else f"### `{kind}`"


@pytest.mark.parametrize(("heading", "kind"), [(heading_of(kind), kind) for kind in KINDS])
def test_every_key_of_a_scheme_is_documented_with_its_default(heading, kind):
    common = keys_of(Scheme)
    own = {key: value for key, value in keys_of(schemes.get(kind)).items() if key not in common}
    assert rows(heading) == own


def test_the_keys_of_every_scheme_are_documented_with_their_defaults():
    assert rows("### Every scheme") == keys_of(Scheme)


def test_every_older_key_is_documented():
    moved = {".".join(map(str, path)) for path in dialects.MOVED}
    assert set(rows("## The older dialect")) == moved | set(dialects.PER_ITEM) | {"task_dir"}
    for key in dialects.WITHOUT_EFFECT:
        assert f"`{key}`" in PAGE.split("These older keys have no effect")[1]


def test_every_key_that_comes_later_says_so():
    for path in later.KEYS:
        row = re.search(rf"^\| `{re.escape('.'.join(map(str, path)))}` \|.*$", PAGE, re.MULTILINE)[0]
        assert re.search(r"[Cc]omes? later|JSON Lines", row)


def effects(section):
    return dict(re.findall(r"^\| `([^`]+)` \| .+? \| (.+?) \|$", section, re.MULTILINE))


def descriptions(model, prefix=""):
    """Dotted key → what a form says beside it."""
    found = {}
    for name, info in model.model_fields.items():
        key = f"{prefix}{info.alias or name}"
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            found |= descriptions(info.annotation, f"{key}.")
            continue
        found[key] = info.description
        if key in ENTRIES:
            inner, entry = ENTRIES[key]
            found |= descriptions(entry, f"{inner}.")
    return found


@pytest.mark.parametrize(
    ("start", "end", "model"),
    [
        ("## The project", "## Questions", ProjectConfig),
        ("### Every scheme", "### `process_reward`", Scheme),
        *((heading_of(kind), "\n##", schemes.get(kind)) for kind in KINDS),
    ],
)
def test_the_forms_say_what_the_page_says(start, end, model):
    common = {"annotation_type", "annotation_schemes", "annotators", *descriptions(Scheme)} - {*descriptions(model)}
    documented_here = effects(PAGE.split(f"{start}\n", 1)[1].split(end)[0])
    own = {key: text for key, text in descriptions(model).items() if key in documented_here}
    assert {key: text for key, text in documented_here.items() if key not in common} == own


def test_the_pages_own_keys_are_documented():
    assert f"`{' '.join(PAGE_KEYS)}`" in PAGE
