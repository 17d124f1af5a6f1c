"""What became of a reply's edits and commands, by the messages that Aider wrote after it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from traces.tooling.aider_reply import Part

_APPLIED = re.compile(r"Applied edit to (.+)")
_SKIPPED = re.compile(r"Skipping edits to (.+)")
_FAILED = re.compile(r"## SearchReplace\w+: .* in (\S+)\s*")
_SEARCH = re.compile(r"<{5,9} ?(?:SEARCH|ORIGINAL)\s*")
_DIVIDER = re.compile(r"={5,9}\s*")
_REFUSED = re.compile(
    r"(?:Create new file|Allow (?:edits|creation)[^?]*|Edit the files?)\?.*\]?:? ?(?:n|no|N|No|skip|s)\s*"
)
_OTHERS_APPLIED = re.compile(r"# The other \d+ SEARCH/REPLACE blocks? were applied")
_TOKENS = re.compile(
    r"Tokens: ([\d.,]+[kM]?) sent(?:, .*?)?, ([\d.,]+[kM]?) received\.?(?: Cost: \$([\d.,]+) message)?.*"
    r"|([\d,]+) prompt tokens, ([\d,]+) completion tokens(?:, \$([\d.]+) cost)?.*"
)
_RUNNING = re.compile(r"Running (.+)", re.DOTALL)
# How those messages begin that say something of what became of a reply. Most are others.
_DIGITS = frozenset("0123456789,")
_TELLING = ("Applied edit ", "Skipping ", "Create ", "Allow ", "Edit ", "Running ", "Tokens: ")
DID_NOT_CONFORM = "The LLM did not conform to the edit format"


@dataclass
class Outcome:
    """``applied``, ``skipped``, ``new``: paths. ``failed``: (path, SEARCH text) of blocks that matched nothing.

    ``ran``: the commands that were run.
    """

    applied: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    failed: set[tuple[str, str]] = field(default_factory=set)
    new: set[str] = field(default_factory=set)
    ran: set[str] = field(default_factory=set)
    others_applied: bool = False
    did_not_conform: bool = False
    tokens: dict[str, int] | None = None
    cost: float | None = None

    def created(self, path: str) -> bool | None:
        """Whether the file was new; None where nothing says so."""
        return True if path in self.new else None

    def status(self, part: Part) -> str:
        """ok, failed, rejected (by the person) or suggested (nothing says that it was tried)."""
        if part.kind == "block" and (part.path, part.old.strip()) in self.failed:
            return "failed"
        if part.path in self.applied or (self.others_applied and part.kind == "block"):
            return "ok"
        if part.path in self.skipped:
            return "rejected"
        return "failed" if self.did_not_conform else "suggested"


def read_outcome(messages: list[str]) -> Outcome:
    """What the messages after a reply say of it."""
    outcome = Outcome()
    for before, message in zip(["", *messages], messages, strict=False):
        if not (message.startswith(_TELLING) or message[:1] in _DIGITS):
            continue
        if match := _APPLIED.fullmatch(message):
            outcome.applied.add(match[1].strip())
        elif match := _SKIPPED.fullmatch(message):
            outcome.skipped.add(match[1].strip())
        elif _REFUSED.fullmatch(message):
            outcome.skipped.add(before.strip())
        elif message.startswith("Create new file?"):
            outcome.new.add(before.strip())
        elif match := _RUNNING.fullmatch(message):
            outcome.ran.add(match[1].strip())
        elif match := _TOKENS.fullmatch(message):
            _count(outcome, match)
    # Since 2024-09 the failures are one message, before that one for each line.
    text = "\n".join(messages)
    outcome.did_not_conform = DID_NOT_CONFORM in text
    if outcome.did_not_conform:
        outcome.failed = set(_failed_blocks(text))
        outcome.others_applied = bool(_OTHERS_APPLIED.search(text))
    return outcome


def _failed_blocks(text: str) -> Iterator[tuple[str, str]]:
    """The path and SEARCH text of each block that the message repeats."""
    path, searched = "", None  # type: str, list[str] | None
    for line in text.split("\n"):
        line = line.removesuffix("  ")
        if line.startswith("## SearchReplace"):
            match = _FAILED.fullmatch(line)
            path, searched = match[1] if match else "", None
        elif path and searched is None and _SEARCH.fullmatch(line):
            searched = []
        elif searched is not None and _DIVIDER.fullmatch(line):
            yield path, "\n".join(searched).strip()
            path, searched = "", None
        elif searched is not None:
            searched.append(line)


def is_count(message: str) -> bool:
    """Whether the message says only what is kept as numbers."""
    return (message.startswith("Tokens: ") or message[:1] in _DIGITS) and bool(_TOKENS.fullmatch(message))


def _count(outcome: Outcome, match: re.Match[str]) -> None:
    sent, received, cost = match[1] or match[4], match[2] or match[5], match[3] or match[6]
    outcome.tokens = {"input": _number(sent), "output": _number(received)}
    outcome.cost = float(cost.replace(",", "").rstrip(".")) if cost else None


def _number(text: str) -> int:
    """``3.2k`` is 3200: Aider rounds what it writes."""
    unit = {"k": 1_000, "M": 1_000_000}.get(text[-1], 1)
    digits = text.rstrip("kM").replace(",", "").rstrip(".")
    try:
        return round(float(digits) * unit)
    except ValueError:
        return 0
