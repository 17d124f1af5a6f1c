"""Sending a published file: whole, a part of it, or nothing when it is known.

A file is found by its name among those its export was published with, in the export's own folder; what a client sends
never becomes a path.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from django.conf import settings
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header, parse_etags

from exports.models import Export
from exports.releases import MANIFEST
from potato_site.files import open_inside

PIECE_BYTES = 256 * 1024
RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")
TYPES = {".jsonl": "application/x-ndjson", ".json": "application/json", ".csv": "text/csv", ".txt": "text/plain"}


@dataclass(frozen=True)
class Published:
    """One file of an export: where it is, and what the manifest says of it. ``size`` None: ask the disk."""

    folder: Path
    path: Path
    sha256: str
    size: int | None = None


def files_of(export: Export) -> dict[str, Published]:
    """The export's files by name, its manifest among them."""
    folder = Path(export.path)
    listed = {file["name"]: file for file in export.manifest.get("files", ())}
    found = {name: Published(folder, folder / name, file["sha256"], file["bytes"]) for name, file in listed.items()}
    return {**found, MANIFEST: Published(folder, folder / MANIFEST, export.sha256)}


class FileGone(Http404):
    """The export is known, its file is no longer what was published: removed or changed on the server's disk."""


class _Unsatisfiable(ValueError):
    """No byte of the file is in the range."""


def send(export: Export, name: str, headers: Mapping[str, str]) -> HttpResponseBase:
    """The answer to a request for the file ``name`` of ``export``. Raises Http404 for a file it does not have.

    Range (one range), If-Range and If-None-Match are minded. The caller has made sure the client may have it.
    """
    file = files_of(export).get(name)
    if file is None:
        raise Http404
    etag = f'"{file.sha256}"'
    response = _response(file, etag, headers)
    response["ETag"] = etag
    response["Accept-Ranges"] = "bytes"
    if response.status_code in (200, 206):
        response["Content-Type"] = TYPES.get(file.path.suffix, "application/octet-stream")
        response["Content-Disposition"] = content_disposition_header(True, _saved_as(export, name))
        response["X-Content-Type-Options"] = "nosniff"
    return response


def _saved_as(export: Export, name: str) -> str:
    """What a browser calls it; of a file in a folder the folder is part of the name."""
    return f"{export.format}-{export.seq}-{name.replace('/', '-')}"


def _response(file: Published, etag: str, headers: Mapping[str, str]) -> HttpResponseBase:
    # A proxy that compresses calls it weak.
    known = [one.removeprefix("W/") for one in parse_etags(headers.get("If-None-Match", ""))]
    if etag in known or "*" in known:
        return HttpResponse(status=304)
    stream = _open(file)
    accelerated = _accelerated(file.path)
    if accelerated:
        # The proxy sends the file, and minds the range.
        stream.close()
        return HttpResponse(headers={"X-Accel-Redirect": accelerated})
    size = os.fstat(stream.fileno()).st_size
    asked = headers.get("Range", "") if headers.get("If-Range", etag) == etag else ""
    try:
        wanted = _range(asked, size)
    except _Unsatisfiable:
        stream.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    first, last = wanted or (0, size - 1)
    response = StreamingHttpResponse(_Pieces(stream, first, last - first + 1), status=206 if wanted else 200)
    response["Content-Length"] = str(last - first + 1)
    if wanted:
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
    return response


def _accelerated(path: Path) -> str:
    """The address under which the proxy in front finds the file (POTATO_ACCEL_PREFIX); empty: it does not."""
    home = Path(settings.POTATO_HOME) / "projects"
    if not settings.POTATO_ACCEL_PREFIX or not path.is_relative_to(home):
        return ""
    return settings.POTATO_ACCEL_PREFIX.rstrip("/") + "/" + quote(path.relative_to(home).as_posix())


def _open(file: Published) -> BinaryIO:
    """Raises FileGone unless it is the file that was published, as far as its size tells; a link is not."""
    try:
        stream = os.fdopen(open_inside(file.folder, file.path), "rb")
    except OSError as error:
        raise FileGone(f"{file.path.name} is no longer there") from error
    if file.size not in (None, os.fstat(stream.fileno()).st_size):
        stream.close()
        raise FileGone(f"{file.path.name} is not what was published")
    return stream


def _range(header: str, size: int) -> tuple[int, int] | None:
    """(first, last) byte of the one range asked for; None: the whole file. Raises _Unsatisfiable."""
    match = RANGE.fullmatch(header.strip())
    if match is None or match.groups() == ("", ""):
        return None
    if not match[1]:
        first, last = max(size - int(match[2]), 0), size - 1
    else:
        first, last = int(match[1]), min(int(match[2] or size - 1), size - 1)
        if match[2] and int(match[2]) < first:
            return None
    if first > last:
        raise _Unsatisfiable
    return first, last


class _Pieces:
    """``count`` bytes of a stream from ``first`` on, a piece at a time. Closed with the response."""

    def __init__(self, stream: BinaryIO, first: int, count: int) -> None:
        self.stream, self.left = stream, count
        stream.seek(first)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = self.stream.read(min(PIECE_BYTES, self.left))
        if not piece:
            raise StopIteration
        self.left -= len(piece)
        return piece

    def close(self) -> None:
        self.stream.close()
