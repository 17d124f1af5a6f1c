"""Archives, by their first bytes."""

from __future__ import annotations

ZIP = b"PK\x03\x04"
EMPTY_ZIP = b"PK\x05\x06"
GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
HEAD_BYTES = 512
_USTAR = slice(257, 262)


def kind_of(head: bytes) -> str:
    """ "zip", "gzip", "zstd" or "tar"; "" for what is no archive."""
    if head.startswith((ZIP, EMPTY_ZIP)):
        return "zip"
    if head.startswith(GZIP):
        return "gzip"
    if head.startswith(ZSTD):
        return "zstd"
    return "tar" if head[_USTAR] == b"ustar" else ""
