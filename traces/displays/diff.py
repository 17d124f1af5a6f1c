"""What was changed in files: a unified diff as coloured, numbered rows, in one column or two."""

from __future__ import annotations

from typing import Any

from potato_site.counts import plural
from traces import blocks, diff_rows, unified_diff
from traces.diff_names import NOTHING
from traces.displays import Context, Plain, displays
from traces.markup import Html, el, join, line, one_line, text_of, visible
from traces.unified_diff import Diff, FileDiff, Hunk
from traces.without_lines import happened, marks


def diff_of(step: dict[str, Any]) -> Diff:
    """The step's diff; where it has only the content of a created or deleted file, all of it as added or removed."""
    text = text_of(step.get("diff"))
    content = text_of(step.get("content"))
    if text.strip() or not content or step.get("type") not in ("file_create", "file_delete"):
        return unified_diff.parse(text)
    lines = content.replace("\r\n", "\n").removesuffix("\n").split("\n")
    is_new = step["type"] == "file_create"
    sign = "+" if is_new else "-"
    head = f"@@ -0,0 +1,{len(lines)} @@" if is_new else f"@@ -1,{len(lines)} +0,0 @@"
    return unified_diff.parse("\n".join([head, *(sign + text for text in lines)]))


def bare_change(step: dict[str, Any]) -> FileDiff:
    """What a step without a diff says of its file by its type alone."""
    path, kind = text_of(step.get("path")), step.get("type")
    old = NOTHING if kind == "file_create" else path
    new = NOTHING if kind == "file_delete" else path
    is_empty = kind == "file_create" and step.get("content") == ""
    return FileDiff(old, new, is_recorded=is_empty)


def path_in(step: dict[str, Any], diff: Diff, file: FileDiff) -> str:
    """The name of a file of the step's diff, as it can be read: the step's own, where its diff is of one file."""
    own = text_of(step.get("path"))
    return visible((own if len(diff.files) == 1 else "") or file.path or own)


def folded(body: Html, diff: Diff, context: Context) -> Html:
    """``body``, which shows the diff: behind a fold where that is large and the project wants it so."""
    options = context.options
    count = sum(len(hunk.lines) for file in diff.files for hunk in file.hunks) + diff.rest.count("\n")
    if not options.collapse_large_diffs or count <= options.large_diff_threshold:
        return body
    added, removed = diff.changes()
    summary = f"Show the diff: {plural(count, 'line')}, {added:,} added, {removed:,} removed"
    return blocks.fold(summary, body, is_open=context.is_open, kind="more large-diff")


def counts(diff: Diff) -> list[Html]:
    """How many lines came and went."""
    added, removed = diff.changes()
    return [blocks.badge(f"+{added:,}", "added"), blocks.badge(f"−{removed:,}", "removed")]


def shown(step: dict[str, Any], diff: Diff, context: Context, *, with_heads: bool) -> Html:
    """The rows of all files of the step's diff, each under its name (``with_heads``)."""
    rows = ShownDiff(context)
    parts = [rows.file(file, path_in(step, diff, file), with_head=with_heads) for file in diff.files]
    return folded(join([*parts, rows.rest(diff.rest)]), diff, context)


class FileChange(Plain):
    def summary(self, step: dict[str, Any]) -> str:
        return one_line(text_of(step.get("path")), 300)

    def badges(self, step: dict[str, Any]) -> list[Html]:
        diff = diff_of(step)
        files = diff.files or [bare_change(step)]
        if all(happened(file) for file in files):
            return [blocks.badge(word) for word in dict.fromkeys(word for file in files for word in marks(file))]
        unknown = [blocks.badge("line numbers unknown", "quiet")] if step.get("approximate") else []
        return [*counts(diff), *unknown]

    def body(self, step: dict[str, Any], context: Context) -> Html:
        return join([self._change(step, context), blocks.output(step, context.options, is_open=context.is_open)])

    def _change(self, step: dict[str, Any], context: Context) -> Html:
        diff = diff_of(step)
        if not diff.files:
            return self._content(step, context)
        return shown(step, diff, context, with_heads=len(diff.files) > 1)

    def _content(self, step: dict[str, Any], context: Context) -> Html:
        """An edit that came without a diff: the file as it was afterwards, if that is known."""
        content = text_of(step.get("content"))
        path = text_of(step.get("path"))
        if not content:
            return ShownDiff(context).file(bare_change(step), visible(path), with_head=False)
        code = blocks.numbered(content, 1, path, context.options, context.highlight, is_open=context.is_open)
        note = blocks.note("No diff was recorded: this is the content.")
        return el("div", note, code, class_="file", data_path=visible(path) or None)


class ShownDiff:
    """One diff on its way to rows. Counts them: past MAX_ROWS lines go to ``left_out`` as plain text."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.room = blocks.MAX_ROWS
        self.left_out: list[str] = []

    def file(self, file: FileDiff, path: str, *, with_head: bool) -> Html:
        """``data-path`` is what comments on lines and ratings name the file by. Its hunks' numbers are equally wide."""
        notes = [blocks.note(note) for note in file.notes if not note.startswith(("diff ", "index "))]
        if said := happened(file):
            notes.insert(0, blocks.note(visible(f"{said[0].upper()}{said[1:]}.")))
        head = el("h4", _name(file), class_="file-head") if with_head else None
        digits = diff_rows.digits_of(line for hunk in file.hunks for line in hunk.lines)
        hunks = [self.hunk(hunk, file.path or path, digits) for hunk in file.hunks]
        return el("div", head, *notes, *hunks, class_="file", data_path=path or None)

    def rest(self, unread: str = "") -> Html | None:
        """What had no room, and what was not read, as plain text."""
        if not self.left_out and not unread:
            return None
        text = "\n".join([*self.left_out, unread] if unread else self.left_out)
        return blocks.remaining(text, text.count("\n") + 1)

    def hunk(self, hunk: Hunk, path: str, digits: int) -> Html | None:
        lines, rest = hunk.lines[: self.room], hunk.lines[self.room :]
        self.room -= len(lines)
        self.left_out += [line.kind + line.text for line in rest]
        if not lines:
            return None
        head = el("div", line(hunk.head), class_="hunk-head") if hunk.head else None
        rows = diff_rows.rows(lines, path, self.context.options, self.context.highlight, digits)
        return el("div", head, rows, class_="hunk")


def _name(file: FileDiff) -> str:
    """``old → new`` for a renamed file, else its path."""
    old, new = file.old_path, file.new_path
    return f"{old} → {new}" if old and new and old != new and "/dev/null" not in (old, new) else file.path


for name in ("file_edit", "file_create", "file_delete"):
    displays.register(name)(FileChange())
