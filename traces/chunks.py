"""The cache of rendered chunks: what is stored, and what is made on the spot because the worker was not there yet."""

from __future__ import annotations

import gzip
from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db.models import Q
from django.utils.safestring import SafeString, mark_safe

from potato_site.canonical import digest
from potato_site.jobs import JobHandle, enqueue, handler, on_tick
from potato_site.jobs.again import askable
from traces import prose, rendering
from traces.changes_view import render_changes
from traces.highlight import Highlighter, plain
from traces.models import Chunk, Rendering, TraceVersion
from traces.options import RENDERER_VERSION, RenderOptions, options_key
from traces.store import load_document

FORGOTTEN_PER_TICK = 500
# Tells the key of what a whole run changed from those of its steps.
CHANGES = "changes"


@dataclass(frozen=True, slots=True)
class View:
    """How a version looks under some options: a key per chunk, and the outline (traces.outline)."""

    chunk_keys: list[str]
    outline: dict[str, Any]

    @property
    def n_chunks(self) -> int:
        return len(self.chunk_keys)


def rendering_of(version_id: int, options: RenderOptions) -> View:
    """From the stored rendering, else computed from the document, not stored. Raises Document.DoesNotExist."""
    stored = _renderings(version_id, options).values_list("chunk_keys", "outline").first()
    if stored is not None:
        return View(*stored)
    doc = load_document(version_id)
    return View(rendering.chunk_keys(doc, options), rendering.outline(doc))


def chunk_key(version_id: int, options: RenderOptions, n: int) -> str:
    """The key of chunk ``n``, without reading the outline. Raises IndexError if there is no such chunk."""
    keys = _renderings(version_id, options).values_list("chunk_keys", flat=True).first()
    if keys is None:
        keys = rendering.chunk_keys(load_document(version_id), options)
    if not 0 <= n < len(keys):
        raise IndexError(f"no chunk {n}")
    return keys[n]


def chunk_gzip(version_id: int, options: RenderOptions, n: int, key: str = "") -> bytes:
    """Chunk ``n`` as gzip: the stored one, else rendered now without highlighting and not stored.

    ``key``: its key, where that is known. Raises IndexError if there is no such chunk.
    """
    stored = Chunk.objects.filter(pk=key or chunk_key(version_id, options, n)).first()
    if stored is None:
        return _gzip(rendering.render_chunk(load_document(version_id), options, n))
    return bytes(stored.body)


def chunk_html(version_id: int, options: RenderOptions, n: int) -> SafeString:
    """Chunk ``n`` for a template. Safe because traces.markup has escaped all of it."""
    return mark_safe(gzip.decompress(chunk_gzip(version_id, options, n)).decode())  # noqa: S308


def markdown_html(text: str) -> SafeString | None:
    """A text in Markdown for a template, whole and without highlighting; None where it has no Markdown to show."""
    # The cache keeps what it is asked for: no text that is too long anyway.
    return _markdown_html(text) if len(text) <= prose.MAX_LETTERS else None


@lru_cache(maxsize=256)
def _markdown_html(text: str) -> SafeString | None:
    html = prose.markdown(text, RenderOptions(auto_collapse_long_output=False), plain)
    return None if html is None else mark_safe(html)  # noqa: S308 - traces.prose has escaped and cleaned it


def changes_key(version_id: int, options: RenderOptions) -> str:
    """The key of what the whole run changed. Raises TraceVersion.DoesNotExist."""
    return _changes_key(TraceVersion.objects.values_list("sha256", flat=True).get(pk=version_id), options)


def _changes_key(sha256: str, options: RenderOptions) -> str:
    return digest(options_key(options), CHANGES, sha256)


def enqueue_changes(version_ids: Collection[int], options: RenderOptions) -> int:
    """Have the worker render what the runs of these versions changed, where that is not stored and may be asked for
    (potato_site.jobs.again). Returns how many."""
    versions = TraceVersion.objects.filter(pk__in=version_ids).values_list("pk", "sha256")
    keys = {_changes_key(sha256, options): pk for pk, sha256 in versions}
    missing = set(keys) - set(Chunk.objects.filter(pk__in=keys).values_list("pk", flat=True))
    return _ask("traces.render_changes", {key: keys[key] for key in missing}, options)


def changes_gzip(version_id: int, options: RenderOptions) -> bytes:
    """What the whole run changed, as gzip: the stored one, else rendered now without highlighting and not stored."""
    stored = Chunk.objects.filter(pk=changes_key(version_id, options)).first()
    if stored is None:
        return _gzip(render_changes(load_document(version_id), options))
    return bytes(stored.body)


