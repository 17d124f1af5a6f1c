"""From the text of a configuration file to a typed configuration, with everything that is wrong said at once."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from annotation.projects import checks, later
from annotation.projects.config import Parsed, ProjectConfig
from annotation.projects.dialects import MOVED, PER_ITEM, WITHOUT_EFFECT, translate
from annotation.projects.named_people import read_people
from annotation.projects.notes import Note, Notebook, did_you_mean
from annotation.projects.sections import Data
from annotation.projects.unknown_keys import unknown_keys
from annotation.schemes import schemes
from annotation.schemes.base import PATTERNS, Scheme
from potato_site.registry import names_in
from potato_site.safe_yaml import KeyPath, YamlProblem, load_yaml

SCHEMES = "annotation_schemes"
OLDER_KEYS = {str(path[0]) for path in MOVED} | set(PER_ITEM) | set(WITHOUT_EFFECT) | {"task_dir", "annotators"}


def read(text: str | bytes, name: str, *, needs_files: bool) -> Parsed:
    """See :func:`annotation.projects.config.parse`."""
    try:
        raw, lines = load_yaml(text, name)
    except YamlProblem as problem:
        notes = dict.fromkeys(Note(name, line, "", message) for line, message in problem.problems)
        return Parsed(None, Notebook(name, notes=notes))
    book = Notebook(name, lines)
    if not isinstance(raw, dict):
        book.error((), "the file is empty" if raw is None else "the file should be a mapping of keys to values")
        return Parsed(None, book)
    value = translate(_filled(raw), book)
    task_dir = value.pop("task_dir", ".")
    people = read_people(value.pop("annotators", None), book)
    if needs_files:
        _require_files(value.get("data"), book)
    config = _config(value, book)
    return Parsed(None if book.errors else config, book, people, task_dir, _named_files(value.get("data")))


def _named_files(data: Any) -> tuple[str, ...]:
    """The files of traces that it names, where that part of it is right."""
    try:
        return tuple(Data.model_validate(data or {}).input_path)
    except ValidationError:
        return ()


def _require_files(data: Any, book: Notebook) -> None:
    """What stands in a file of its own names its traces."""
    if data is None:
        book.error(("data",), "Field required")
    elif isinstance(data, dict) and "input_path" not in data:
        book.error(("data", "input_path"), "Field required")
    elif isinstance(data, dict) and data["input_path"] == []:
        book.error(("data", "input_path"), "List should have at least 1 item")


def _filled(value: Any) -> Any:
    """Without the keys that have no value: ``annotators:`` with nothing behind it is as if it were not there."""
    if isinstance(value, dict):
        return {str(key): _filled(item) for key, item in value.items() if item is not None}
    return [_filled(item) for item in value] if isinstance(value, list) else value


def _config(value: dict[str, Any], book: Notebook) -> ProjectConfig | None:
    later.leave_out(value, book)
    raw = value.get(SCHEMES)
    built = _schemes(raw, book)
    checks.check_schemes(built, book, _unread(raw, built))
    checks.warn_idle(built, book)
    config = _validated(ProjectConfig, {**value, SCHEMES: tuple(built.values())}, (), book)
    if not isinstance(config, ProjectConfig):
        return None
    checks.check_quality(config, book)
    checks.check_recruitment(config, book)
    _warn_unknown_formats(config, book)
    checks.check_exports(config, book)
    return config


def _unread(raw: Any, built: Mapping[int, Scheme]) -> dict[int, checks.Unread]:
    """The schemes that have mistakes, by their place in the file. What comes later is none of them."""
    items = enumerate(raw) if isinstance(raw, list) else ()
    named = {index: item for index, item in items if isinstance(item, dict) and isinstance(item.get("name"), str)}
    missing = {index: item for index, item in named.items() if index not in built}
    gone = {item["name"] for item in missing.values() if item.get("annotation_type") in later.SCHEME_TYPES}
    return {
        index: checks.Unread(item["name"], _field_of(item.get("show_if"), gone))
        for index, item in missing.items()
        if item.get("annotation_type") not in later.SCHEME_TYPES
    }


def _field_of(condition: Any, gone: Collection[str]) -> str:
    """The scheme that it names, if any, and if that is not one that comes later."""
    field = condition.get("field") if isinstance(condition, dict) else None
    return field if isinstance(field, str) and field not in gone else ""


def _schemes(raw: Any, book: Notebook) -> dict[int, Scheme]:
    """Place in the file → scheme, without those that are wrong or come later."""
    if raw is None or raw == []:
        book.error((SCHEMES,), "Field required: a project asks at least one question")
        return {}
    if not isinstance(raw, list):
        book.error((SCHEMES,), "Input should be a list")
        return {}
    items = later.without_conditions_on_left_out(raw, set(schemes.names()), book)
    found = {index: _scheme(item, (SCHEMES, index), book) for index, item in enumerate(items)}
    built = {index: scheme for index, scheme in found.items() if scheme is not None}
    if not built and not book.errors:
        book.error((SCHEMES,), "no scheme is left that this version can ask")
    return built


def _scheme(raw: Any, path: KeyPath, book: Notebook) -> Scheme | None:
    if not isinstance(raw, dict):
        book.error(path, "Input should be a mapping with annotation_type and name")
        return None
    kind = raw.get("annotation_type")
    if kind is None:
        book.error((*path, "annotation_type"), "Field required")
    elif not isinstance(kind, str):
        book.error((*path, "annotation_type"), "Input should be a valid string")
    elif kind in schemes:
        scheme = _validated(schemes.get(kind), raw, path, book)
        return scheme if isinstance(scheme, Scheme) else None
    elif kind in later.SCHEME_TYPES:
        book.warn(path, f"annotation_type {kind} comes later; this scheme is left out", "later")
    else:
        hint = did_you_mean(kind, [*schemes.names(), *later.SCHEME_TYPES])
        book.error(
            (*path, "annotation_type"), f"there is no scheme of this type{hint}; known: {', '.join(schemes.names())}"
        )
    return None


def _validated(model: type[BaseModel], value: Mapping[str, Any], path: KeyPath, book: Notebook) -> BaseModel | None:
    """The model, or None with every mistake noted; with it the keys that it does not know. A model that has a mistake
    in one key says it of each key."""
    _warn_unknown(model, value, path, book)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=True):
            where = (*path, *_location(problem["loc"]))
            book.error(*_named_key(where, _sentence(problem), value, path))
        return None


def _location(loc: tuple[int | str, ...]) -> KeyPath:
    """Without pydantic's own parts (``[key]``)."""
    return tuple(part for part in loc if part != "[key]")


