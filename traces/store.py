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
    return map(loads, iter_bodies(version_ids, using=using))


def iter_bodies(version_ids: Iterable[int], *, using: str = "default") -> Iterator[bytes]:
    """The same as canonical JSON."""
    rest, expander = iter(version_ids), zstandard.ZstdDecompressor()
    while batch := list(islice(rest, BATCH)):
        bodies = _bodies(batch, using)
        for version_id in batch:
            if version_id not in bodies:
                raise Document.DoesNotExist(f"no document of trace version {version_id}")
            yield expander.decompress(bytes(bodies[version_id]))


def head_of(body: bytes) -> TraceDocument | None:
    """What a document says before its steps, in a fraction of the time that reading all of it takes; None where it has
    none."""
    end = body.find(_STEPS)
    try:
        return loads(body[:end] + b"}") if end > 0 else None
    except ValueError:
        return None  # some other object has a key of that name


def _bodies(version_ids: list[int], using: str) -> dict[int, bytes | memoryview]:
    """TraceVersion id → compressed document. Past the ORM, which costs more than reading the documents does."""
    places = ", ".join(["%s"] * len(version_ids))
    with connections[using].cursor() as cursor:
        cursor.execute(_BODIES.format(places), version_ids)
        return dict(cursor.fetchall())
