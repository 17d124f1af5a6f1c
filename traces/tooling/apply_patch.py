"""The patch format of OpenAI's agents: ``*** Begin Patch`` … ``*** End Patch``, hunks without line numbers.

Format: the tool ``apply_patch`` of the Codex command line; also written by Aider in its ``patch`` mode.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import NamedTuple

from traces.tooling.diffs import from_texts, head
from traces.tooling.files import Change, Files

_SECTION = re.compile(r"\*\*\* (Add|Update|Delete) File: (.+?)\s*")
_MOVE = re.compile(r"\*\*\* Move to: (.+?)\s*")
BEGIN = "*** Begin Patch"


class Hunk(NamedTuple):
    """The lines of one change, each with its end; ``section`` is what stands behind ``@@``."""

    section: str
    old: str
    new: str


@dataclass
class FilePatch:
    """What a patch does to one file. ``action``: Add, Update or Delete; ``text``: the content of an added one."""

    action: str
    path: str
    move_to: str = ""
    text: str = ""
    hunks: list[Hunk] = field(default_factory=list)


class FileChange(NamedTuple):
    """The path a change leaves behind, and the change."""

    path: str
    change: Change


@lru_cache(maxsize=1)  # asked for twice: for what is recorded of its files, and to apply it
def read_patch(text: str) -> tuple[FilePatch, ...]:
    """The files of a patch; lines before ``*** Begin Patch`` and after its end are passed over. Never raises."""
    _, found, body = text.partition(BEGIN)
    patches: list[FilePatch] = []
    lines: list[str] = []
    for line in (body if found else text).split("\n"):
        if "***" not in line:  # nearly all of them
            lines.append(line)
            continue
        if line.strip() == "*** End Patch":
            break
        section, move = _SECTION.fullmatch(line), _MOVE.fullmatch(line)
        if section:
            _close(patches, lines)
            patches.append(FilePatch(section[1], section[2]))
            lines = []
        elif move and patches:
            patches[-1].move_to = move[1]
        elif line != "*** End of File":
            lines.append(line)
    _close(patches, lines)
    return tuple(patches)


def _close(patches: list[FilePatch], lines: list[str]) -> None:
    if not patches:
        return
    if patches[-1].action == "Add":
        patches[-1].text = "".join(f"{line[1:]}\n" for line in lines if line.startswith("+"))
    else:
        patches[-1].hunks = list(_hunks(lines))


def _hunks(lines: list[str]) -> Iterator[Hunk]:
    section, old, new = "", [], []  # type: tuple[str, list[str], list[str]]
    for line in lines:
        if line.startswith("@@"):
            if old or new:
                yield Hunk(section, "".join(old), "".join(new))
                old, new = [], []
            section = line.removeprefix("@@").strip()
            continue
        sign, text = line[:1], f"{line[1:]}\n"
        if sign == " " or (not line and (old or new)):  # or one of context whose space was trimmed
            old.append(text)
            new.append(text)
        elif sign == "-":
            old.append(text)
        elif sign == "+":
            new.append(text)
    while old and new and old[-1] == new[-1] == "\n":  # those at the end are the text's own
        old.pop()
        new.pop()
    if old or new:
        yield Hunk(section, "".join(old), "".join(new))


def read_loose_diff(text: str) -> list[FilePatch]:
    """A unified diff whose hunks have no numbers, or wrong ones, as models write it."""
    patches: list[FilePatch] = []
    lines: list[str] = []
    old = ""
    for line in text.split("\n"):
        if line.startswith("--- "):
            _close(patches, lines)
            lines, old = [], _name(line)
        elif line.startswith("+++ ") and not lines:
            new = _name(line)
            action = "Add" if old == "/dev/null" else "Delete" if new == "/dev/null" else "Update"
            patches.append(FilePatch(action, old if action == "Delete" else new))
        else:
            lines.append("@@" if line.startswith("@@") else line)
    _close(patches, lines)
    return patches


def _name(line: str) -> str:
    name = line[4:].split("\t", 1)[0].strip()
    return name[2:] if name.startswith(("a/", "b/")) else name


def apply_patch(patch: str | Sequence[FilePatch], files: Files, *, apply: bool = True) -> list[FileChange]:
    """The changes of a patch, one for each file in it. ``apply=False``: it failed, ``files`` stay as they are."""
    patches = read_patch(patch) if isinstance(patch, str) else patch
    return [_change(one, files, apply) for one in patches]


def _change(patch: FilePatch, files: Files, apply: bool) -> FileChange:
    if patch.action == "Add":
        return FileChange(patch.path, files.write(patch.path, patch.text, created=True, apply=apply))
    if patch.action == "Delete":
        text = files.text(patch.path)
        deleted = Change("file_delete", from_texts(patch.path, text or "", None), approximate=text is None)
        return FileChange(patch.path, files.delete(patch.path) if apply else deleted)
    path = patch.move_to or patch.path
    change = _updated(patch, files, apply)
    if apply and patch.move_to:
        files.move(patch.path, patch.move_to)
    return FileChange(path, change)


def _updated(patch: FilePatch, files: Files, apply: bool) -> Change:
    """The change of all hunks: one from the whole file where that is known, else the hunks as they stand."""
    before = files.text(patch.path)
    path, old_path = patch.move_to or patch.path, patch.path if patch.move_to else ""
    after = _applied(before, patch.hunks) if before is not None else None
    if before is not None and after is not None:
        if apply:
            files.saw(patch.path, after, whole=True)
        return Change("file_edit", partial(from_texts, path, before, after, old_path=old_path))
    changes = [files.replace(patch.path, hunk.old, hunk.new, apply=apply) for hunk in patch.hunks]
    approximate = any(change.approximate for change in changes)
    return Change("file_edit", lambda: head(path, old_path=old_path) + _bodies(changes), approximate)


def _bodies(changes: list[Change]) -> str:
    """The hunks of all the changes of one file."""
    return "".join("".join(diff.split("\n", 2)[2:]) for change in changes if (diff := change.diff))


def _applied(text: str, hunks: list[Hunk]) -> str | None:
    """``text`` with every hunk applied in order, each below the one before; None where one does not fit."""
    at, parts = 0, []
    for hunk in hunks:
        start = text.find(hunk.section, at) if hunk.section else at
        found = text.find(hunk.old, max(start, at))
        if found < 0:
            found = text.find(hunk.old, at)
        if found < 0 or not hunk.old:
            return None
        parts += [text[at:found], hunk.new]
        at = found + len(hunk.old)
    return "".join(parts) + text[at:]
