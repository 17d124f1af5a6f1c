"""What is packed by zstd, a bounded piece at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import zstandard

# Of packed bytes so many are read at once: four of them may stand for 128 kB.
READ_BYTES = 1024
# What unpacking may remember; zstd itself asks for more only when it is told to (``--long``).
MAX_WINDOW_BYTES = 128 * 1024 * 1024

Damaged = zstandard.ZstdError


def unpack(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The content of one or more frames, in pieces of at most 32 MB.

    Raises Damaged for what is no zstd or needs more memory, and EOFError where it is cut short.
    """
    unpacker = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES)
    frame, is_whole = unpacker.decompressobj(), False
    for piece in pieces:
        for start in range(0, len(piece), READ_BYTES):
            rest = piece[start : start + READ_BYTES]
            while rest:
                if frame.eof:
                    frame = unpacker.decompressobj()
                if content := frame.decompress(rest):
                    yield content
                is_whole = frame.eof
                rest = frame.unused_data if is_whole else b""
    if not is_whole:
        raise EOFError("cut short")
