"""A terminal as it is quoted in prose: commands, with a prompt before each or without, and what they printed."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field

# No "#": it is the prompt of root, but far more often begins a comment.
_PROMPT = re.compile(
    r"\s*(?:\([\w.-]{1,80}\) ?)?(?:[\w.-]{1,80}@[\w.-]{1,80}[^$%]{0,80})?([$%]) (?=\S)"
    r"|\s*PS [A-Z]:[^>]{0,200}(>) ?(?=\S)"
)
# How a shell asks for the rest of a command.
_MORE = re.compile(r"\s*>(?: |$)")
_WORD = re.compile(r"[^\s;]+")
# What a command must hold that begins so.
_CLOSING = {**dict.fromkeys(("for", "while", "until", "select"), "done"), "if": "fi", "case": "esac"}
_UNFINISHED = ("|", "&&", "{", "(", " do", " then", " else")
# The word that ends a here-document.
_HERE = re.compile(r"(?<!<)<<(?!<)-?[ \t]*[\\'\"]?([\w-]+)")


@dataclass
class Typed:
    """Commands, a line each, and what was printed below them."""

    commands: list[str] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)

    @property
    def command(self) -> str:
        return "\n".join(self.commands).strip("\n")

    @property
    def output(self) -> str | None:
        """None where the quote shows nothing."""
        return "\n".join(self.printed).strip("\n") or None


def read_terminal(text: str) -> list[Typed]:
    """What was typed, in order. Without a prompt before the first command all of ``text`` is commands."""
    lines = text.strip("\n").split("\n")
    first = next((at for at, line in enumerate(lines) if not _is_remark(line)), len(lines))
    sign = _sign(lines[first]) if first < len(lines) else ""
    if not sign:
        return [Typed(lines)]
    typed = _typed(lines, sign)
    only_typed = all(one is not None or _is_remark(line) for line, one in zip(lines, typed, strict=True))
    found = [Typed()]
    for at, (line, command) in enumerate(zip(lines, typed, strict=True)):
        if command is None and not (only_typed or at < first):
            found[-1].printed.append(line)
            continue
        if found[-1].printed:
            found.append(Typed())
        found[-1].commands.append(line if command is None else command)
    return found


def _is_remark(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _sign(line: str) -> str:
    """What ends the prompt of a line that has one: all prompts of a terminal end alike."""
    match = _PROMPT.match(line)
    return (match[1] or match[2]) if match else ""


def _typed(lines: list[str], sign: str) -> list[str | None]:
    """Each line without its prompt, or as what goes on with or tells of a command; None for what was printed."""
    found: list[str | None] = []
    prompts = []
    here = _HereDocuments(lines)
    waits = False
    while (at := len(found)) < len(lines):
        match = _PROMPT.match(lines[at])
        goes_on = bool(found) and (found[-1] or "").endswith("\\")
        if match and sign in (match[1], match[2]):
            prompts.append(at)
            typed = lines[at][match.end() :]
            waits = _is_unfinished(typed)
        elif goes_on or (waits and _MORE.match(lines[at])):
            typed = _without_more(lines[at])
            waits = waits or _is_unfinished(typed)
        else:
            found.append(None)
            waits = False
            continue
        found += [typed, *here.of(typed, at + 1)]
    for at in prompts:
        for above in _remarks(lines, found, at):
            found[above] = lines[above]
    return found


def _without_more(line: str) -> str:
    """What was typed where a shell asked for it."""
    match = _MORE.match(line)
    return line[match.end() :] if match else line


def _is_unfinished(command: str) -> bool:
    """Whether a shell waits for the rest. What else begins with ``>`` below a command is its output: npm's, say."""
    text = command.strip()
    words = _WORD.findall(text)
    return (
        bool(words and _CLOSING.get(words[0], words[0]) not in words)
        or text.endswith(_UNFINISHED)
        or any(text.count(quote) % 2 for quote in "\"'")
        or any(text.count(left) > text.count(right) for left, right in ("()", "{}"))
    )


def _remarks(lines: list[str], found: list[str | None], prompt: int) -> range:
    """The lines right above a prompt that tell of its command, with the blank ones between them."""
    first = at = prompt
    while at and found[at - 1] is None and _is_remark(lines[at - 1]):
        at -= 1
        if lines[at].strip():
            first = at
        elif first == prompt:
            break
    return range(first, prompt)


class _HereDocuments:
    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._places: dict[str, list[int]] = defaultdict(list)
        for at, line in enumerate(lines):
            self._places[_without_more(line).strip()].append(at)

    def of(self, command: str, at: int) -> list[str]:
        """The lines from ``at`` on that a command is given, to the word that ends them; none where that is missing."""
        found: list[str] = []
        for word in _HERE.findall(command):
            places = self._places.get(word, [])
            nth = bisect_left(places, at)
            if nth == len(places):
                break
            end = places[nth] + 1
            given = self._lines[at:end]
            found += [_without_more(line) for line in given] if _MORE.match(given[-1]) else given
            at = end
        return found
