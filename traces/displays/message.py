"""What people, models and programs say: plain text, its line breaks kept."""

from __future__ import annotations

from typing import Any

from traces import ansi, blocks
from traces.displays import Context, Plain, displays
from traces.markup import Html, join, one_line, text_of
from traces.options import RenderOptions


class Message(Plain):
    repeats = True

    def summary(self, step: dict[str, Any]) -> str:
        return one_line(ansi.strip(text_of(step.get("content"))[:4000]))

    def body(self, step: dict[str, Any], context: Context) -> Html:
        text = text_of(step.get("content"))
        if not text.strip():
            said = blocks.note("The message is empty.")
        else:
            said = blocks.text_block(text, context.options, is_open=context.is_open)
        return join([said, blocks.output(step, context.options, is_open=context.is_open)])


class Thinking(Message):
    def starts_closed(self, options: RenderOptions) -> bool:
        return options.auto_collapse_thinking


for name in ("user_message", "assistant_message", "system", "error"):
    displays.register(name)(Message())
displays.register("thinking")(Thinking())
