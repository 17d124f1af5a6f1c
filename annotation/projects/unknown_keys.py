"""Keys of a configuration that no model knows, also where it has mistakes: often they are the cause."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from potato_site.safe_yaml import KeyPath

# (path of a key, the keys that are known there).
Unknown = tuple[KeyPath, list[str]]


def unknown_keys(model: type[BaseModel], value: Mapping[str, Any], path: KeyPath = ()) -> Iterator[Unknown]:
    """Those of ``value``, which should be a ``model``, at any depth; ``path`` is where it stands."""
    try:
        found = model.model_validate(value)
    except ValidationError as error:
        yield from _of_raw(model, value, error, path)
    else:
        yield from _of_model(found, path)


def _of_model(found: BaseModel, path: KeyPath) -> Iterator[Unknown]:
    fields = type(found).model_fields
    known = [info.alias or name for name, info in fields.items()]
    for key in found.__pydantic_extra__ or {}:
        yield (*path, key), known
    for name, info in fields.items():
        yield from _of_value(getattr(found, name), (*path, info.alias or name))


def _of_value(value: Any, path: KeyPath) -> Iterator[Unknown]:
    if isinstance(value, BaseModel):
        yield from _of_model(value, path)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _of_value(item, (*path, str(key)))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _of_value(item, (*path, index))


def _of_raw(
    model: type[BaseModel], value: Mapping[str, Any], error: ValidationError, path: KeyPath
) -> Iterator[Unknown]:
    """Of what is no model. A key that is no field may be another word for one: the mistakes then depend on it."""
    fields = {info.alias or name: info for name, info in model.model_fields.items()}
    for key, item in value.items():
        if key in fields:
            yield from _of_raw_value(fields[key].annotation, item, (*path, key))
        elif _mistakes_without(model, value, key) == _told(error):
            yield (*path, key), list(fields)


def _mistakes_without(model: type[BaseModel], value: Mapping[str, Any], key: str) -> Any:
    try:
        model.model_validate({name: item for name, item in value.items() if name != key})
    except ValidationError as error:
        return _told(error)
    return None


def _told(error: ValidationError) -> list[Any]:
    return error.errors(include_url=False, include_context=False, include_input=False)


def _of_raw_value(kind: Any, value: Any, path: KeyPath) -> Iterator[Unknown]:
    """``kind``: the type that ``value`` should have. What is written in a shorter way has no keys."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if isinstance(value, dict):
            yield from unknown_keys(kind, value, path)
        return
    kinds = get_args(kind)
    if get_origin(kind) in (list, tuple):
        for index, item in enumerate(value) if isinstance(value, list) else ():
            yield from _of_raw_value(kinds[0], item, (*path, index))
    elif get_origin(kind) in (dict, Mapping):
        for key, item in value.items() if isinstance(value, dict) else ():
            yield from _of_raw_value(kinds[1], item, (*path, key))
    else:
        for one in kinds:
            yield from _of_raw_value(one, value, path)
