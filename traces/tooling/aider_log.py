"""Read Aider's chat history, a Markdown file, into what was typed, what tools said and what the model replied.

Aider (its ``io.py``) appends a head to the file at every start, writes each line that a person types as ``#### text``
and each message of its own as ``> text``, both ended by two spaces, and everything the model says as it stands. Only
the first line of a message of several lines has the ``>``. The replies are Markdown, with headings, quotes and code of
their own: the two spaces and the fences tell them apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

START = re.compile(r"# aider chat started at (\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)\s*")
# Transcripts on Aider's web site were edited by hand: the two spaces are missing in places.
EDITED = '<div class="chat-transcript"'
_PAGE_PARTS = re.compile(r"\s*</?div\b.*>\s*")
_TAIL = "  "
# What stands even within a fence that the reply never closed.
_MESSAGE = re.compile(
    r"> (?:Tokens: |[\d,]+ prompt tokens|Applied edit to |Commit [0-9a-f]{7}|Running |The LLM did not conform|\^C "
    r"|Only \d+ reflections|Add file to the chat\?|Create new file\?|Run shell command)"
)
_QUESTION = re.compile(r".*\? \(Y\)es/\(N\)o.*|.*\[(?:yes|y/n|Yes)\].*", re.IGNORECASE)
_ANSWERS = frozenset({"", "y", "n", "yes", "no", "a", "all", "s", "skip", "d", "don't"})
_FENCES = {"<source>": "</source>", "<code>": "</code>", "<pre>": "</pre>", "<codeblock>": "</codeblock>"}
_FENCE_SIGNS = frozenset("`~<")


@dataclass
class Run:
    """One start of Aider: its lines without their ends. ``line``: the number of the first one, from 1."""

    line: int
    started_at: str | None = None
    lines: list[str] = field(default_factory=list)
    is_edited: bool = False


@dataclass
class Event:
    """``kind``: user, tool or reply. ``texts``: one prompt, one reply, or the messages of tools in a row."""

    kind: str
    line: int
    texts: list[str]


def read_runs(lines: Iterable[tuple[int, str]]) -> Iterator[Run]:
    """The runs of a file's numbered lines, in order; what stands before the first head is a run without a time."""
    run = Run(1)
    for number, line in lines:
        sign = line[:1]
        head = START.fullmatch(line) if sign == "#" else None
        if head:
            yield run
            run = Run(number, head[1].replace(" ", "T"))
            continue
        if sign == "<" and line.startswith(EDITED):
            run.is_edited = True
            if not any(text.startswith("#### ") for text in run.lines):
                run.lines = [""] * len(run.lines)  # the web page's introduction
        run.lines.append(line)
    yield run


def read_events(run: Run) -> list[Event]:
    """What happened in a run. Time grows with its length alone, whatever it holds."""
    return _Reader(run).read()


class _Reader:
    def __init__(self, run: Run) -> None:
        self.run = run
        self.lines = run.lines
        self.events: list[Event] = []
        self.fence = ""  # the line that would close the open fence

    @cached_property
    def next_tail(self) -> list[int]:
        """For each line the first one from it on that ends with two spaces; -1 where none does."""
        found, tails = -1, [-1] * len(self.lines)
        for at in range(len(self.lines) - 1, -1, -1):
            if self.lines[at].endswith(_TAIL):
                found = at
            tails[at] = found
        return tails

    def read(self) -> list[Event]:
        at = 0
        while at < len(self.lines):
            line = self.lines[at]
            sign = line[:1]
            if sign == "#" and line.startswith("####") and self._is_typed(line, at):
                at = self._typed(at)
            elif sign == ">" and self._is_message(line, at):
                at = self._message(at)
            else:
                self._reply(line, at)
                at += 1
        return [event for event in (_finished(event) for event in self.events) if event.texts]

    def _is_typed(self, line: str, at: int) -> bool:
        if self.run.is_edited:
            return line.startswith("#### ") and not self.fence
        return line.endswith(_TAIL) and line[4:5] == " " and (not self.fence or self._after_blank(at))

    def _is_message(self, line: str, at: int) -> bool:
        if self.run.is_edited:
            return not self.fence
        if not line.startswith("> "):
            return False
        if self.fence:
            return bool(_MESSAGE.match(line)) and self._after_blank(at)
        if line.endswith(_TAIL):
            return True
        # The first of several lines. A quote in a reply is like it, but stands below a blank line or the reply's text.
        return not self.events or (self.events[-1].kind == "tool" and not self._after_blank(at))

    def _after_blank(self, at: int) -> bool:
        return at == 0 or not self.lines[at - 1].strip()

    def _typed(self, at: int) -> int:
        first = at
        while (
            at < len(self.lines)
            and self.lines[at].startswith("####")
            and (at == first or self._is_typed(self.lines[at], at))
        ):
            at += 1
        text = "\n".join(line[5:].removesuffix(_TAIL) for line in self.lines[first:at])
        before = self.events[-1] if self.events else None
        if before and before.kind == "tool" and _is_answer(text, before.texts[-1]):
            before.texts.append(text)
        else:
            self._add("user", first, text)
        self.fence = ""
        return at

    def _message(self, at: int) -> int:
        end = at + 1
        if not self.run.is_edited:
            # Lines right below belong to it; where its first line does not end it, blank ones too.
            last = -1 if self.lines[at].endswith(_TAIL) else self.next_tail[at]
            while end < len(self.lines) and (end <= last or self.lines[end].strip()) and not self._begins(end):
                end += 1
        lines = [self.lines[at][1:].removeprefix(" "), *self.lines[at + 1 : end]]
        text = "\n".join(line.removesuffix(_TAIL) for line in lines)
        if self.events and self.events[-1].kind == "tool":
            self.events[-1].texts.append(text)
        else:
            self._add("tool", at, text)
        self.fence = ""
        return end

    def _begins(self, at: int) -> bool:
        return self.lines[at].startswith(("> ", "#### "))

    def _reply(self, line: str, at: int) -> None:
        if self.run.is_edited and _PAGE_PARTS.fullmatch(line):
            return
        if self.fence or line.lstrip()[:1] in _FENCE_SIGNS:
            self._watch_fence(line)
        if self.events and self.events[-1].kind == "reply":
            self.events[-1].texts.append(line)
        elif line.strip():
            self._add("reply", at, line)

    def _watch_fence(self, line: str) -> None:
        start = line.lstrip()[:12]
        if self.fence:
            if start.startswith(self.fence) and line.strip().strip(self.fence[0]) in ("", self.fence[1:]):
                self.fence = ""
        elif start.startswith(("```", "~~~")):
            mark = start[0]
            self.fence = mark * (len(start) - len(start.lstrip(mark)))
        elif start.rstrip() in _FENCES and line.strip() in _FENCES:
            self.fence = _FENCES[line.strip()]

    def _add(self, kind: str, at: int, text: str) -> None:
        self.events.append(Event(kind, self.run.line + at + (self.run.started_at is not None), [text]))


def _is_answer(text: str, message: str) -> bool:
    """Whether it was typed at a question that Aider asked, which it then writes again with the answer."""
    if _QUESTION.fullmatch(text):
        return True
    return text.strip().lower() in _ANSWERS and (message.rstrip().endswith("?") or bool(_QUESTION.fullmatch(message)))


def _finished(event: Event) -> Event:
    """A reply is one text; messages and prompts without text are none."""
    texts = ["\n".join(event.texts).strip("\n")] if event.kind == "reply" else event.texts
    return Event(event.kind, event.line, [text for text in texts if text.strip()])
