"""A configuration as a file in the new dialect, which ``annotation.projects.config.parse`` reads back as the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from annotation.projects.config import ProjectConfig
from potato_site.safe_yaml import UNWANTED, YamlProblem, load_yaml

# Written although they are the defaults: who reads the file looks for them.
ALWAYS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("data",): ("source", "data_format"),
    ("output",): ("path", "format"),
    ("quality_control",): ("overlap_percentage", "overlap_depth", "minimum_time_per_instance"),
}
ALWAYS_IN_A_SCHEME = ("annotation_type", "name", "mode", "scope")
WIDTH = 110


class _Dumper(yaml.SafeDumper):
    """SafeDumper that writes lists indented, and in quotes whatever the older or our rules would read as no text."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=_style(value))


def _style(value: str) -> str | None:
    """Several lines as a block, which people can read; what a plain scalar would lose in quotes."""
    if "\n" in value:
        return "|" if _is_block(value) else '"'
    if any(ord(char) > 0xFFFF or not char.isprintable() for char in value):
        return '"'
    return None if _reads_as_text(value) else "'"


def _is_block(value: str) -> bool:
    """Whether a block scalar can hold it: no line ends in white space, the first line is not indented."""
    lines = value.split("\n")
    return (
        all(line == line.rstrip() for line in lines)
        and bool(lines[0])
        and not value[0].isspace()
        and all(char.isprintable() or char == "\n" for char in value)
    )


def _reads_as_text(value: str) -> bool:
    try:
        return load_yaml(f"k: {value}", "")[0] == {"k": value}
    except YamlProblem:
        # The dumper finds the quotes it needs.
        return True


_Dumper.add_representer(str, _text)


def to_yaml(config: ProjectConfig, people: Iterable[str] = ()) -> str:
    """The configuration as a file; ``people`` are the names of its annotators. Passwords are nowhere to be had."""
    names = list(people)
    return text_of({**written(config), **({"annotators": names} if names else {})})


def text_of(value: Mapping[str, Any]) -> str:
    """Plain values as YAML, keys in their order."""
    # Characters that no file may hold cannot come from one; a form that was sent by hand could carry them.
    text = yaml.dump(
        _clean(value), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH, default_flow_style=False
    )
    return str(text)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return UNWANTED.sub("�", value)
    if isinstance(value, Mapping):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, (list, tuple)) else value


def written(config: ProjectConfig) -> dict[str, Any]:
    """The keys a file needs to say: those that differ from their defaults, and those people look for."""
    found = _section(config, ())
    order = [name for name in ProjectConfig.model_fields if name in found]
    return {name: found[name] for name in order}


def written_scheme(scheme: BaseModel) -> dict[str, Any]:
    """As :func:`written`, of one scheme."""
    return _section(scheme, ("annotation_schemes",))


def plain_of(value: Any) -> Any:
    """A part of a configuration as a file would say it."""
    return _value(value, ())


def _section(model: BaseModel, path: tuple[str, ...]) -> dict[str, Any]:
    """The keys of a model that are not at their defaults."""
    always = ALWAYS.get(path, ALWAYS_IN_A_SCHEME if path == ("annotation_schemes",) else ())
    found: dict[str, Any] = {}
    for name, info in type(model).model_fields.items():
        key = info.alias or name
        value = getattr(model, name)
        if key in always or (not path and (key,) in ALWAYS) or not _is_default(value, info):
            found[key] = _value(value, (*path, key))
    return _short_paths(found) if path == ("data",) else found


def _is_default(value: Any, info: FieldInfo) -> bool:
    return not info.is_required() and _same(value, info.get_default(call_default_factory=True))


def _same(a: Any, b: Any) -> bool:
    """Equal in type, value and order."""
    if isinstance(a, BaseModel) and isinstance(b, BaseModel):
        return type(a) is type(b) and all(_same(getattr(a, name), getattr(b, name)) for name in type(a).model_fields)
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return list(a) == list(b) and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b)


def _value(value: Any, path: tuple[str, ...]) -> Any:
    if isinstance(value, BaseModel):
        return _section(value, path)
    if isinstance(value, Mapping):
        return {str(key): _value(item, (*path, str(key))) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_value(item, path) for item in value]
    # 15.0 is 15 to people; a longer number keeps what it has.
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value


def _short_paths(data: dict[str, Any]) -> dict[str, Any]:
    paths = data.get("input_path")
    return {**data, "input_path": paths[0]} if paths and len(paths) == 1 else data
