"""The beginning and the end of a large JSON text, as values: what a detection may look at without reading it all.

``cut_short`` reads a text that was cut anywhere: what was complete is there, open lists and objects end where the cut
was. ``last_fields`` reads the keys that close a large object, because some formats say their name last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from potato_site.canonical import loads_leniently

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{},:]', re.DOTALL)
_CLOSES = {b"{": b"}", b"[": b"]"}
_DEEPEST = 200  # levels: what a mark of a format lies far above


def cut_short(raw: bytes) -> Any:
    """The JSON value ``raw`` begins with, ended where it was cut. A value cut in the middle is left out, but the key
    of a text cut in the middle is kept, with "". None where there is no value."""
    cut, tail = _last_good_place(raw)
    for text in (raw[:cut] + tail, raw):
        try:
            return loads_leniently(text)
        except (ValueError, RecursionError):
            continue
    return None


def _last_good_place(raw: bytes) -> tuple[int, bytes]:
    """(where to cut ``raw``, what closes it there)."""
    open_now: list[bytes] = []
    cut, before = 0, b""
    for match in _TOKEN.finditer(raw):
        token = match[0]
        if token in _CLOSES:
            if len(open_now) == _DEEPEST:
                break
            open_now.append(_CLOSES[token])
            cut = match.end()
        elif token in (b"]", b"}"):
            if open_now:
                open_now.pop()
            cut = match.end()
            if not open_now:
                break
        elif token == b",":
            cut = match.start()
        elif before == b":" and match.end() == len(raw):
            # Perhaps not whole; its key is what is looked for.
            open_now.append(b'""')
            cut = match.start()
        before = token
    return cut, b"".join(reversed(open_now))


def last_fields(raw: bytes) -> dict[str, Any]:
    """The last keys of the object that ends with ``raw``, each with its value where that lies in ``raw`` whole.

    Empty where ``raw`` is not the end of one object: several records, a list, no JSON.
    """
    raw = raw.rstrip()
    if not raw.endswith(b"}"):
        return {}
    return next((fields for start in _starts(raw) if (fields := _fields(raw, start)) is not None), {})


def _starts(raw: bytes) -> Iterator[int]:
    """Where to begin reading: ``raw`` may begin inside a text or outside of one."""
    yield 0
    quote = raw.find(b'"')
    if quote >= 0:
        yield quote + 1


def _fields(raw: bytes, start: int) -> dict[str, Any] | None:
    tokens = [(match.start(), match.end(), match[0]) for match in _TOKEN.finditer(raw, start)]
    if not tokens or tokens[-1][2] != b"}" or tokens[-1][1] != len(raw):
        return None
    found: dict[str, Any] = {}
    depth, end = 0, len(raw)
    for index in range(len(tokens) - 1, -1, -1):
        begins, ends, token = tokens[index]
        if token in (b"}", b"]"):
            depth += 1
            end = begins if depth == 1 else end
        elif token in _CLOSES:
            depth -= 1
            if depth == 0:
                # The object begins here. What stands before it is another record, or a list around it.
                return found if index == 0 else {}
        elif depth == 1 and token == b",":
            end = begins
        elif depth == 1 and token == b":" and index:
            try:
                found[loads_leniently(tokens[index - 1][2])] = loads_leniently(raw[ends:end])
            except (ValueError, RecursionError):
                return found
    return found
