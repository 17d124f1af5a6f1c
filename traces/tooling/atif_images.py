"""The images of an ATIF trajectory that lie in files beside it, put into it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from traces.source import Source
from traces.tooling.values import as_object, as_objects, as_text

MAX_IMAGE_BYTES = 20 * 1024 * 1024
MAX_IMAGES = 1_000  # of one trajectory


def embed_images(trajectory: dict[str, Any], source: Source) -> None:
    """Give each image of a file of the input its bytes; one whose file is not there, or too large, stays a name."""
    known: dict[str, str | None] = {}
    for about in _sources(trajectory):
        path = as_text(about.get("path"))
        if path is None or "data" in about or ":" in path or not set(path).isdisjoint("*?["):
            continue
        if path not in known and len(known) < MAX_IMAGES:
            known[path] = _read(source, path)
        if data := known.get(path):
            about["data"] = data


def _sources(trajectory: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for step in as_objects(trajectory.get("steps")):
        results = as_objects(as_object(step.get("observation")).get("results"))
        for content in (step.get("message"), *(result.get("content") for result in results)):
            for part in as_objects(content) if isinstance(content, list) else ():
                if part.get("type") == "image" and isinstance(part.get("source"), dict):
                    yield part["source"]


def _read(source: Source, path: str) -> str | None:
    for other in source.near(path):
        if 0 < other.size <= MAX_IMAGE_BYTES:
            source.use(other)
            with other.open() as stream:
                return b64encode(stream.read()).decode()
    return None
