"""Aider's chat history (``.aider.chat.history.md``): one trace for each start of Aider in which something was asked.

The file records no line numbers, no output of commands and no exit codes: edits are placed by what earlier ones of the
same run show, and marked approximate otherwise; outputs are null.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from traces.converters import Converter, converters
from traces.document import Step
from traces.jsonl import WARNING, Problem, Record
from traces.keeps import Keeps
from traces.source import Source
from traces.tooling.aider_log import EDITED, HEADS, START, Event, Run, read_events, read_runs
from traces.tooling.aider_outcome import DID_NOT_CONFORM, Outcome, is_count, read_outcome
from traces.tooling.aider_reply import Part, read_reply
from traces.tooling.apply_patch import apply_patch, read_loose_diff
from traces.tooling.calls import edit_step
from traces.tooling.files import Files
from traces.tooling.terminal import read_terminal
from traces.tooling.transcript import Transcript

# Up to a line that one of its heads may be: a quick look at the many files that are lines of records.
_HEAD = re.compile(rf"(?:[^\n]*+\n)*?(?:{'|'.join(map(re.escape, HEADS))})".encode())
_MARKS = re.compile(
    r"> (?:Aider v\d|Added .* to the chat|Applied edit to |Tokens: [\d.]|Git repo: |Main model: |Models?: )"
)
_COMMAND = re.compile(r"/([a-z][a-z-]*)(?:\s+|$)(.*)", re.DOTALL)
# Commands whose text the model reads, or a model elsewhere.
_ASKING = frozenset({"ask", "code", "architect", "context", "copy-context", "help", "web", "editor", "edit", "voice"})
_MODEL = re.compile(r"(?:Main model|Models?): ([^\s,]+)(?: with (.+?) edit format)?.*")
_EDITOR = re.compile(r"Editor model: \S+ with (.+?) edit format.*")
_RUNNING = re.compile(r"Running (.+)", re.DOTALL)
# Printed by the harness that ran Aider on SWE-bench: the tests it ran after an edit.
_HARNESS = re.compile(r"(?:\[[^\]\s]+\] ){1,2}Command: (.+)")
_INSTANCE = re.compile(r"([A-Za-z0-9-]+__[A-Za-z0-9._-]+-\d+)$")
# What Aider says itself after a command that a person ran.
_NO_OUTPUT = re.compile(
    r"Added \d+ lines? of output.*|Add (?:the|[\d.k]+ tokens of command) output.*|Running .*|Commit .*", re.DOTALL
)
_PROMPT_ECHO = 200  # characters of a plan that its copy must share


class Aider(Converter):
    name = "aider"
    version = "1"
    keeps = Keeps(
        document="issue_description started_at instance_id metrics.tokens agent model agent_version metrics.cost",
        steps="system user_message assistant_message thinking error file_edit file_create bash_command",
        fields="content source_line call_id path diff approximate exact_diff status command output by tokens",
    )

    def detect(self, source: Source) -> bool:
        """A head of Aider's, or what people typed beside messages of Aider's own."""
        typed = said = False
        if source.is_binary or source.shape in ("object", "list"):
            return False
        # A history that quotes records may look like lines of them.
        if source.shape == "lines" and not (source.begins(_HEAD) and source.mentions("# aider chat started at")):
            return False
        for line in source.head.split("\n"):
            if START.fullmatch(line) or line.startswith(EDITED):
                return True
            typed = typed or line.startswith("#### ")
            said = said or bool(_MARKS.match(line))
        return typed and said and source.shape == "text"

    def convert(self, source: Source) -> Iterator[Record | Problem]:
        """One trace per run; runs in which nothing was asked are passed over."""
        stem, taken, passed = _stem(source.name), set[str](), 0
        for run in read_runs(source.lines()):
            trace = _Trace(run)
            if trace.asked:
                yield Record(run.line, trace.document(_identity(stem, run, taken), stem))
            passed += run.started_at is not None and not trace.asked
        if passed:
            runs = "1 run" if passed == 1 else f"{passed} runs"
            yield Problem(source.name, None, "", f"{runs} left out, in which nothing was asked", WARNING)


def _stem(name: str) -> str:
    """What names the history: its file without the usual ending, or the folder it lies in.

    Not the folders above: a history that is imported again, alone or in an archive, is the same one.
    """
    path = PurePosixPath(name)
    own = path.name.removesuffix(".md").removesuffix(".aider.chat.history").strip(".")
    return own or path.parent.name or "aider"


def _identity(stem: str, run: Run, taken: set[str]) -> str:
    """The id of a run: the same whatever is appended to the file later."""
    at = re.sub(r"\D", "", run.started_at or "")
    wanted = f"{stem[-200:]}-{at}" if at else stem[-200:]
    identity, number = wanted, 2
    while identity in taken:
        identity, number = f"{wanted}-{number}", number + 1
    taken.add(identity)
    return identity


class _Trace:
    """The steps of one run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.files = Files()
        self.out = Transcript()
        self.asked = False
        self.calls = 0
        self.cost: float | None = None
        self.tokens = {"input": 0, "output": 0}
        self.is_whole = False
        self.about: dict[str, str] = {}
        self.is_told = False  # what a command printed, which is the next thing Aider said, is its step's output
        self.reply = ""  # the last one, which architect mode hands on as a prompt
        events = read_events(run)
        if run.stripped:
            which = "all lines" if run.stripped == len(run.lines) else "the first lines"
            self.out.warn(f"spaces gone from the ends of {which}: headings of a reply may be taken for prompts")
        for event, after in zip(events, [*events[1:], None], strict=False):
            self._take(event, after.texts if after and after.kind == "tool" else [])

    def _take(self, event: Event, messages: list[str]) -> None:
        if event.kind == "user":
            self._typed(event, messages)
        elif event.kind == "reply":
            self._replied(event, read_outcome(messages))
        else:
            self._said(event)

    # --- what a person typed ---

    def _typed(self, event: Event, messages: list[str]) -> None:
        text = event.texts[0]
        command = _COMMAND.match(text)
        if command is None and not text.startswith("!"):
            if self._is_copy(text):
                self.out.warn("plan handed to the editor model, the text of the message before it")
                return
            self._asked(text, event.line)
        elif command and command[1] in _ASKING and command[2].strip():
            self._asked(text, event.line)
        elif text.startswith("!") or (command and command[1] in ("run", "test", "lint", "git")):
            typed = text[1:] if text.startswith("!") else _command_line(command)
            output = _output(messages)
            self.is_told = output is not None
            self.files.ran(typed)
            self._add("bash_command", event.line, command=typed.strip(), output=output, by="user")
        else:
            self.out.text("system", text, source_line=event.line)

    def _asked(self, text: str, line: int) -> None:
        self.asked = True
        self.out.text("user_message", text, source_line=line)

    def _is_copy(self, text: str) -> bool:
        start = _folded(self.reply)[:_PROMPT_ECHO]
        return len(start) > 40 and _folded(text)[:_PROMPT_ECHO] == start

    # --- what the model replied ---

    def _replied(self, event: Event, outcome: Outcome) -> None:
        text = event.texts[0]
        self.reply = text
        first = len(self.out.steps)
        for part in read_reply(text, lambda path: self.is_whole or path in outcome.applied):
            self._part(part, event.line + part.line, outcome)
        if outcome.tokens and len(self.out.steps) > first:
            self.out.steps[first]["tokens"] = outcome.tokens
            self.tokens = {key: self.tokens[key] + outcome.tokens[key] for key in self.tokens}
        if outcome.cost is not None:
            self.cost = (self.cost or 0.0) + outcome.cost

    def _part(self, part: Part, line: int, outcome: Outcome) -> None:
        if part.kind == "text":
            self.out.text("assistant_message", part.text, source_line=line)
        elif part.kind == "thinking":
            self.out.text("thinking", part.text, source_line=line)
        elif part.kind == "shell":
            self._offered(part, line, outcome)
        else:
            for step in self._edits(part, outcome):
                self._add(step.pop("type"), line, **step)

    def _offered(self, part: Part, line: int, outcome: Outcome) -> None:
        """Commands in a fence: those that ran have a message of their own, the others were only offered."""
        commands = [text for text in part.text.split("\n") if text.strip() and not text.lstrip().startswith("#")]
        ran = [text for text in commands if text.strip() in outcome.ran]
        if ran or not commands:
            self.out.text("assistant_message", f"```{part.language}\n{part.text}```", source_line=line)
        else:
            for typed in read_terminal(part.text):
                self._add("bash_command", line, command=typed.command, output=typed.output, status="suggested")

    def _edits(self, part: Part, outcome: Outcome) -> list[Step]:
        if part.kind == "patch":
            names = [path for path, _ in apply_patch(part.text, Files())]
            status = _worst(outcome.status(Part("patch", 0, "", path)) for path in names)
            changes = apply_patch(part.text, self.files, apply=status == "ok")
            return [edit_step(path, change) | {"status": status} for path, change in changes]
        if part.kind == "diff":
            steps = []
            for patch in read_loose_diff(part.text):
                status = outcome.status(Part("diff", 0, "", patch.path))
                changes = apply_patch([patch], self.files, apply=status == "ok")
                steps += [edit_step(path, change) | {"status": status} for path, change in changes]
            return steps
        status = outcome.status(part)
        apply = status == "ok"
        if part.kind == "file":
            change = self.files.write(part.path, part.text, created=outcome.created(part.path), apply=apply)
        elif not part.old.strip():
            change = self._added(part, apply)
        else:
            change = self.files.replace(part.path, part.old, part.text, apply=apply)
        return [edit_step(part.path or "(unnamed)", change) | {"status": status}]

    def _added(self, part: Part, apply: bool) -> Any:
        """An empty SEARCH makes a file, or adds to the end of one."""
        text = self.files.text(part.path)
        if text is None:
            return self.files.write(part.path, part.text, created=True, apply=apply)
        return self.files.write(part.path, text + part.text, created=False, apply=apply)

    # --- what Aider said ---

    def _said(self, event: Event) -> None:
        lines: list[str] = []
        messages = [text for text in event.texts if _NO_OUTPUT.fullmatch(text)] if self.is_told else event.texts
        self.is_told = False
        for message in messages:
            self._note(message)
            running = message.startswith("Running ") and _RUNNING.fullmatch(message)
            harness = message.startswith("[") and _HARNESS.fullmatch(message)
            if running and self.reply and message.removeprefix("Running ").strip() in self._offers():
                self._system(lines, event.line)
                lines = []
                self.files.ran(running[1])
                self._add("bash_command", event.line, command=running[1].strip())
            elif harness:
                self._system(lines, event.line)
                lines = []
                self._add("bash_command", event.line, command=harness[1].strip())
            elif not is_count(message):
                lines.append(message)
        self._system(lines, event.line)

    def _offers(self) -> set[str]:
        return {line.strip() for line in self.reply.split("\n")}

    def _system(self, lines: list[str], line: int) -> None:
        text = "\n".join(lines)
        self.out.text("error" if DID_NOT_CONFORM in text else "system", text, source_line=line)

    def _note(self, message: str) -> None:
        if not message.startswith(("Main model", "Model", "Editor model", "Aider v")):
            return
        if match := _MODEL.fullmatch(message):
            self.about.setdefault("model", match[1])
            self.is_whole = self.is_whole or "whole" in (match[2] or "")
        elif match := _EDITOR.fullmatch(message):
            self.is_whole = self.is_whole or "whole" in match[1]
        elif message.startswith("Aider v"):
            self.about.setdefault("agent_version", message.removeprefix("Aider v").strip())

    def _add(self, type: str, line: int, **values: Any) -> None:
        self.calls += 1
        self.out.add(type, source_line=line, call_id=f"{self.run.line}-{self.calls}", **values)

    def document(self, identity: str, stem: str) -> dict[str, Any]:
        """The trace. Aider rounds its counts of tokens, so their sums are rounded too."""
        instance = _INSTANCE.search(stem)
        metrics: dict[str, Any] = {"cost": round(self.cost, 6)} if self.cost is not None else {}
        if any(self.tokens.values()):
            metrics["tokens"] = self.tokens
        return self.out.document(
            identity,
            agent="aider",
            **self.about,
            instance_id=instance[1] if instance else None,
            started_at=self.run.started_at,
            metrics=metrics or None,
        )


def _command_line(command: re.Match[str] | None) -> str:
    """``/run x`` is the command x; ``/test`` alone and ``/git x`` are shown as they were typed."""
    if command is None:
        return ""
    if command[1] in ("run", "test") and command[2].strip():
        return command[2]
    return f"{'' if command[1] == 'git' else '/'}{command[1]} {command[2]}"


def _output(messages: list[str]) -> str | None:
    """What a command that a person ran printed, where the history has it (it did in 2023)."""
    lines = [text for text in messages if not _NO_OUTPUT.fullmatch(text)]
    text = "\n".join(lines).strip("\n").removeprefix("```\n").removesuffix("```").rstrip("\n")
    return text or None


def _folded(text: str) -> str:
    return " ".join(text[: 4 * _PROMPT_ECHO].split())


def _worst(statuses: Iterator[str]) -> str:
    """The status of a patch of several files: it is applied as a whole or not at all."""
    found = list(statuses)
    return next((status for status in ("failed", "rejected", "suggested") if status in found), "ok")


converters.register("aider")(Aider())
