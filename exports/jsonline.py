"""One JSON object as one line."""

from collections.abc import Mapping
from typing import Any

import orjson

# Legal inside JSON text, but Python's ``splitlines`` and some readers take them for the end of a line.
_LINE_BREAKS = {"\u0085": b"\\u0085", "\u2028": b"\\u2028", "\u2029": b"\\u2029"}


def json_line(value: Mapping[str, Any]) -> bytes:
    """``value`` as one line of UTF-8 JSON that ends with a newline; keys in the order given, floats as floats."""
    line = orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
    if line.isascii():
        return line
    for character, escape in _LINE_BREAKS.items():
        line = line.replace(character.encode(), escape)
    return line
