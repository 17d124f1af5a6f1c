"""A canonical document in three pieces, so that who changes a field of it reads nothing of its steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from potato_site.canonical import canonical, loads
from traces.document import TraceDocument

STEPS = "structured_turns"
_HERE = b"\0"  # in no JSON


@dataclass(frozen=True)
class Pieces:
    """Its bytes are ``before``, ``steps`` and ``after``. ``beginning``: what ``beginning()`` says of it, "" where
    nobody has asked."""

    before: bytes
    steps: bytes = b""
    after: bytes = b""
    beginning: str = ""

    @property
    def body(self) -> bytes:
        return b"".join((self.before, self.steps, self.after))

    @property
    def about(self) -> dict[str, Any]:
        """The document, without steps where these are a piece."""
        about: dict[str, Any] = loads(self.before + (b"null" if self.steps else b"") + self.after)
        if self.steps:
            del about[STEPS]
        return about

    def with_about(self, about: dict[str, Any]) -> Pieces:
        """The same steps in a document with other fields."""
        return _around(about, self.steps, self.beginning) if self.steps else in_pieces(about, self.beginning)


def in_pieces(doc: TraceDocument, beginning: str = "") -> Pieces:
    """``doc`` as ``canonical`` writes it."""
    if doc.get(STEPS):
        try:
            return _around(doc, canonical(doc[STEPS]), beginning)
        except TypeError:
            pass  # a number in it that only Python can write
    return Pieces(canonical(doc), beginning=beginning)


def _around(about: dict[str, Any], steps: bytes, beginning: str = "") -> Pieces:
    """Raises TypeError where orjson cannot write the fields."""
    before, _, after = canonical(about | {STEPS: orjson.Fragment(_HERE)}).partition(_HERE)
    return Pieces(before, steps, after, beginning)
