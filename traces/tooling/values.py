"""Values of a stranger's JSON, read as what they should be: a wrong type is as good as nothing."""

from __future__ import annotations

from typing import Any

from potato_site.canonical import loads_leniently


def as_object(value: object) -> dict[str, Any]:
    """The object, {} where it is none."""
    return value if isinstance(value, dict) else {}


def as_objects(value: object) -> list[dict[str, Any]]:
    """The objects of a list, [] where it is none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def as_text(value: object) -> str | None:
    """Text that is not empty, else None."""
    return value if isinstance(value, str) and value else None


def as_number(value: object) -> int | float | None:
    """A number that JSON can hold again, else None; true is no number."""
    if type(value) is float:
        return value if value - value == 0 else None
    return value if type(value) is int else None


def as_int(value: object) -> int | None:
    """A whole number, else None."""
    return value if type(value) is int else None


def inner_json(value: object) -> Any:
    """What a JSON text inside the JSON says; a value that is no text as it is, None for a text that is no JSON."""
    if not isinstance(value, str):
        return value
    try:
        return loads_leniently(value if value.isascii() else value.encode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        return None
