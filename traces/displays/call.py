"""A call of any other tool: its name, its input, its output."""

from __future__ import annotations

from typing import Any

from traces import blocks, prose
from traces.displays import Context, Plain, displays
from traces.markup import Html, join, one_line, text_of
from traces.plans import read_listing, read_plan

# The part of an input that says most about it, in the order they are looked for.
_TELLING = ("query", "pattern", "url", "description", "prompt", "command", "path", "name")


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
    """A plan's entries as a list, each with its state in words; one that was written for a person as Markdown."""

    def summary(self, step: dict[str, Any]) -> str:
        plan = read_plan(step.get("input"))
        if not plan:
            return super().summary(step)
        if plan.is_list:
            said = f"{sum(entry.is_done for entry in plan.entries)} of {len(plan.entries)} done"
        else:
            said = one_line(f"{plan.entries[0].state}: {plan.entries[0].text}")
        return one_line(f"{said} · {text_of(step.get('name'))}".removesuffix(" · "))

    def _input(self, value: Any, context: Context) -> Html | None:
        plan = read_plan(value)
        if not plan:
            return self._written(value, context) or super()._input(value, context)
        entries = blocks.part("Plan", blocks.checklist(plan.entries))
        return join([super()._input(plan.rest, context), entries])

    def _written(self, value: Any, context: Context) -> Html | None:
        text = value.get("plan") if isinstance(value, dict) else None
        if not isinstance(text, str) or not text.strip():
            return None
        rest = {key: one for key, one in value.items() if key != "plan"}
        said = prose.message(text, context.options, context.highlight, is_open=context.is_open)
        return join([super()._input(rest, context), blocks.part("Plan", said)])

    def _output(self, step: dict[str, Any], context: Context) -> Html:
        entries = read_listing(text_of(step.get("output")))
        return blocks.part("Output", blocks.checklist(entries)) if entries else super()._output(step, context)


for name in ("search", "web", "subagent", "tool_call"):
    displays.register(name)(Call())
displays.register("plan")(Plan())
