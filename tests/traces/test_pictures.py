"""Images of a step: four kinds of picture, from bytes that are what they say, and nothing else."""

from __future__ import annotations

import base64
import json

import pytest

from traces.converters.native import Native
from traces.document import normalize
from traces.options import RenderOptions
from traces.pictures import MAX_CHARACTERS, MAX_IMAGES, pictures
from traces.rendering import render_steps
from traces.source import Source

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def image(data: bytes = PNG, media_type: object = "image/png") -> dict:
    return {"media_type": media_type, "data": base64.b64encode(data).decode()}


def step(*images: object) -> dict:
    return {"step_idx": 0, "type": "user_message", "content": "look", "images": list(images)}


@pytest.mark.parametrize(
    ("media_type", "data"),
    [
        ("image/png", PNG),
        ("image/jpeg", b"\xff\xd8\xff\xe0" + bytes(20)),
        ("image/gif", b"GIF89a" + bytes(20)),
        ("image/webp", b"RIFF\n\0\0\0WEBPVP8 " + bytes(20)),
    ],
)
def test_a_picture_is_shown_from_its_bytes(media_type, data):
    html = render_steps([step(image(data, media_type))], RenderOptions())
    assert f'src="data:{media_type};base64,{base64.b64encode(data).decode()}"' in html
    assert 'alt="Image of this step"' in html
    assert ">1 image<" in html


def address(data: bytes = PNG, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


@pytest.mark.parametrize(
    "given",
    [
        address(),
        {"url": address()},
        {"image_url": address()},
        {"type": "image_url", "image_url": {"url": address(), "detail": "low"}},
        {"image_url": None, "url": address()},
        {"data": None, "media_type": "image/png", "url": address()},
        {"data": address()},
        {"data": address(), "media_type": "image/jpeg"},
        {"data": image()["data"], "media_type": "IMAGE/PNG"},
        address().replace("image/png", "image/png;charset=utf-8;name=a.png"),
        address().replace("data:image/png", "DATA:image/PNG"),
        {"data": address().replace("data:image/png;base64", "Data:Image/Png;Base64")},
    ],
)
def test_a_document_of_ones_own_may_hold_a_data_address(tmp_path, given):
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps({"id": "t1", "structured_turns": [step(given)]}))
    (record,) = Native().convert(Source(path, path.name))
    html = render_steps(normalize(record.value)["structured_turns"], RenderOptions())
    assert f'src="{address()}"' in html


@pytest.mark.parametrize(
    "given",
    [
        address(b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "image/svg+xml"),
        address(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/png"),
        address(media_type="text/html"),
        address(PNG, "image/jpeg"),
        {"url": address(b"<svg/>", "image/svg+xml")},
        {"data": address(b"<svg/>", "image/svg+xml"), "media_type": "image/png"},
        {"data": address(b"<svg/>", "image/png")},
        address(b"<svg/>", "IMAGE/SVG+XML"),
        address(b"<svg/>", "image/svg+xml;x=image/png"),
        address(PNG, 'image/png;x="><script>alert(1)</script>').replace(";base64", ""),
        address(PNG, "image/png" + ";x" * 9),
        {"image_url": {"url": "https://example.org/x.png"}},
        {"image_url": [address()]},
        "data:image/png,abc",
        'data:image/png;base64,iVBORw0KGgo="onerror="alert(1)',
        address(PNG + bytes(MAX_CHARACTERS)),
        image(b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "image/svg+xml"),
        image(b"<html><script>alert(1)</script></html>"),
        image(PNG, "text/html"),
        image(PNG, "image/jpeg"),
        image(PNG, ["image/png"]),
        {"media_type": "image/png", "data": 'iVBORw0KGgo="><script>alert(1)</script>'},
        {"media_type": "image/png", "data": "iVBORw0KGg"},
        {"media_type": "image/png", "data": ""},
        {"media_type": 'image/png" onerror="alert(1)', "data": image()["data"]},
        {"url": "https://example.org/x.png"},
        "iVBORw0KGgo=",
        None,
    ],
)
def test_what_is_no_picture_of_these_kinds_is_a_sentence(given):
    html = pictures(step(given))
    assert html is not None
    assert "<img" not in html
    assert "script" not in html
    assert "Image is not shown" in html


def test_line_breaks_inside_the_bytes_do_not_matter():
    data = image()["data"]
    html = pictures(step({"media_type": "image/png", "data": f"{data[:20]}\n{data[20:]}\n"}))
    assert html is not None
    assert f"base64,{data}" in html


def test_a_step_shows_a_few_images_and_counts_the_rest():
    html = pictures(step(*[image()] * (MAX_IMAGES + 3)))
    assert html is not None
    assert html.count("<img") == MAX_IMAGES
    assert "3 more images are not shown." in html


def test_a_picture_that_was_read_is_no_empty_file():
    read = {"step_idx": 0, "type": "file_read", "path": "a.png", "content": "", "images": [image()]}
    html = render_steps([read], RenderOptions())
    assert "<img" in html
    assert "empty" not in html
    assert "1 line<" not in html


def test_a_step_without_images_has_no_place_for_them():
    assert pictures({"type": "user_message"}) is None
    assert pictures(step()) is None
    assert pictures({"images": "x"}) is None
