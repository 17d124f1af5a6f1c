"""The body of an upload: a stream that nobody parses, how much of it was announced, and what it should be."""

from __future__ import annotations

import base64
import binascii
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import TooManyFilesSent
from django.http.multipartparser import MultiPartParserError
from rest_framework.request import Request

from potato_site.api.problems import Problem, translate
from traces.arriving_files import ArrivingFiles
from traces.kinds import EXPECTED
from traces.uploads import Sent, Stream, UploadRefused, check_room

MEDIA_TYPES = (
    "application/x-ndjson",
    "application/jsonl",
    "application/json",
    "application/gzip",
    "application/zstd",
    "application/octet-stream",
    "application/zip",
    "application/x-tar",
    "text/markdown",
    "text/plain",
)
MULTIPART = "multipart/form-data"
# Each upload holds a thread of the web server while it arrives; the others are for people who label.
AT_ONCE = 3
# Of a refused upload so much more is read, so that a sender who is not listening yet hears why.
READ_ON_BYTES = 4 * 1024 * 1024
HEX = re.compile(r"[0-9a-fA-F]{64}")
DIGEST = re.compile(r"\bsha-256=:?([A-Za-z0-9+/]{43}=):?", re.IGNORECASE)

_places = threading.BoundedSemaphore(AT_ONCE)


@translate(UploadRefused)
def refusal(error: UploadRefused) -> Problem:
    kinds = {400: "malformed", 413: "too-large", 507: "no-room"}
    return Problem(kinds.get(error.status, "invalid"), str(error))


@contextmanager
def arriving(request: Request) -> Iterator[tuple[Stream, int | None, str | None]]:
    """(stream, announced bytes, announced SHA-256) of a request's body. Raises Problem.

    Without a length the end of a body that was cut off looks like its end, so a chunked one must announce its SHA-256.
    """
    kind = (request.content_type or "").partition(";")[0].strip().lower()
    if kind not in MEDIA_TYPES:
        raise Problem("media-type", f"{EXPECTED[0].upper()}{EXPECTED[1:]}, with one of: {', '.join(MEDIA_TYPES)}.")
    sha256, length = announced_sha256(request), announced_length(request)
    if length is None and sha256 is None:
        raise Problem("length-needed", "Send Content-Length, or the SHA-256 of the body as X-Content-SHA256.")
    with _place():
        stream = stream_of(request, length)
        try:
            yield stream, length, sha256
        except UploadRefused:
            _read_on(stream, length)
            raise


@contextmanager
def arriving_files(request: Request) -> Iterator[list[Sent]]:
    """The files of a form, each on disk already. Raises Problem."""
    length = announced_length(request)
    if length is None:
        raise Problem("length-needed", "Send Content-Length with a form.")
    with _place():
        check_room(length)
        plain = request._request
        plain.upload_handlers = [ArrivingFiles(plain)]
        try:
            files = [file for _, group in plain.FILES.lists() for file in group]
        except (MultiPartParserError, TooManyFilesSent) as error:
            raise Problem("malformed", f"The form cannot be read: {error}") from None
        if not files:
            raise Problem("malformed", "The form holds no file.")
        yield [Sent(file, file.name or "", file.size, close=file.close) for file in files]


def is_form(request: Request) -> bool:
    return (request.content_type or "").partition(";")[0].strip().lower() == MULTIPART


@contextmanager
def _place() -> Iterator[None]:
    """One of the few places for uploads. Raises Problem."""
    if not _places.acquire(blocking=False):
        raise Problem("busy", "Enough other uploads are arriving now.", headers={"Retry-After": "5"})
    try:
        yield
    finally:
        _places.release()


def announced_length(request: Request) -> int | None:
    """Content-Length; None for a chunked body. The server has checked its form."""
    text = request.META.get("CONTENT_LENGTH") or ""
    if text.isascii() and text.isdigit():
        return int(text)
    return None if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower() else 0


def announced_sha256(request: Request) -> str | None:
    """The SHA-256 (hex) in X-Content-SHA256, Content-Digest or Digest; None without one. Raises Problem."""
    plain = request.headers.get("X-Content-SHA256")
    if plain is not None:
        if not HEX.fullmatch(plain):
            raise Problem("malformed", "X-Content-SHA256 must be 64 hexadecimal digits.")
        return plain.lower()
    found = DIGEST.search(request.headers.get("Content-Digest") or request.headers.get("Digest") or "")
    if found is None:
        return None
    try:
        return base64.b64decode(found[1], validate=True).hex()
    except binascii.Error:
        raise Problem("malformed", "The digest is not base64.") from None


def stream_of(request: Request, length: int | None) -> Stream:
    """The body, unread. Django gives nothing of a chunked one, so that is read where the server puts it."""
    return request._request if length is not None else request._request.environ["wsgi.input"]


def _read_on(stream: Stream, length: int | None) -> None:
    if length is not None and length > READ_ON_BYTES:
        return
    left = READ_ON_BYTES
    try:
        while left > 0 and (piece := stream.read(64 * 1024)):
            left -= len(piece)
    except OSError:
        pass
