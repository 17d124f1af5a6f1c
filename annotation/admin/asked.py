"""The rows that an act was asked about, carried through its page: what is confirmed is done to these and no others."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterable
from itertools import accumulate, pairwise

# What the ids of as many rows as one act may have never need.
MOST_BYTES = 2_000_000


def pack(pks: Iterable[int]) -> str:
    """Row ids as text for a form; fifty thousand of one project are some kilobytes."""
    ordered = sorted(pks)
    gaps = [b - a for a, b in pairwise([0, *ordered])]
    return base64.urlsafe_b64encode(zlib.compress(",".join(map(str, gaps)).encode())).decode()


def unpack(text: str) -> set[int] | None:
    """The ids again; None for what :func:`pack` did not make."""
    try:
        opened = zlib.decompressobj()
        found = opened.decompress(base64.urlsafe_b64decode(text.encode()), MOST_BYTES)
        return set(accumulate(int(gap) for gap in found.decode("ascii").split(","))) if opened.eof else None
    except (ValueError, binascii.Error, zlib.error):
        return None
