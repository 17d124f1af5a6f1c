"""The names of files in the head lines of a diff, where git may quote them."""

from __future__ import annotations

import re
from collections.abc import Sequence

NOTHING = "/dev/null"


# They say which file it is, and nothing of what happened to it.
_HEADS = ("diff ", "Index: ", "index ", "====")
_GONE = re.compile(rf"Binary files .* and {NOTHING} differ")
_BINARY = re.compile(r"Binary files (.+) differ")
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_LETTERS = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def names_in(notes: Sequence[str]) -> tuple[str, str]:
    """(old, new) of a file whose diff is head lines only; "" where they do not say. Made: the old one is /dev/null,
    deleted: the new one."""
    old, new = _said(notes, ("rename from ", "copy from ")), _said(notes, ("rename to ", "copy to "))
    if old and new:
        return old, new
    if all(note.startswith(_HEADS) for note in notes):
        # Of a patch that was cut, or of nothing at all.
        return "", ""
    name = next(filter(None, map(_named, notes)), "")
    is_made = _begins(notes, "new file mode ") or _begins(notes, f"Binary files {NOTHING} and ")
    is_deleted = _begins(notes, "deleted file mode ") or any(_GONE.fullmatch(note) for note in notes)
    if not name:
        return "", ""
    return NOTHING if is_made else name, NOTHING if is_deleted else name


def _begins(notes: Sequence[str], head: str) -> bool:
    return any(note.startswith(head) for note in notes)


def _said(notes: Sequence[str], heads: tuple[str, ...]) -> str:
    return next((_unquoted(note.split(" ", 2)[2]) for note in notes if note.startswith(heads)), "")


def _named(note: str) -> str:
    """The one name that a head line has for both sides, or for the one side there is; "" where it has two."""
    if note.startswith("Index: "):
        return note.removeprefix("Index: ").strip()
    if note.startswith("diff --git "):
        both = note.removeprefix("diff --git ")
    elif match := _BINARY.fullmatch(note):
        both = match[1]
        if both.startswith(f"{NOTHING} and "):
            return path_of(both.removeprefix(f"{NOTHING} and "))
        if both.endswith(f" and {NOTHING}"):
            return path_of(both.removesuffix(f" and {NOTHING}"))
        both = both.replace(" and ", " ", 1) if both.count(" and ") == 1 else ""
    else:
        return ""
    # A name may hold spaces: that of both sides is as long on the left as on the right.
    old, new = both[: len(both) // 2], both[len(both) // 2 + 1 :]
    return path_of(new) if path_of(old) == path_of(new) else ""


def path_of(text: str) -> str:
    """The name in a file head, without its time stamp and git's prefix."""
    name = _unquoted(text.split("\t", 1)[0].strip())
    return name[2:] if name.startswith(("a/", "b/")) else name


def _unquoted(name: str) -> str:
    """A name that git has quoted as a string of C."""
    if len(name) < 2 or not (name.startswith('"') and name.endswith('"')):
        return name
    raw = _ESCAPE.sub(_escaped, name[1:-1].encode("utf-8", "surrogatepass"))
    return raw.decode("utf-8", "replace")


def _escaped(match: re.Match[bytes]) -> bytes:
    code = match[1]
    return bytes([int(code, 8) & 255]) if len(code) == 3 else _LETTERS.get(code, code)
