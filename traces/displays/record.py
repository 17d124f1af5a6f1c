"""A record without steps: its fields in the project's own layout, or each under its name."""

from __future__ import annotations

import re
from typing import Any

from traces import blocks, layout
from traces.markup import Html, el, text_of
from traces.options import RenderOptions

_FIELD = re.compile(r"\{\{\s*([\w.-]{1,200})\s*\}\}")
_NOT_SHOWN = {"source", "structured_turns"}


def shown_fields(doc: dict[str, Any], html_layout: str) -> dict[str, Any]:
    """The fields of a record that :func:`render_record` shows."""
    wanted = set(_FIELD.findall(layout.read(html_layout).html)) if html_layout.strip() else set(doc) - _NOT_SHOWN
    return {key: value for key, value in doc.items() if key in wanted}


def lays_out(doc: dict[str, Any], html_layout: str, text: str) -> bool:
    """Whether the layout shows this text of a record, so that nothing beside it need say it again."""
    if doc.get("structured_turns") or not html_layout.strip():
        return False
    return any(text_of(value) == text for value in shown_fields(doc, html_layout).values())


def render_record(doc: dict[str, Any], options: RenderOptions) -> Html:
    """The whole record as one ``<article>``."""
    shown = _layout(doc, options) if options.layout.strip() else _fields(doc, options)
    body = el("div", shown, hx_disable=True)
    return el("article", body, id=f"{options.id_prefix}record", class_="record", aria_label="Record")


def _fields(doc: dict[str, Any], options: RenderOptions) -> Html:
    return blocks.named_values(((k, v) for k, v in shown_fields(doc, "").items()), options)


def _layout(doc: dict[str, Any], options: RenderOptions) -> Html:
    """The layout, cleaned, with each ``{{ field }}`` replaced by that field as text, once: what a field contains is
    neither markup nor a field. A field that the record does not have stays as written, so that a typing error shows.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in doc:
            return match[0]
        text = text_of(doc[match[1]])
        return blocks.text_block(text, options, tag="span", kind="field")

    clean = layout.read(options.layout)
    return el("div", Html(_FIELD.sub(value, clean.html)), class_="layout paper" if clean.has_colors else "layout")
