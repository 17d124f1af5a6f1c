"""The images of a step, shown from its own bytes: PNG, JPEG, GIF and WebP, nothing that could be more than a picture.

An image is part of the chunk (a ``data:`` address), so it is seen by whoever may see the trace and needs no address of
its own; docs/decisions/0006. Plain Python.
"""

from __future__ import annotations

import base64
import re
from typing import Any

from potato_site.counts import plural
from traces import blocks
from traces.markup import Html, el, join

MAX_CHARACTERS = 8 * 1024 * 1024  # of base64, in one image
MAX_IMAGES = 20  # of one step; the document keeps all of them
# Before an address is read further: its kind, and that its bytes are in it.
_ADDRESS = re.compile(r"data:(image/[a-z]+)(?:;[^;,]{1,80}){0,8};base64,", re.ASCII | re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
# What each kind begins with; a file that says it is one of these and is not is not shown.
_BEGINS = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
}


def pictures(step: dict[str, Any]) -> Html | None:
    """All images of the step, each with a sentence in its place where it cannot be shown; None where there are none."""
    images = step.get("images")
    if not isinstance(images, list) or not images:
        return None
    shown = [_picture(image, number, len(images)) for number, image in enumerate(images[:MAX_IMAGES], 1)]
    rest = len(images) - len(shown)
    more = [blocks.note(f"{plural(rest, 'more image')} {'is' if rest == 1 else 'are'} not shown.")] if rest else []
    return el("div", join([*shown, *more]), class_="pictures")


def _picture(image: Any, number: int, count: int) -> Html:
    name = "Image" if count == 1 else f"Image {number} of {count}"
    source = _source(image)
    if source is None:
        return blocks.note(f"{name} is not shown: no PNG, JPEG, GIF or WebP of at most {MAX_CHARACTERS >> 20} MB.")
    return Html(f'<img class="picture" src="{source}" alt="{name} of this step" loading="lazy" decoding="async">')


def _source(image: Any) -> str | None:
    """The image's address, of checked parts only; None for what is no image of these kinds."""
    kind, data = _kind_and_data(image)
    kind = kind.lower() if isinstance(kind, str) else ""
    begins = _BEGINS.get(kind)
    if begins is None or not isinstance(data, str) or len(data) > MAX_CHARACTERS:
        return None
    data = "".join(data.split())
    if len(data) % 4 or not _BASE64.fullmatch(data) or not begins.match(base64.b64decode(data[:24])):
        return None
    return f"data:{kind};base64,{data}"


def _kind_and_data(image: Any) -> tuple[Any, Any]:
    """``{"media_type", "data"}``, as converters write; of a document of one's own a ``data:`` address, too."""
    given: Any = image.get("data") if isinstance(image, dict) else None
    is_address = isinstance(given, str) and given[:5].lower() == "data:"
    if given and not is_address:
        return image.get("media_type"), given
    address = given if is_address else _address(image)
    if isinstance(address, str) and (found := _ADDRESS.match(address)):
        return found[1], address[found.end() :]
    return None, None


def _address(image: Any) -> Any:
    """The address itself, or as ``url``, ``image_url`` or, as OpenAI has it, both."""
    if not isinstance(image, dict):
        return image
    address = image.get("image_url") or image.get("url")
    return address.get("url") if isinstance(address, dict) else address
