"""A file, or a part of one, that was read: code with its original line numbers."""

from __future__ import annotations

from typing import Any

from potato_site.counts import plural
from traces import blocks
from traces.displays import Context, Plain, displays
from traces.markup import Html, join, one_line, text_of
from traces.tooling.listings import beside_listing, read_listing


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
        output = blocks.said(_not_shown(step), context.options, is_open=context.is_open)
        return join([self._content(step, context), output])

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


def _not_shown(step: dict[str, Any]) -> str:
    """What the tool printed, without the very lines that are shown as the file's, numbered or not."""
    printed = text_of(step.get("output"))
    content, output = (text.replace("\r\n", "\n") for text in (text_of(step.get("content")), printed))
    shown = content.rstrip("\n")
    if not shown or not output:
        return printed
    listing = read_listing(output)
    # A tool may number the empty line behind the last one. Numbers that are not shown are told by the tool.
    if listing is not None and listing.text.rstrip("\n") == shown and listing.start == (step.get("start_line") or 1):
        return beside_listing(output)
    before, found, after = f"\n{output}\n".partition(f"\n{shown}\n")
    # A single line may be like others.
    is_it = found and ("\n" in shown or not (before and after))
    return f"{before}\n{after}".strip("\n") if is_it else printed


displays.register("file_read")(FileRead())
