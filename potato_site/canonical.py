"""Canonical JSON: one sequence of bytes per value, so that values can be hashed, compared and published.

Plain Python: converters, trace documents and export formats use it without Django.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from typing import Any, NoReturn

import msgspec
import orjson

# orjson writes faster, but reads a whole number beyond 64 bits as a float.
_FAST_DECODER = msgspec.json.Decoder()


def canonical(value: Any) -> bytes:
    """``value`` as canonical JSON: sorted keys, UTF-8, no spaces. Equal values give equal bytes.

    Raises TypeError or ValueError for what JSON cannot hold (other key types than strings, sets, lone surrogates).
    NaN and infinities become null: outside data is refused at the edge, by ``loads``.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        if "64-bit" not in str(error):
            raise
        # Integers beyond 64 bits: rare, legal JSON, and unknown to orjson.
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode()


def loads(text: str | bytes) -> Any:
    """Parse JSON exactly: integers of any width stay integers, lone surrogates are kept, the last of equal keys wins.

    Raises ValueError (``json.JSONDecodeError`` where there is a place to name) for NaN, Infinity, a number too large
    to read and whatever else is not JSON; RecursionError for nesting deeper than Python's stack.
    """
    try:
        return _FAST_DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        pass  # what only the standard parser reads or explains
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return DECODER.decode(text)


def loads_each(texts: Iterable[bytes]) -> list[Any] | None:
    """``loads`` of many texts, in a fraction of the time; None where one of them needs a closer look."""
    try:
        return list(map(_FAST_DECODER.decode, texts))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def digest(*parts: Any) -> str:
    """SHA-256 (hex) over the canonical JSON of ``parts``, as a list."""
    return hashlib.sha256(canonical(list(parts))).hexdigest()


def _finite(digits: str) -> float:
    value = float(digits)
    return value if math.isfinite(value) else _refuse(digits)


def _finite_or_nothing(digits: str) -> float | None:
    value = float(digits)
    return value if math.isfinite(value) else None


def _nothing(name: str) -> None:
    """In place of NaN, Infinity and -Infinity."""


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name[:20]} is not a number JSON can hold")


def loads_leniently(text: str | bytes) -> Any:
    """``loads`` for what programs write: NaN and infinities become null, raw control characters in texts are taken.

    Raises ValueError and RecursionError as ``loads`` does for all else.
    """
    try:
        return loads(text)
    except ValueError:
        pass  # and what the error holds of a long text is let go
    return LENIENT_DECODER.decode(text if isinstance(text, str) else text.decode("utf-8", "replace"))


DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)  # the slow, exact road of ``loads``
LENIENT_DECODER = json.JSONDecoder(parse_constant=_nothing, parse_float=_finite_or_nothing, strict=False)
