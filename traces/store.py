"""Where documents lie: one canonical JSON per trace version, zstd-compressed in two parts, head and steps.

Keys are sorted, so what says where a trace comes from stands before its steps, which are nearly all of it. A part is a
frame of zstd with a JSON object in it, ``{"agent": …, "repo": …}`` and ``{"structured_turns": …, …}``: whoever asks for
the first expands no more (docs/decisions/0014). Before the two stands a frame for whoever reads the column, which zstd
skips: it holds the length of the head's. A document without steps is one frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import zstandard
from django.db import connections

from potato_site.canonical import canonical, loads
from traces.document import TraceDocument
from traces.models import Document

LEVEL = 3
BATCH = 50  # compressed documents held at once
_STEPS = b',"structured_turns":'
# A skippable frame of four bytes (RFC 8878, 3.1.2).
_IN_PARTS = b"\x50\x2a\x4d\x18\x04\x00\x00\x00"
_HEAD_AT = len(_IN_PARTS) + 4
_BODIES = "SELECT version_id, body FROM traces_document WHERE version_id IN ({})"


def pack(doc: TraceDocument) -> bytes:
    """The document as it is stored."""
    return compress(canonical(doc))


def compress(text: bytes) -> bytes:
    """The canonical JSON of a document as it is stored."""
    end = _end_of_head(text)
    if not end:
        return _compressed(text)
    head = _compressed(text[:end], b"}")
    steps = _compressed(b"{", memoryview(text)[end + 1 :])
    return b"".join((_IN_PARTS, len(head).to_bytes(4, "little"), head, steps))


def unpack(body: bytes | memoryview) -> TraceDocument:
    """The document that ``pack`` stored; SQLite gives bytes, Postgres a memoryview."""
    return Opened(bytes(body), zstandard.ZstdDecompressor()).whole()


def expand(body: bytes | memoryview) -> bytes:
    """The canonical JSON of a stored document."""
    return Opened(bytes(body), zstandard.ZstdDecompressor()).text()


def load_document(version_id: int) -> TraceDocument:
    """The document of a TraceVersion. Raises Document.DoesNotExist."""
    return unpack(_body(version_id))


def load_text(version_id: int) -> bytes:
    """The same as canonical JSON, for who parses only what they look at."""
    return expand(_body(version_id))


def _body(version_id: int) -> bytes | memoryview:
    return Document.objects.values_list("body", flat=True).get(pk=version_id)


def iter_documents(version_ids: Iterable[int], *, using: str = "default") -> Iterator[TraceDocument]:
    """The documents of these TraceVersions, one for each id in the order given; memory is that of one batch.

    ``using`` is the database alias: "snapshot" for a read beside writers. Raises Document.DoesNotExist.
    """
    for opened in iter_opened(version_ids, using=using):
        yield opened.whole()


def iter_opened(version_ids: Iterable[int], *, using: str = "default") -> Iterator[Opened]:
    """The same for who mostly looks at what stands before the steps."""
    expander = zstandard.ZstdDecompressor()
    for body in _stored(version_ids, using):
        yield Opened(body, expander)


class Opened:
    """A stored document, expanded and parsed as far as somebody looks into it: in one thread, that of ``expander``."""

    def __init__(self, body: bytes, expander: zstandard.ZstdDecompressor) -> None:
        self._body, self._expander = body, expander
        self._head: TraceDocument | None = None
        # Where the frame of the steps begins; 0: there is but one frame.
        self._steps_at = 0
        if body.startswith(_IN_PARTS):
            self._steps_at = _HEAD_AT + int.from_bytes(body[len(_IN_PARTS) : _HEAD_AT], "little")

    @property
    def head(self) -> TraceDocument | None:
        """What it says before its steps; None of one that has none, or is not in parts."""
        if self._head is None and self._steps_at:
            self._head = loads(self._expanded(_HEAD_AT, self._steps_at))
        return self._head

    def whole(self) -> TraceDocument:
        """All of it."""
        rest, head = loads(self._expanded(self._steps_at)), self.head
        return {**head, **rest} if head else rest

    def text(self) -> bytes:
        """All of it, as it was given to ``compress``."""
        if not self._steps_at:
            return self._expanded()
        head, rest = self._expanded(_HEAD_AT, self._steps_at), self._expanded(self._steps_at)
        return b"".join((memoryview(head)[:-1], b",", memoryview(rest)[1:]))

    def _expanded(self, start: int = 0, end: int | None = None) -> bytes:
        """The frame that begins there."""
        return self._expander.decompress(memoryview(self._body)[start:end])


def _end_of_head(text: bytes) -> int:
    """Where what stands before the steps ends; 0 where there are none, or another object has a key of that name."""
    end = text.find(_STEPS)
    if end <= 0:
        return 0
    try:
        loads(text[:end] + b"}")
    except ValueError:
        return 0
    return end


def _compressed(*parts: bytes | memoryview) -> bytes:
    """One frame of the joined ``parts``, which says how long they are."""
    stream = zstandard.ZstdCompressor(level=LEVEL).compressobj(size=sum(map(len, parts)))
    return b"".join([*map(stream.compress, parts), stream.flush()])


def _stored(version_ids: Iterable[int], using: str) -> Iterator[bytes]:
    """The compressed documents, one for each id in the order given."""
    rest = iter(version_ids)
    while batch := list(islice(rest, BATCH)):
        bodies = _bodies(batch, using)
        for version_id in batch:
            if version_id not in bodies:
                raise Document.DoesNotExist(f"no document of trace version {version_id}")
            yield bytes(bodies[version_id])


def _bodies(version_ids: list[int], using: str) -> dict[int, bytes | memoryview]:
    """TraceVersion id → compressed document. Past the ORM, which costs more than reading the documents does."""
    places = ", ".join(["%s"] * len(version_ids))
    with connections[using].cursor() as cursor:
        cursor.execute(_BODIES.format(places), version_ids)
        return dict(cursor.fetchall())
