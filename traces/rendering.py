"""Traces as HTML: steps in slices of 25, each an ``<article>`` of its own, and the keys of those slices. Plain Python.

The markup holds no label and no token, so it is the same for everybody who may see the trace and can be kept for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from potato_site.canonical import digest
from potato_site.counts import plural
from traces import blocks
from traces.blocks import Highlight
from traces.displays import Context, Display, display_of, displays
from traces.displays.record import render_record
from traces.highlight import Highlighter, plain
from traces.markup import Html, el, join, text_of
from traces.nesting import depth_of
from traces.options import RenderOptions, options_key
from traces.outline import outline
from traces.pictures import pictures

__all__ = ["CHUNK_STEPS", "KNOWN_KEYS", "chunk_keys", "n_chunks", "outline", "render_chunk", "render_steps"]

CHUNK_STEPS = 25

LABELS = {
    "user_message": "User",
    "assistant_message": "Assistant",
    "thinking": "Thinking",
    "system": "System",
    "error": "Error",
    "file_read": "Read",
    "file_edit": "Edit",
    "file_create": "Create",
    "file_delete": "Delete",
    "bash_command": "Command",
    "search": "Search",
    "web": "Web",
    "plan": "Plan",
    "subagent": "Sub-agent",
    "tool_call": "Tool",
}
STATUSES = {"failed": "failed", "rejected": "rejected", "suggested": "only suggested"}
# Shown by the display or the head of a step, or of no use to a reader.
KNOWN_KEYS = frozenset(
    "step_idx type content path start_line end_line diff approximate command output exit_code cwd name input"  # noqa: SIM905
    " source_line call_id status started_at seconds tokens parent images abandoned".split()
)


def n_chunks(doc: dict[str, Any]) -> int:
    """How many chunks a document has: a record without steps has one."""
    steps = doc.get("structured_turns") or []
    return max(1, -(-len(steps) // CHUNK_STEPS))


def chunk_keys(doc: dict[str, Any], options: RenderOptions) -> list[str]:
    """One key per chunk: ``sha256(options_key, canonical steps[25k : 25k+25])``, with the depths of the steps where a
    sub-agent's are among them; for a record without steps ``sha256(options_key, canonical document, html_layout)``.
    """
    return [chunk_key(doc, options, n) for n in range(n_chunks(doc))]


def chunk_key(doc: dict[str, Any], options: RenderOptions, n: int) -> str:
    steps = doc.get("structured_turns") or []
    if not steps:
        return digest(options_key(options), doc, options.layout)
    places = _places(steps, n)
    depths = [depth_of(steps, index) for index in places]
    # The step that a sub-agent's step belongs to may be in an earlier chunk.
    return digest(options_key(options), steps[places.start : places.stop], *([depths] if any(depths) else []))


def _places(steps: Sequence[dict[str, Any]], n: int) -> range:
    return range(n * CHUNK_STEPS, min(len(steps), (n + 1) * CHUNK_STEPS))


def render_chunk(doc: dict[str, Any], options: RenderOptions, n: int, *, highlight: Highlight = plain) -> Html:
    """Chunk ``n`` of a document. Raises IndexError for one that does not exist."""
    if not 0 <= n < n_chunks(doc):
        raise IndexError(f"no chunk {n}")
    steps = doc.get("structured_turns") or []
    if not steps:
        return render_record(doc, options)
    return _articles(steps, _places(steps, n), options, highlight)


def render_steps(steps: Iterable[dict[str, Any]], options: RenderOptions, *, highlight: bool = True) -> Html:
    """The steps as articles. With ``highlight`` (and the option on) code is coloured, in a child process."""
    steps = list(steps)
    if not highlight or not options.syntax_highlighting:
        return _articles(steps, range(len(steps)), options, plain)
    with Highlighter() as highlighter:
        return _articles(steps, range(len(steps)), options, highlighter)


def _articles(steps: Sequence[dict[str, Any]], places: range, options: RenderOptions, highlight: Highlight) -> Html:
    return join((_article(steps[index], depth_of(steps, index), options, highlight) for index in places), "\n")


def _article(step: dict[str, Any], depth: int, options: RenderOptions, highlight: Highlight) -> Html:
    kind = text_of(step.get("type"))
    # The type of a step becomes a class and a data attribute: only one we know does.
    known = kind if kind in LABELS or kind in displays else "tool_call"
    step_id = f"{options.id_prefix}step-{_index(step)}"
    display = display_of(kind)
    is_open = kind in options.default_expanded_types
    body = el(
        "details",
        el("summary", _head(step, known, display, step_id), class_="step-head"),
        el(
            "div",
            display.body(step, Context(options, highlight, is_open)),
            pictures(step),
            *_rest(step, options),
            class_="step-body",
        ),
        class_="step-fold",
        open=is_open or not display.starts_closed(step, options),
    )
    controls = Html("<step-controls></step-controls>")
    content = el("div", body, hx_disable=True)
    return el(
        "article",
        controls,
        content,
        id=step_id,
        data_step=_index(step),
        data_type=known,
        data_status=step["status"] if step.get("status") in STATUSES else None,
        data_depth=depth or None,
        class_=f"step step-{known.replace('_', '-')}",
        aria_labelledby=f"{step_id}-title {step_id}-about",
    )


def _index(step: dict[str, Any]) -> int:
    index = step.get("step_idx")
    return index if isinstance(index, int) else 0


def _head(step: dict[str, Any], kind: str, display: Display, step_id: str) -> Html:
    """Number, type and what it is about; then the states, each in words."""
    title = el(
        "h3",
        el("span", f"#{_index(step)}", class_="step-number"),
        " ",
        el("span", LABELS.get(kind) or kind.replace("_", " ").capitalize(), class_="step-kind"),
        id=f"{step_id}-title",
        class_="step-title",
    )
    badges = display.badges(step)
    if status := STATUSES.get(text_of(step.get("status"))):
        badges = [blocks.badge(status, f"status-{step['status']}"), *badges]
    if step.get("abandoned") is True:
        badges = [blocks.badge("taken back", "quiet"), *badges]
    if step.get("by") == "user" and kind != "user_message":
        badges = [blocks.badge("by the user", "quiet"), *badges]
    images = step.get("images")
    if isinstance(images, list) and images:
        badges = [*badges, blocks.badge(plural(len(images), "image"), "quiet")]
    if isinstance(step.get("parent"), int):
        badges = [*badges, blocks.badge(f"in sub-agent #{step['parent']}", "quiet")]
    seconds = step.get("seconds")
    if isinstance(seconds, int | float) and seconds >= 0.05:
        badges = [*badges, blocks.badge(f"{seconds:,.1f} s", "quiet")]
    # What only repeats the beginning of the body is of use while that is folded.
    kind = "step-summary preview" if display.repeats else "step-summary"
    about = el("span", display.summary(step), id=f"{step_id}-about", class_=kind)
    return join([title, about, el("span", *badges, class_="badges") if badges else None])


def _rest(step: dict[str, Any], options: RenderOptions) -> list[Html]:
    """Keys that no display knows, under a fold: nothing a source holds is out of reach."""
    extra = [(key, value) for key, value in step.items() if key not in KNOWN_KEYS and value not in (None, "", [], {})]
    return [blocks.fold("More fields", blocks.named_values(extra, options), kind="more fields")] if extra else []