def unstored(doc: dict[str, Any], options: RenderOptions) -> tuple[View, SafeString]:
    """How a document looks that is in no dataset, and its first chunk, without highlighting. Nothing is stored."""
    view = View(rendering.chunk_keys(doc, options), rendering.outline(doc))
    first = rendering.render_chunk(doc, options, 0) if view.chunk_keys else ""
    return view, mark_safe(first)  # noqa: S308 - as above


def render_version(version_id: int, options: RenderOptions, job: JobHandle | None = None) -> int:
    """Render and store what is missing, chunk by chunk, then the rendering itself. Returns how many chunks were made.

    A chunk that an earlier version left (the same 25 steps, the same options) is kept as it is. Running twice, or in
    two workers at once, does no harm: a key stands for one content.
    """
    doc = load_document(version_id)
    keys = rendering.chunk_keys(doc, options)
    existing = set(Chunk.objects.filter(pk__in=keys).values_list("pk", flat=True))
    missing = [n for n, key in enumerate(keys) if key not in existing]
    with Highlighter() if options.syntax_highlighting and missing else nullcontext(plain) as highlight:
        for done, n in enumerate(missing):
            if job is not None:
                job.progress(done, len(missing), f"part {n + 1} of {len(keys)}")
            body = _gzip(rendering.render_chunk(doc, options, n, highlight=highlight))
            chunk = Chunk(key=keys[n], renderer=RENDERER_VERSION, body=body)
            Chunk.objects.bulk_create([chunk], ignore_conflicts=True)
    # Last: whoever finds the rendering may take it that the chunks are there.
    Rendering.objects.update_or_create(
        version_id=version_id,
        options_key=options_key(options),
        defaults={"renderer": RENDERER_VERSION, "chunk_keys": keys, "outline": rendering.outline(doc)},
    )
    return len(missing)


def enqueue_render(version_ids: Collection[int], options: RenderOptions) -> int:
    """Have the worker render these versions, where they are not and may be asked for (potato_site.jobs.again). Returns
    how many."""
    key = options_key(options)
    done = Rendering.objects.filter(version__in=version_ids, options_key=key).values_list("version", flat=True)
    return _ask("traces.render", {f"{pk}:{key[:16]}": pk for pk in {*version_ids} - {*done}}, options)


def _ask(kind: str, versions: dict[str, int], options: RenderOptions) -> int:
    """Versions by what tells their jobs apart."""
    by_key = {f"{kind}:{key}": version for key, version in versions.items()}
    asked = askable(by_key)
    for key in sorted(asked):
        params = {"version": by_key[key], "options": options.model_dump(mode="json")}
        enqueue(kind, params, dedupe_key=key)
    return len(asked)


@handler("traces.render", queue="fast", title="Rendering a trace")
def render(job: JobHandle) -> object:
    """The job: params ``{version, options}``."""
    options = RenderOptions.model_validate(job.params["options"])
    return {"rendered": render_version(job.params["version"], options, job)}


@handler("traces.render_changes", queue="fast", title="Rendering a trace’s changes")
def store_changes(job: JobHandle) -> object:
    """The job: params ``{version, options}``. Running twice does no harm."""
    options, version_id = RenderOptions.model_validate(job.params["options"]), job.params["version"]
    doc = load_document(version_id)
    with Highlighter() if options.syntax_highlighting else nullcontext(plain) as highlight:
        body = _gzip(render_changes(doc, options, highlight=highlight))
    chunk = Chunk(key=changes_key(version_id, options), renderer=RENDERER_VERSION, body=body)
    Chunk.objects.bulk_create([chunk], ignore_conflicts=True)
    return {"rendered": 1}


@on_tick
def forget_other_renderers() -> None:
    """What another version of the renderer made is shown by nobody: it goes, some at every tick."""
    # Two ranges of an index. Renderings first: of what has one, the chunks are there.
    others = Q(renderer__lt=RENDERER_VERSION) | Q(renderer__gt=RENDERER_VERSION)
    caches: tuple[Any, ...] = (Rendering, Chunk)
    for model in caches:
        old = list(model.objects.filter(others).values_list("pk", flat=True)[:FORGOTTEN_PER_TICK])
        if old:
            model.objects.filter(pk__in=old).delete()
            return


def _renderings(version_id: int, options: RenderOptions) -> Any:
    return Rendering.objects.filter(version=version_id, options_key=options_key(options))


def _gzip(text: str) -> bytes:
    """The same bytes for the same text, whenever it is made."""
    return gzip.compress(text.encode(), 6, mtime=0)
