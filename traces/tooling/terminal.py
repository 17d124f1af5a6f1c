"""A terminal as it is quoted in prose: commands, with a prompt before each or without, and what they printed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# No "#": it is the prompt of root, but far more often begins a comment.
_PROMPT = re.compile(
    r"\s*(?:\([\w.-]{1,80}\) ?)?(?:[\w.-]{1,80}@[\w.-]{1,80}[^$%]{0,80})?([$%]) (?=\S)"
    r"|\s*PS [A-Z]:[^>]{0,200}(>) ?(?=\S)"
)
_MORE = re.compile(r"\s*> ?")


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
    """Each line without its prompt, or as what goes on with the command above; None for the others."""
    found: list[str | None] = []
    for line in lines:
        match = _PROMPT.match(line)
        if match and sign in (match[1], match[2]):
            found.append(line[match.end() :])
        elif found and (found[-1] or "").endswith("\\"):
            found.append(_MORE.sub("", line, count=1))
        else:
            found.append(None)
    return found
