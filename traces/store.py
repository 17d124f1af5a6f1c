"""Where documents lie: one zstd-compressed canonical JSON per trace version."""

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
BLOCK = 1 << 17  # what zstd expands at a time
# Keys are sorted, so what says where a trace comes from stands before its steps, which are nearly all of it.
_STEPS = b',"structured_turns":'
_BODIES = "SELECT version_id, body FROM traces_document WHERE version_id IN ({})"


def pack(doc: TraceDocument) -> bytes:
    """The document as it is stored."""
    return compress(canonical(doc))


def compress(body: bytes) -> bytes:
    """Canonical JSON as it is stored."""
    return zstandard.ZstdCompressor(level=LEVEL).compress(body)


def unpack(body: bytes | memoryview) -> TraceDocument:
    """The document that ``pack`` stored; SQLite gives bytes, Postgres a memoryview."""
    return loads(expand(body))


def expand(body: bytes | memoryview) -> bytes:
    """The canonical JSON that is stored."""
    return zstandard.ZstdDecompressor().decompress(bytes(body))


def load_document(version_id: int) -> TraceDocument:
    """The document of a TraceVersion. Raises Document.DoesNotExist."""
    return unpack(Document.objects.values_list("body", flat=True).get(pk=version_id))


def iter_documents(version_ids: Iterable[int], *, using: str = "default") -> Iterator[TraceDocument]:
    """The documents of these TraceVersions, one for each id in the order given; memory is that of one batch.

    ``using`` is the database alias: "snapshot" for a read beside writers. Raises Document.DoesNotExist.
    """
    expander = zstandard.ZstdDecompressor()
    for body in _stored(version_ids, using):
        yield loads(expander.decompress(body))


def iter_opened(version_ids: Iterable[int], *, using: str = "default") -> Iterator[Opened]:
    """The same for who mostly looks at what stands before the steps."""
    expander = zstandard.ZstdDecompressor()
    for body in _stored(version_ids, using):
        stream = expander.stream_reader(body)
        start = stream.read(BLOCK)
        if len(start) == BLOCK:
            expander = zstandard.ZstdDecompressor()  # this one goes on with that document, if anybody asks
        yield Opened(start, stream)


class Opened:
    """A stored document, expanded and parsed as far as somebody looks into it."""

    def __init__(self, start: bytes, rest: zstandard.ZstdDecompressionReader) -> None:
        self._start, self._rest = start, rest

    def head(self) -> TraceDocument | None:
        """What it says before its steps; None where all of it has to be read to know."""
        end = self._start.find(_STEPS)
        try:
            return loads(self._start[:end] + b"}") if end > 0 else None
        except ValueError:
            return None  # some other object has a key of that name

    def whole(self) -> TraceDocument:
        """All of it: once."""
        return loads(self._start + self._rest.read())


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
