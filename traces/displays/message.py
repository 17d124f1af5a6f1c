"""What people, models and programs say: people and models in Markdown, all else as plain text with its line breaks."""

from __future__ import annotations

from typing import Any

from traces import ansi, blocks, prose
from traces.displays import Context, Plain, displays
from traces.markup import Html, join, one_line, text_of
from traces.options import RenderOptions

LONG_SYSTEM_LETTERS = 600


class Message(Plain):
    repeats = True

    def summary(self, step: dict[str, Any]) -> str:
        return one_line(ansi.strip(text_of(step.get("content"))[:4000]))

    def body(self, step: dict[str, Any], context: Context) -> Html:
        text = text_of(step.get("content"))
        said = self.said(text, context) if text.strip() else blocks.note("The message is empty.")
        return join([said, blocks.output(step, context.options, is_open=context.is_open)])

    def said(self, text: str, context: Context) -> Html:
        return blocks.text_block(text, context.options, is_open=context.is_open)


class Prose(Message):
    def said(self, text: str, context: Context) -> Html:
        return prose.message(text, context.options, context.highlight, is_open=context.is_open)


class Thinking(Message):
    def starts_closed(self, step: dict[str, Any], options: RenderOptions) -> bool:
        return options.auto_collapse_thinking


class System(Message):
    """What the agent was set up with is the same in every run: a long one is folded, its beginning is its summary."""

    def starts_closed(self, step: dict[str, Any], options: RenderOptions) -> bool:
        return options.auto_collapse_long_output and len(text_of(step.get("content"))) > LONG_SYSTEM_LETTERS


for name in ("user_message", "assistant_message"):
    displays.register(name)(Prose())
displays.register("error")(Message())
displays.register("system")(System())
displays.register("thinking")(Thinking())
