"""What the whole run changed as HTML: an ``<article>`` for each file, marked up like a step. Plain Python."""

from __future__ import annotations

from typing import Any

from potato_site.counts import plural
from traces import blocks
from traces.blocks import Highlight
from traces.changes import ChangedFile, Changes
from traces.displays import Context
from traces.displays.diff import ShownDiff, folded
from traces.highlight import plain
from traces.markup import Html, el, join
from traces.options import RenderOptions
from traces.unified_diff import Diff
from traces.without_lines import happened, marks

# Of the files that the final patch does not show.
MOST_NAMED = 20


def render_changes(doc: dict[str, Any], options: RenderOptions, *, highlight: Highlight = plain) -> Html:
    """The files in the order of the patch, or of their first change. A page may fill their ``<file-controls>``."""
    changes = Changes(doc)
    if not changes.files:
        return blocks.note("This run changed no files.")
    articles = [_article(number, file, options, highlight) for number, file in enumerate(changes.files)]
    return join([*articles, _beside(changes.beside_patch)], "\n")


def _article(number: int, file: ChangedFile, options: RenderOptions, highlight: Highlight) -> Html:
    name = f"{options.id_prefix}change-{number}"
    body = _body(file, Context(options, highlight))
    fold = el(
        "details",
        el("summary", _head(name, file), class_="step-head"),
        el("div", body, class_="step-body"),
        class_="step-fold",
        open=True,
    )
    content = el("div", fold, hx_disable=True)
    controls = Html("<file-controls></file-controls>")
    attributes = {"id": name, "class_": "step step-change", "data_path": file.path, "aria_labelledby": f"{name}-title"}
    return el("article", controls, content, **attributes)


def _body(file: ChangedFile, context: Context) -> Html:
    if file.diff is None:
        return _unjoined(file)
    if file.is_untouched:
        return blocks.note("Nothing is left of the edits of this file.")
    shown = ShownDiff(context)
    rows = shown.file(file.diff, file.path, with_head=False)
    return folded(join([rows, shown.rest()]), Diff([file.diff], ""), context)


def _head(name: str, file: ChangedFile) -> Html:
    badges = []
    if file.diff is not None:
        badges = [blocks.badge(word) for word in marks(file.diff)]
        if file.is_untouched or not happened(file.diff):
            added, removed = Diff([file.diff], "").changes()
            badges += [blocks.badge(f"+{added:,}", "added"), blocks.badge(f"−{removed:,}", "removed")]
    if file.approximate:
        badges.append(blocks.badge("line numbers unknown", "quiet"))
    if file.steps:
        badges.append(blocks.badge(plural(len(file.steps), "edit"), "quiet"))
    title = el("h3", file.path, id=f"{name}-title", class_="step-title")
    return join([title, el("span", *badges, class_="badges")])


def _beside(files: list[tuple[str, tuple[int, ...]]]) -> Html | None:
    """What the final patch does not show."""
    if not files:
        return None
    named = [f"{path} (at {', '.join(f'#{step}' for step in steps)})" for path, steps in files[:MOST_NAMED]]
    rest = len(files) - len(named)
    more = f", and {plural(rest, 'more file')}" if rest else ""
    return blocks.note(f"Steps edited what the final patch says nothing of: {', '.join(named)}{more}.")


def _unjoined(file: ChangedFile) -> Html:
    steps = ", ".join(f"#{step}" for step in file.steps)
    return blocks.note(
        f"The edits of this file do not fit together, so its whole change is not known. They are at the steps {steps}."
    )
