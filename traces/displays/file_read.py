"""A file, or a part of one, that was read: code with its original line numbers."""

from __future__ import annotations

from typing import Any

from traces import blocks
from traces.displays import Context, Plain, displays
from traces.markup import Html, join, one_line, plural, text_of


class FileRead(Plain):
    def summary(self, step: dict[str, Any]) -> str:
        return one_line(text_of(step.get("path")), 300)

    def badges(self, step: dict[str, Any]) -> list[Html]:
        start, end = step.get("start_line"), step.get("end_line")
        if isinstance(start, int) and isinstance(end, int):
            return [blocks.badge(f"lines {start}–{end}", "quiet")]
        if step.get("images") and not step.get("content"):
            return []
        count = text_of(step.get("content")).removesuffix("\n").count("\n") + 1
        return [blocks.badge(f"from line {start}" if isinstance(start, int) else plural(count, "line"), "quiet")]

    def body(self, step: dict[str, Any], context: Context) -> Html:
        return join([self._content(step, context), blocks.output(step, context.options, is_open=context.is_open)])

    def _content(self, step: dict[str, Any], context: Context) -> Html | None:
        content, start = step.get("content"), step.get("start_line")
        if step.get("images") and not content:
            return None
        if content is None:
            return blocks.note("What was read was not recorded.") if not step.get("output") else None
        if content == "":
            return blocks.note("The file is empty.")
        first = start if isinstance(start, int) else 1
        path = text_of(step.get("path"))
        return blocks.numbered(
            text_of(content), first, path, context.options, context.highlight, is_open=context.is_open
        )


displays.register("file_read")(FileRead())
