"""Columns of Arrow made from Python values, without pandas.

``pyarrow.array`` looks whether what it is given is pandas', and imports pandas to find out wherever that is installed:
50 MB for nothing. The buffers of a column are quickly written by hand.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_CODES = {"int64": "q", "double": "d"}


def column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """``values``, or None in their place, as texts, whole numbers, numbers, truth values or lists of one of these.
    Equal to ``pyarrow.array(values, kind)``."""
    import pyarrow as pa

    if pa.types.is_list(kind):
        return lists(values, column([one for value in values for one in value or ()], kind.value_type), kind)
    if pa.types.is_string(kind):
        # One behind the other, and none of them twice.
        texts, ends = bytearray(), array("i", [0])
        for value in values:
            texts += (value or "").encode()
            ends.append(len(texts))
        buffers = [_present(values), pa.py_buffer(ends), pa.py_buffer(texts)]
    elif pa.types.is_boolean(kind):
        buffers = [_present(values), _bits(values)]
    else:
        numbers = array(_CODES[str(kind)], [0 if value is None else value for value in values])
        buffers = [_present(values), pa.py_buffer(numbers)]
    return pa.Array.from_buffers(kind, len(values), buffers)


def lists(values: Sequence[Sequence[Any] | None], inner: pa.Array, kind: pa.DataType) -> pa.Array:
    """Lists as long as ``values``, or None in their place, of what is in ``inner``, one list behind the other."""
    import pyarrow as pa

    ends = array("i", [0, *accumulate(len(value or ()) for value in values)])
    return pa.Array.from_buffers(kind, len(values), [_present(values), pa.py_buffer(ends)], children=[inner])


def _present(values: Sequence[Any]) -> pa.Buffer | None:
    """Which values are there; None: all of them."""
    return _bits([value is not None for value in values]) if None in values else None


def _bits(values: Sequence[Any]) -> pa.Buffer:
    """The first value is the lowest bit."""
    import pyarrow as pa

    digits = "".join(["1" if value else "0" for value in reversed(values)])
    return pa.py_buffer(int(digits or "0", 2).to_bytes((len(values) + 7) // 8, "little"))
