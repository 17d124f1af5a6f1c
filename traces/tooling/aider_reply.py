"""Read a reply of a model in Aider: prose, thinking, edits and shell commands, in the order in which they stand.

Edits come in the forms that Aider asks for: SEARCH/REPLACE blocks (ORIGINAL/UPDATED in 2023), whole files, unified
diffs without numbers, and the patch format.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from traces.tooling import aider_fences

_SEARCH = re.compile(r"<{5,9} ?(?:SEARCH|ORIGINAL)\s*(?:>\s*)?")
_DIVIDER = re.compile(r"={5,9}\s*")
_REPLACE = re.compile(r">{5,9} ?(?:REPLACE|UPDATED)\s*")
_SHELLS = frozenset((
    "bash", "sh", "shell", "zsh", "fish", "ksh", "csh", "tcsh", "cmd", "batch", "powershell", "ps1", "console",
    "shell-session", "shellsession", "sh-session",
))  # fmt: skip
_PATH = re.compile(r"[^\s`*<>|\"']{1,300}")
_BARE_NAMES = frozenset(
    {"Makefile", "Dockerfile", "LICENSE", "README", "Gemfile", "Procfile", "Jenkinsfile", "Rakefile"}
)
# What opens thinking; each name is closed by its own end.
_THINKING = re.compile(r"► \*\*THINKING\*\*|<(think|thinking|thinking-content-[0-9a-f]{8,64})>")
_ANSWER = "► **ANSWER**"
_CLOSING = re.compile(r"► \*\*ANSWER\*\*|</(?:think|thinking|thinking-content-[0-9a-f]{8,64})>")


@dataclass
class Part:
    """``kind``: text, thinking, block (SEARCH/REPLACE), file (a whole one), diff, patch or shell.

    ``path`` is that of a block or a file, "" where the reply names none. ``old`` is the SEARCH text of a block;
    ``text`` what replaces it, or the file, the diff, the patch, the commands, the prose. ``language`` is what the fence
    of commands names. ``line`` counts from 0, the reply's first.
    """

    kind: str
    line: int
    text: str
    path: str = ""
    old: str = ""
    language: str = ""


def read_reply(text: str, is_whole_file: Callable[[str], bool] = lambda path: False) -> list[Part]:
    """The parts of a reply. Nothing of it is lost: what is no edit, command or thinking is prose.

    A fence below a file's name may be the whole file or only an example: ``is_whole_file`` says it of the name.
    """
    parts: list[Part] = []
    line = 0
    for kind, piece in _split_thinking(text):
        if kind == "thinking":
            parts.append(Part("thinking", line, piece.strip("\n- ")))
        else:
            parts += _Reader(piece.split("\n"), line, is_whole_file).read()
        line += piece.count("\n")
    return [part for part in parts if part.text.strip() or part.kind not in ("text", "thinking")]


def _split_thinking(text: str) -> Iterator[tuple[str, str]]:
    if _ANSWER not in text and "</think" not in text:
        yield "text", text  # most replies
        return
    closings: dict[str, list[int]] = {}
    for match in _CLOSING.finditer(text):
        closings.setdefault(match[0], []).append(match.start())
    at = 0
    for match in _THINKING.finditer(text) if closings else ():
        closing = f"</{match[1]}>" if match[1] else _ANSWER
        ends = closings.get(closing, [])
        nth = bisect_left(ends, match.end())
        if match.start() >= at and nth < len(ends):
            yield "text", text[at : match.start()]
            yield "thinking", text[match.end() : ends[nth]]
            at = ends[nth] + len(closing)
    yield "text", text[at:]


class _Reader:
    """The lines of a piece. ``prose`` are the places of those that no part has taken yet."""

    def __init__(self, lines: list[str], first: int, is_whole_file: Callable[[str], bool]) -> None:
        self.lines = lines
        self.signs = [at for at, line in enumerate(lines) if line.lstrip()[:1] in aider_fences.SIGNS]
        self.tags = aider_fences.Tags(lines, self.signs)
        self.first = first
        self.is_whole_file = is_whole_file
        self.parts: list[Part] = []
        self.prose: list[int] = []
        self.path = ""
        self.taken: list[int] = []

    def read(self) -> list[Part]:
        """From sign to sign; what no part takes is prose."""
        at = 0
        for sign in self.signs:
            if sign < at:
                continue  # within the part above
            self.prose += range(at, sign)
            line = self.lines[sign]
            if _is_search(line):
                at = self._block(sign, "")
            elif closing := self._opens(sign):
                at = self._fence(sign, closing)
            else:
                at = sign + self._is_open_tag_of_blocks(sign)
        self.prose += range(at, len(self.lines))
        self._end_prose()
        return self.parts

    def _opens(self, at: int) -> str:
        """What closes the fence that this line opens; "" where it opens none."""
        closing = aider_fences.opening(self.lines[at])
        return "" if aider_fences.is_tag(closing) and not self.tags.closed(closing, at) else closing

    def _is_open_tag_of_blocks(self, at: int) -> bool:
        """Whether the line is a tag without an end that belongs to a block below it."""
        return bool(aider_fences.opening(self.lines[at])) and any(map(_is_search, self.lines[at + 1 : at + 3]))

    def _end_prose(self) -> None:
        first = next((nth for nth, at in enumerate(self.prose) if self.lines[at].strip()), None)
        if first is not None:
            text = "\n".join([self.lines[at] for at in self.prose[first:]]).rstrip("\n")
            self.parts.append(Part("text", self.first + self.prose[first], text))
        self.prose = []

    def _take_path(self) -> str:
        """The file named on the last line of the prose, which it is taken off; "" where that line is no name.

        ``taken`` is what the prose lost, for who gives it back.
        """
        last = next((nth for nth in range(len(self.prose) - 1, -1, -1) if self.lines[self.prose[nth]].strip()), -1)
        path = clean_path(self.lines[self.prose[last]]) if last >= 0 else ""
        if path:
            self.taken = self.prose[last:]
            del self.prose[last:]
        return path

    def _block(self, at: int, path: str) -> int:
        """A SEARCH/REPLACE block from its first line on; one that has no end is prose up to where the next begins."""
        self.taken = []
        self.path = path or self._take_path() or self.path
        sides: list[list[str]] = [[], []]
        side, end = 0, at + 1
        while end < len(self.lines):
            line = self.lines[end]
            if side == 0 and line.startswith("=====") and _DIVIDER.fullmatch(line):
                side = 1
            elif side == 1 and line.startswith(">>>>>") and _REPLACE.fullmatch(line):
                old, new = _text(sides[0]), _text(sides[1])
                self._end_prose()
                self.parts.append(Part("block", self.first + at, new, self.path, old))
                return end + 1
            elif _is_search(line):
                break
            else:
                sides[side].append(line)
            end += 1
        self.prose += [*self.taken, *range(at, end)]
        return end

    def _fence(self, at: int, closing: str) -> int:
        """A fence: its blocks, or what it is as a whole."""
        end = len(self.lines)
        for nth in range(bisect_right(self.signs, at), len(self.signs)):
            sign = self.signs[nth]
            if aider_fences.closes(self.lines[sign], closing):
                end = sign
                break
            if _is_search(self.lines[sign]):
                return self._fence_of_blocks(at, sign, closing)
        body = self.lines[at + 1 : end]
        if end == len(self.lines):  # never closed: a reply that was cut
            self.prose += range(at, end)
            return end
        language = aider_fences.language(self.lines[at])
        kind = _kind(language, body)
        path = clean_path(self.lines[self.prose[-1]]) if kind == "file" and self.prose else ""
        if kind == "file":
            if not (path and self.is_whole_file(path)):
                self.prose += range(at, end + 1)
                return end + 1
            self.prose.pop()
        self._end_prose()
        self.parts.append(Part(kind, self.first + at, _text(body), path, language=language))
        return end + 1

    def _fence_of_blocks(self, at: int, first: int, closing: str) -> int:
        """The blocks of a fence, each below the name of its file where it has another than the one before."""
        inside = [nth for nth in range(at + 1, first) if self.lines[nth].strip()]
        self.taken = []
        path = "" if inside and clean_path(self.lines[inside[-1]]) else self._take_path()
        before, count, taken = len(self.prose), len(self.parts), self.taken
        self.prose += inside
        end = first
        while end < len(self.lines) and not aider_fences.closes(self.lines[end], closing):
            if _is_search(self.lines[end]):
                end = self._block(end, path)
                if path and len(self.parts) == count:
                    self.prose[before:before] = taken
                path = ""
                continue
            if self.lines[end].strip():
                self.prose.append(end)
            end += 1
        if len(self.parts) == count:  # no block has an end
            self.prose[before:] = [*taken, *range(at, min(end + 1, len(self.lines)))]
        return end + 1


def _text(lines: list[str]) -> str:
    return "\n".join([*lines, ""])


def _is_search(line: str) -> bool:
    return line.startswith("<<<<<") and bool(_SEARCH.fullmatch(line))


def _kind(language: str, body: list[str]) -> str:
    """What a fence holds: shell, diff, patch, or perhaps a whole file."""
    first = next((line for line in body if line.strip()), "")
    if first.startswith("*** Begin Patch"):
        return "patch"
    if language == "diff" and any(line.startswith("+++ ") for line in body[:10]):
        return "diff"
    return "shell" if language in _SHELLS else "file"


def clean_path(line: str) -> str:
    """The file a line names, as Aider reads it: without ``*``, ``#``, a colon behind it. "" where it names none."""
    text = line.strip().strip("*").lstrip("#").strip().strip("`").rstrip(":").strip("`").strip()
    if not _PATH.fullmatch(text) or "://" in text or text in ("...", "⋮...") or text.startswith(("```", "~~~")):
        return ""
    return text if any(sign in text for sign in "./\\") or text in _BARE_NAMES else ""
