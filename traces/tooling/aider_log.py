"""Read Aider's chat history, a Markdown file, into what was typed, what tools said and what the model replied.

Aider (its ``io.py``) appends a head to the file at every start, writes each line that a person types as ``#### text``
and each message of its own as ``> text``, both ended by two spaces, and everything the model says as it stands. Only
the first line of a message of several lines has the ``>``. The replies are Markdown, with headings, quotes and code of
their own: the two spaces and the fences tell them apart.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from traces.tooling import aider_fences

_START = "# aider chat started at "
START = re.compile(_START + r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)\s*")
# Transcripts on Aider's web site were edited by hand: the two spaces are missing in places.
EDITED = '<div class="chat-transcript"'
HEADS = (_START, EDITED)
_PAGE_PARTS = re.compile(r"\s*</?div\b.*>\s*")
_TAIL = "  "
# What stands even within a fence that the reply never closed.
_MESSAGE = re.compile(
    r"> (?:Tokens: |[\d,]+ prompt tokens|Applied edit to |Commit [0-9a-f]{7}|Running |The LLM did not conform|\^C "
    r"|Only \d+ reflections|Add file to the chat\?|Create new file\?|Run shell command)"
)
_QUESTION = re.compile(r"\? \(Y\)es/\(N\)o|\[(?:yes|y/n)\]", re.IGNORECASE)
_ANSWERS = frozenset({"", "y", "n", "yes", "no", "a", "all", "s", "skip", "d", "don't"})
# What begins a line that may be more than one of a reply: a fence, a prompt, a message.
_SIGNS = aider_fences.SIGNS | frozenset("#>")


@dataclass
class Run:
    """One start of Aider: its lines without their ends. ``line``: the number of the first one, from 1.

    ``stripped``: how many lines at its beginning lost the spaces at their ends, to an editor or a hook; the signs alone
    tell there. What Aider writes after that has them again.
    """

    line: int
    started_at: str | None = None
    lines: list[str] = field(default_factory=list)
    is_edited: bool = False

    @cached_property
    def stripped(self) -> int:
        if self.is_edited:
            return 0
        end = next((at for at, line in enumerate(self.lines) if line.endswith(_TAIL)), len(self.lines))
        before = self.lines[:end]
        # A history whose beginning was cut off may begin within a reply, with headings of its own.
        is_cut = self.started_at is None and end < len(self.lines) and not any(map(_MESSAGE.match, before))
        return end if not is_cut and any(line.startswith("#### ") for line in before) else 0


@dataclass
class Event:
    """``kind``: user, tool or reply. ``texts``: one prompt, one reply, or the messages of tools in a row."""

    kind: str
    line: int
    texts: list[str]


def read_runs(blocks: Iterable[tuple[int, list[str]]]) -> Iterator[Run]:
    """The runs of a file's lines, in order; what stands before the first head is a run without a time.

    The lines come in blocks, each with the number of its first one.
    """
    run = Run(1)
    for number, lines in blocks:
        begin = 0
        for at in [at for at, line in enumerate(lines) if line.startswith(HEADS)]:
            run.is_edited = run.is_edited or lines[at].startswith(EDITED)
            if head := START.fullmatch(lines[at]):
                run.lines += lines[begin:at]
                yield run
                run, begin = Run(number + at, head[1].replace(" ", "T")), at + 1
        run.lines += lines[begin:]
    yield run


def read_events(run: Run) -> list[Event]:
    """What happened in a run. Time grows with its length alone, whatever it holds."""
    if run.is_edited:
        _drop_introduction(run.lines)
    return _Reader(run).read()


def _drop_introduction(lines: list[str]) -> None:
    """Blank what the web page says above the transcript: it may begin several times before anything was typed."""
    typed = next((at for at, line in enumerate(lines) if line.startswith("#### ")), len(lines))
    begin = next((at for at in range(typed - 1, -1, -1) if lines[at].startswith(EDITED)), 0)
    lines[:begin] = [""] * begin


class _Reader:
    def __init__(self, run: Run) -> None:
        self.run = run
        self.lines = run.lines
        self.events: list[Event] = []
        self.fence = ""  # the line that would close the open fence

    @cached_property
    def tails(self) -> list[int]:
        """The lines that end with two spaces."""
        return [at for at, line in enumerate(self.lines) if line.endswith(_TAIL)]

    @cached_property
    def tags(self) -> aider_fences.Tags:
        signs = (at for at, line in enumerate(self.lines) if line.lstrip()[:1] == "<")
        return aider_fences.Tags(self.lines, signs)

    def _next_tail(self, at: int) -> int:
        """The first of them from ``at`` on; -1 where none is left."""
        nth = bisect_left(self.tails, at)
        return self.tails[nth] if nth < len(self.tails) else -1

    def read(self) -> list[Event]:
        """Line by line where there is a sign; what lies between two is the reply's."""
        at = 0
        for sign in [at for at, line in enumerate(self.lines) if line.lstrip()[:1] in _SIGNS]:
            if sign < at:
                continue  # taken by a prompt or message above
            if at < sign:
                self._reply(at, sign)
            line = self.lines[sign]
            if line.startswith("#### ") and self._is_typed(line, sign):
                at = self._typed(sign)
            elif line.startswith(">") and self._is_message(line, sign):
                at = self._message(sign)
            else:
                at = self._signed(line, sign)
        self._reply(at, len(self.lines))
        return [event for event in (_finished(event) for event in self.events) if event.texts]

    def _is_typed(self, line: str, at: int) -> bool:
        """Of a line that begins as one that was typed."""
        if self.run.is_edited or at < self.run.stripped:
            return not self.fence
        return line.endswith(_TAIL) and (not self.fence or self._after_blank(at))

    def _is_message(self, line: str, at: int) -> bool:
        if self.run.is_edited:
            return not self.fence
        if not line.startswith("> "):
            return False
        if self.fence:
            return bool(_MESSAGE.match(line)) and self._after_blank(at)
        if line.endswith(_TAIL):
            return True
        if at < self.run.stripped:
            return not self.events or self.events[-1].kind != "reply" or bool(_MESSAGE.match(line))
        # The first of several lines. A quote in a reply is like it, but stands below a blank line or the reply's text.
        return not self.events or (self.events[-1].kind == "tool" and not self._after_blank(at))

    def _after_blank(self, at: int) -> bool:
        return at == 0 or not self.lines[at - 1].strip()

    def _typed(self, at: int) -> int:
        first = at
        while at < len(self.lines) and self._goes_on(self.lines[at], at):
            at += 1
        text = "\n".join([line[5:].removesuffix(_TAIL) for line in self.lines[first:at]])
        before = self.events[-1] if self.events else None
        if before and before.kind == "tool" and _is_answer(text, before.texts[-1]):
            before.texts.append(text)
        else:
            self._add("user", first, text)
        self.fence = ""
        return at

    def _goes_on(self, line: str, at: int) -> bool:
        """Whether a prompt has this line too."""
        if line == "####" and at < self.run.stripped:
            return True
        return line.startswith("#### ") and self._is_typed(line, at)

    def _message(self, at: int) -> int:
        end = at + 1
        if not self.run.is_edited:
            # Lines right below belong to it; where its first line does not end it, blank ones too.
            is_line = self.lines[at].endswith(_TAIL) or at < self.run.stripped
            last = -1 if is_line else self._next_tail(at)
            while end < len(self.lines) and not self.lines[end].startswith(("> ", "#### ")):
                if end > last and not self.lines[end].strip():
                    break
                end += 1
        lines = [self.lines[at][1:].removeprefix(" "), *self.lines[at + 1 : end]]
        text = "\n".join([line.removesuffix(_TAIL) for line in lines])
        if self.events and self.events[-1].kind == "tool":
            self.events[-1].texts.append(text)
        else:
            self._add("tool", at, text)
        self.fence = ""
        return end

    def _signed(self, line: str, at: int) -> int:
        """A line that was neither typed nor a message: a fence, a heading or a quote of the reply."""
        if not (self.run.is_edited and _PAGE_PARTS.fullmatch(line)):
            if line.lstrip()[0] in aider_fences.SIGNS:
                self._watch_fence(line, at)
            self._reply(at, at + 1)
        return at + 1

    def _reply(self, at: int, end: int) -> None:
        """Lines of a reply. Blank ones do not begin it."""
        if not (self.events and self.events[-1].kind == "reply"):
            at = next((at for at in range(at, end) if self.lines[at].strip()), end)
            if at < end:
                self._add("reply", at)
        if at < end:
            self.events[-1].texts += self.lines[at:end]

    def _watch_fence(self, line: str, at: int) -> None:
        start = line.lstrip()[:12]
        if self.fence:
            if aider_fences.closes(line, self.fence):
                self.fence = ""
        elif start.startswith(("```", "~~~")):
            mark = start[0]
            self.fence = mark * (len(start) - len(start.lstrip(mark)))
        elif (closing := aider_fences.opening(line)) and self.tags.closed(closing, at):
            self.fence = closing

    def _add(self, kind: str, at: int, *texts: str) -> None:
        self.events.append(Event(kind, self.run.line + at + (self.run.started_at is not None), [*texts]))


def _is_answer(text: str, message: str) -> bool:
    """Whether it was typed at a question that Aider asked, which it then writes again with the answer."""
    if _is_question(text):
        return True
    return text.strip().lower() in _ANSWERS and (message.rstrip().endswith("?") or _is_question(message))


def _is_question(text: str) -> bool:
    return "\n" not in text and bool(_QUESTION.search(text))


def _finished(event: Event) -> Event:
    """A reply is one text; messages and prompts without text are none."""
    texts = ["\n".join(event.texts).strip("\n")] if event.kind == "reply" else event.texts
    return Event(event.kind, event.line, [text for text in texts if text.strip()])
