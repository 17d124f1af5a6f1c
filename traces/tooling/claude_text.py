"""What stands where a person's words should be: Claude Code puts commands, reminders and notices into user messages."""

from __future__ import annotations

import re
from typing import NamedTuple

# kinds of what is said
PROMPT, NOTICE, TYPED, PRINTED = "prompt", "notice", "typed", "printed"

_REMINDER, _REMINDER_END = "<system-reminder>", "</system-reminder>"
_NOTICES = (
    "<command-name>",
    "<command-message>",
    "<local-command-stdout>",
    "<local-command-stderr>",
    "<local-command-caveat>",
    "<task-notification>",
    "<teammate-message",
    "<cross-session-message",
    "Another Claude session sent a message:",
    "<ide_opened_file>",
    "<ide_selection>",
    "<ide_diagnostics>",
    "<user-prompt-submit-hook>",
    "<session-start-hook>",
    "Caveat: The messages below",
    "[Request interrupted",
    "This session is being continued from a previous conversation",
)
_NAME = re.compile(r"<command-name>\s*/?([^<]*)</command-name>")


class Said(NamedTuple):
    """A piece of a user message. TYPED: a shell command of the person's own; PRINTED: what it printed."""

    kind: str
    text: str


def read_user_text(text: str) -> list[Said]:
    """What the text of a user message says, reminders apart from the rest. Blank pieces are left out."""
    pieces: list[Said] = []
    while True:
        start = text.find(_REMINDER)
        end = text.find(_REMINDER_END, start) if start >= 0 else -1
        if end < 0:
            break
        end += len(_REMINDER_END)
        pieces += [_piece(text[:start].strip("\n")), Said(NOTICE, text[start:end])]
        text = text[end:].lstrip("\n")
    pieces.append(_piece(text))
    return [piece for piece in pieces if piece.kind in (TYPED, PRINTED) or piece.text.strip()]


def _piece(text: str) -> Said:
    start = text.lstrip()
    if start.startswith("<bash-input>"):
        return Said(TYPED, _between(text, "bash-input"))
    if start.startswith(("<bash-stdout>", "<bash-stderr>")):
        printed = (_between(text, "bash-stdout"), _between(text, "bash-stderr"))
        return Said(PRINTED, "\n".join(part for part in printed if part))
    return Said(NOTICE if start.startswith(_NOTICES) else PROMPT, text)


def _between(text: str, tag: str) -> str:
    _, found, rest = text.partition(f"<{tag}>")
    inner, closed, _ = rest.rpartition(f"</{tag}>")
    return (inner if closed else rest) if found else ""


def slash_command(text: str) -> str | None:
    """``/init the rest`` where the text is the notice of such a command, as a person typed it."""
    match = _NAME.search(text[:20_000])
    if match is None:
        return None
    return f"/{match[1].strip()} {_between(text, 'command-args').strip()}".strip()
