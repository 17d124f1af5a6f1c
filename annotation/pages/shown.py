"""The traces that a labeling page shows: one, or the two of a pair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from django.utils.safestring import SafeString

from annotation.models import Item
from annotation.projects.config import ProjectConfig
from traces.chunks import View, changes_key, chunk_html, rendering_of
from traces.displays.record import lays_out
from traces.options import RenderOptions
from traces.rendering import CHUNK_STEPS
from traces.store import load_document

# Up to this many chunks are fetched at once; of longer traces those near the window.
EAGER_CHUNKS = 4

ChunkUrl = Callable[[int, str, int], str]


@dataclass(frozen=True)
class Addresses:
    """Where a page gets the rest of a trace: ``chunk(number, key, version)``, what the whole run changed:
    ``changes(key, version)``, and which steps hold a text: ``search(version)``."""

    chunk: ChunkUrl
    changes: Callable[[str, int], str]
    search: Callable[[int], str]


@dataclass(frozen=True)
class ShownTrace:
    """A trace as the page shows it; ``chunk_url(number, key, version)`` is where later chunks come from.

    ``changes_url``: where what the whole run changed comes from; empty: it is not shown. ``search_url``: what says
    which steps hold a text; empty: nothing does.
    """

    issue: str
    view: View
    first_chunk: SafeString | str
    chunk_url: ChunkUrl
    version: int = 0
    changes_url: str = ""
    search_url: str = ""

    @property
    def n_steps(self) -> int:
        return len(self.view.outline["steps"])


Sides = list[tuple[int, RenderOptions]]


def sides_of(item: Item, config: ProjectConfig) -> Sides:
    """(version, render options) of what an item shows: one trace, or ``a`` and ``b`` with ids of their own."""
    if item.b_id is None:
        return [(item.a_id, config.render_options())]
    return [(item.a_id, config.render_options("a-")), (item.b_id, config.render_options("b-"))]


def shown_traces(item: Item, swapped: bool, config: ProjectConfig, addresses: Addresses) -> list[ShownTrace]:
    """The traces of an item from left to right."""
    shows_changes = item.b_id is not None or any(scheme.shows_changes for scheme in config.annotation_schemes)
    shown = []
    for version, options in sides_of(item, config):
        trace = _shown(version, options, addresses.chunk)
        if trace.n_steps:
            trace = replace(trace, search_url=addresses.search(version))
        if shows_changes and trace.n_steps:
            trace = replace(trace, changes_url=addresses.changes(changes_key(version, options)[:12], version))
        shown.append(trace)
    return shown[::-1] if swapped else shown


def _shown(version_id: int, options: RenderOptions, chunk_url: ChunkUrl) -> ShownTrace:
    view = rendering_of(version_id, options)
    first = chunk_html(version_id, options, 0) if view.chunk_keys else ""
    return ShownTrace(issue_text(version_id, options.layout), view, first, chunk_url, version_id)


def panes_of(traces: list[ShownTrace]) -> dict[str, Any]:
    names = (("left", "Left"), ("right", "Right"))
    return {
        "panes": [
            {
                "place": place,
                "title": title,
                "n_steps": trace.n_steps,
                "first_chunk": trace.first_chunk,
                "chunks": chunks_of(trace),
                "changes_url": trace.changes_url,
            }
            for (place, title), trace in zip(names, traces, strict=True)
        ]
    }


@lru_cache(maxsize=512)
def issue_text(version_id: int, html_layout: str) -> str:
    """The task the agent was given, unless it is a record whose layout shows it in its own place.

    Versions are immutable, so this never goes stale.
    """
    doc = load_document(version_id)
    text = doc.get("issue_description") or ""
    return "" if text and lays_out(doc, html_layout, text) else text


def chunks_of(trace: ShownTrace) -> list[dict[str, Any]]:
    """The chunks behind the first: which steps they hold and where they come from."""
    view = trace.view
    n_steps, eager = len(view.outline["steps"]), len(view.chunk_keys) <= EAGER_CHUNKS
    return [
        {
            "number": number,
            "first": number * CHUNK_STEPS,
            "last": min(n_steps, (number + 1) * CHUNK_STEPS) - 1,
            "url": trace.chunk_url(number, key[:12], trace.version),
            "eager": eager,
        }
        for number, key in enumerate(view.chunk_keys)
        if number
    ]