def _sentence(problem: Any) -> str:
    """Pydantic's message; never its input, which could be a secret."""
    if problem["type"] == "string_pattern_mismatch" and problem["ctx"]["pattern"] in PATTERNS:
        return f"should be {PATTERNS[problem['ctx']['pattern']]}"
    message = str(problem["msg"]).removeprefix("Value error, ")
    is_scalar = isinstance(problem.get("input"), (int, float)) and problem["type"] == "string_type"
    return f"{message} (put it in quotes)" if is_scalar else message


def _named_key(where: KeyPath, message: str, value: Mapping[str, Any], path: KeyPath) -> tuple[KeyPath, str]:
    """A message of a whole mapping that starts with one of its keys (``verdict.options: …``) is about that key."""
    found = re.match(r"([a-z_]+(?:\.[a-z_]+)*): (.*)", message, re.DOTALL)
    if found and where == path and found[1].split(".")[0] in value:
        return (*path, *found[1].split(".")), found[2]
    return where, message


def _warn_unknown(model: type[BaseModel], value: Mapping[str, Any], path: KeyPath, book: Notebook) -> None:
    """Of the whole configuration or of one scheme; what the configuration has of schemes was said of each."""
    for place, known in unknown_keys(model, value, path):
        if not path and place[0] == SCHEMES and len(place) > 1:
            continue
        candidates = [*known, *OLDER_KEYS] if len(place) == 1 else known
        hint = did_you_mean(str(place[-1]), candidates)
        book.warn(place, f"is not a key we know; ignored{hint}", "unknown")


def _warn_unknown_formats(config: ProjectConfig, book: Notebook) -> None:
    """The package that brings a format may be missing here: the others are kept current all the same."""
    known = names_in("potato_site.export_formats")
    for place, name in enumerate(config.output.export_formats):
        if name not in known:
            hint = did_you_mean(name, known)
            message = f"there is no export format {name!r}; ignored{hint}; known: {', '.join(known)}"
            book.warn(("output", "export_formats", place), message, "unknown")
