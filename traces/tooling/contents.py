"""The content of a message as the model APIs write it: a text, or a list of parts of text, images and other things."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from traces.tooling.values import as_object, as_text

Warn = Callable[[str], None]
_WITH_IMAGES = frozenset({"source", "image_url", "image_urls"})  # keys, one of which a part with an image has
_TEXT_PARTS = ("text", "input_text", "output_text")  # no set: a stranger's type may be anything


def text_of(content: object, warn: Warn) -> str:
    """Its text; parts stand on lines of their own. Parts that are neither text nor an image we keep are counted."""
    if isinstance(content, str):
        return content
    texts: list[str] = []
    for part in content if isinstance(content, list) else []:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict) and isinstance(part.get("text"), str) and part.get("type", "text") in _TEXT_PARTS:
            texts.append(part["text"])
        elif isinstance(part, dict) and (addresses := _addresses(part)):
            if not all(map(_embedded, addresses)):
                warn("images that are not in the file")
        elif not (isinstance(part, dict) and _images(part)):
            kind = as_text(part.get("type")) if isinstance(part, dict) else None
            warn(f"parts of a message that are no text ({(kind or type(part).__name__)[:40]})")
    return "\n".join(texts)


def images_of(content: object) -> list[dict[str, str]] | None:
    """Its images that are part of the file, as ``{"media_type", "data"}`` (base64); None where there are none."""
    if not isinstance(content, list):
        return None  # most are a text
    return [image for part in content if isinstance(part, dict) for image in _images(part)] or None


def _images(part: dict[str, Any]) -> list[dict[str, str]]:
    """Anthropic's ``image``; OpenAI's ``image_url`` and ``input_image``, OpenHands' ``image_urls``, as data."""
    if _WITH_IMAGES.isdisjoint(part):
        return []  # most of all parts
    source = as_object(part.get("source"))
    if part.get("type") == "image" and source.get("type", "base64") == "base64" and source:
        image = _checked(source.get("media_type"), source.get("data"))
        return [image] if image else []
    return [image for address in _addresses(part) if (image := _embedded(address))]


def _addresses(part: dict[str, Any]) -> list[str]:
    one, several = part.get("image_url"), part.get("image_urls")
    one = one.get("url") if isinstance(one, dict) else one
    return [url for url in (one, *(several if isinstance(several, list) else ())) if isinstance(url, str)]


def _embedded(address: str) -> dict[str, str] | None:
    """The image in a ``data:`` address."""
    kind, marker, data = address.removeprefix("data:").partition(";base64,")
    return _checked(kind, data) if marker and address.startswith("data:") else None


def _checked(media_type: object, data: object) -> dict[str, str] | None:
    if isinstance(media_type, str) and isinstance(data, str) and data:
        return {"media_type": media_type, "data": data}
    return None
