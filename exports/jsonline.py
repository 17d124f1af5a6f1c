"""One JSON object as one line, or a value that becomes part of one."""

import json
from collections.abc import Mapping
from typing import Any

import orjson

from exports.judged import Steps

# Legal inside JSON text, but Python's ``splitlines`` and some readers take them for the end of a line.
_LINE_BREAKS = {"\u0085": b"\\u0085", "\u2028": b"\\u2028", "\u2029": b"\\u2029"}
_FIRST, _FIRST_OF_THREE = "\u0085".encode()[0], "\u2028".encode()[0]


def json_line(value: Mapping[str, Any]) -> bytes:
    """``value`` as one line of UTF-8 JSON that ends with a newline; keys in the order given, floats as floats.

    A whole number outside -2^63 to 2^63 - 1, as a call's input may hold, is its digits as a text: readers that infer
    types round such numbers, or refuse the file.
    """
    try:
        # Strict is outside 53 bits, which is rare: only then is every number looked at.
        text = orjson.dumps(value, default=_list, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_STRICT_INTEGER)
    except orjson.JSONEncodeError as error:
        if "Integer exceeds" not in str(error):
            raise
        text = orjson.dumps(_narrow(value), option=orjson.OPT_APPEND_NEWLINE)
    return _in_one_line(text)


def exact_json_line(value: Mapping[str, Any]) -> bytes:
    """The same with every whole number as it is, for who reads whole numbers of any width."""
    try:
        text = orjson.dumps(value, default=_list, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError as error:
        if "Integer exceeds" not in str(error):
            raise
        text = json.dumps(value, default=_list, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        text += b"\n"
    return _in_one_line(text)


def _narrow(value: Any) -> Any:
    """``value`` with each whole number that has no place in 64 bits with a sign as its digits."""
    if isinstance(value, Steps):
        value = value.all()
    if isinstance(value, dict):
        return {key: _narrow(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_narrow(inner) for inner in value]
    return str(value) if isinstance(value, int) and not -(2**63) <= value < 2**63 else value


def json_text(value: str) -> bytes:
    """``value`` as it stands in a line, with its quotes."""
    return _in_one_line(orjson.dumps(value))


def _list(value: Any) -> list[Any]:
    """For the steps of a row, which are no list."""
    if isinstance(value, Steps):
        return value.all()
    raise TypeError(f"a {type(value).__name__} is not JSON")


def _in_one_line(text: bytes) -> bytes:
    # Most texts hold none of the bytes with which they begin: two looks at the speed of memory.
    if _FIRST not in text and _FIRST_OF_THREE not in text:
        return text
    for character, escape in _LINE_BREAKS.items():
        text = text.replace(character.encode(), escape)
    return text
