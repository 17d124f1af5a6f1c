"""A command, what the terminal said, and what it changed in files, where that is known."""

from __future__ import annotations

from typing import Any

from traces import ansi, blocks
from traces.changes import WITHOUT_EFFECT
from traces.displays import Context, Plain, displays
from traces.displays.diff import counts, diff_of, shown
from traces.document import changes_files
from traces.markup import Html, el, join, line, one_line, text_of

# A longer output can scroll inside its block, so it must be reachable by keyboard.
SCROLLS_FROM_LINES = 12


class Terminal(Plain):
    repeats = True

    def summary(self, step: dict[str, Any]) -> str:
        return one_line(ansi.strip(text_of(step.get("command"))[:4000]))

    def badges(self, step: dict[str, Any]) -> list[Html]:
        code = step.get("exit_code")
        changed = counts(diff_of(step)) if changes_files(step) else []
        if code is None:
            return changed
        return [el("span", f"exit {code}", class_=f"badge exit {'exit-ok' if code == 0 else 'exit-bad'}"), *changed]

    def body(self, step: dict[str, Any], context: Context) -> Html:
        cwd = text_of(step.get("cwd"))
        command = text_of(step.get("command"))
        prompt = el("span", "$ ", class_="prompt")
        terminal = el(
            "div",
            el("div", el("span", "in ", class_="in"), cwd, class_="cwd") if cwd else None,
            el("div", f"# {purpose}", class_="purpose") if (purpose := _purpose(step)) else None,
            el("div", prompt, el("code", *_lines(command)), class_="command wrap"),
            self._output(step.get("output"), context),
            class_="terminal",
            translate="no",
        )
        return join([terminal, self._changed(step, context)])

    def _changed(self, step: dict[str, Any], context: Context) -> Html | None:
        if not changes_files(step):
            return None
        has_happened = step.get("status") not in WITHOUT_EFFECT
        note = "What the command changed:" if has_happened else "What the command was to change:"
        return join([blocks.note(note), shown(step, diff_of(step), context, with_heads=True)])

    def _output(self, output: object, context: Context) -> Html:
        """None was never recorded, which is not the same as a command that printed nothing."""
        if output is None:
            return blocks.note("The output was not recorded.")
        text = text_of(output)
        if not text:
            return blocks.note("No output.")
        scrolls = text.count("\n") >= SCROLLS_FROM_LINES or len(text) > 80 * SCROLLS_FROM_LINES
        printed = blocks.text_block(text, context.options, is_open=context.is_open, kind="output")
        if not scrolls:
            return el("div", printed, class_="screen")
        return el("div", printed, class_="screen", tabindex=0, role="group", aria_label="Output")


def _purpose(step: dict[str, Any]) -> str:
    """What the agent said the command is for, in one line; "" where it did not."""
    given = step.get("input")
    told = (given.get("description") or given.get("summary")) if isinstance(given, dict) else None
    return one_line(told) if isinstance(told, str) else ""


def _lines(command: str) -> list[Html]:
    rows = command.replace("\r\n", "\n").split("\n")
    last = len(rows) - 1
    return [Html(line(row) + ("" if i == last else "\n")) for i, row in enumerate(rows)]


displays.register("bash_command")(Terminal())
