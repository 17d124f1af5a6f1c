"""A call of any other tool: its name, its input, its output."""

from __future__ import annotations

from typing import Any

from traces import blocks
from traces.displays import Context, Plain, displays
from traces.markup import Html, join, one_line, text_of

# The part of an input that says most about it, in the order they are looked for.
_TELLING = ("query", "pattern", "url", "description", "prompt", "command", "path", "name")


# A longer plan is shown like any other input.
MAX_ENTRIES = 200


class Call(Plain):
    def summary(self, step: dict[str, Any]) -> str:
        name, value = text_of(step.get("name")), step.get("input")
        if isinstance(value, dict):
            telling = next((text_of(value[key]) for key in _TELLING if value.get(key)), "")
        else:
            telling = text_of(value)
        return one_line(" · ".join(part for part in (name, one_line(telling)) if part))

    def body(self, step: dict[str, Any], context: Context) -> Html:
        return join(
            [
                self._content(step, context),
                self._input(step.get("input"), context),
                self._output(step, context),
            ]
        )

    def _content(self, step: dict[str, Any], context: Context) -> Html | None:
        text = text_of(step.get("content"))
        return blocks.text_block(text, context.options, is_open=context.is_open) if text else None

    def _input(self, value: Any, context: Context) -> Html | None:
        if value is None or value in ("", {}, []):
            return None
        if isinstance(value, dict):
            shown = blocks.named_values(value.items(), context.options, is_open=context.is_open)
        else:
            shown = blocks.text_block(text_of(value), context.options, is_open=context.is_open)
        return blocks.part("Input", shown)

    def _output(self, step: dict[str, Any], context: Context) -> Html:
        if step.get("output") is None:
            return blocks.note("The output was not recorded.")
        return blocks.output(step, context.options, is_open=context.is_open) or blocks.note("No output.")


class Plan(Call):
    """A plan's entries as a list, each with its state in words."""

    def summary(self, step: dict[str, Any]) -> str:
        entries = _entries(step.get("input"))
        if not entries:
            return super().summary(step)
        done = sum(entry.get("status") == "completed" for entry in entries)
        return one_line(f"{done} of {len(entries)} done · {text_of(step.get('name'))}".removesuffix(" · "))

    def _input(self, value: Any, context: Context) -> Html | None:
        entries = _entries(value)
        if not entries:
            return super()._input(value, context)
        states = [(text_of(entry["content"]), text_of(entry["status"]).replace("_", " ")) for entry in entries]
        return blocks.part("Plan", blocks.checklist(states))


def _entries(value: Any) -> list[dict[str, Any]] | None:
    """The to-do entries of an input, if it is such a list and nothing else would be lost by showing it as one."""
    if isinstance(value, dict) and len(value) == 1:
        value = next(iter(value.values()))
    # activeForm is the same sentence in another tense.
    known = {"content", "status", "activeForm", "id"}
    is_list = isinstance(value, list) and 0 < len(value) <= MAX_ENTRIES
    if is_list and all(isinstance(e, dict) and {"content", "status"} <= set(e) <= known for e in value):
        return value
    return None


for name in ("search", "web", "subagent", "tool_call"):
    displays.register(name)(Call())
displays.register("plan")(Plan())
