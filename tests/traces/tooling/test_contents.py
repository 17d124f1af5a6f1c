"""Contents of messages, and values of a stranger's JSON."""

import pytest

from traces.tooling.contents import images_of, text_of
from traces.tooling.values import as_int, as_number, as_object, as_objects, as_text, inner_json

PART = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}}
URL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}
KEPT = {"media_type": "image/png", "data": "QUJD"}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a", "a"),
        (None, ""),
        ([], ""),
        ([{"type": "text", "text": "a"}, "b", {"type": "input_text", "text": "c"}], "a\nb\nc"),
        ([{"text": "a"}, PART, URL], "a"),
    ],
)
def test_the_text_of_a_content(content, text):
    counted = []
    assert (text_of(content, counted.append), counted) == (text, [])


def test_a_part_that_is_neither_text_nor_image_is_counted():
    counted = []
    assert text_of([{"type": "audio", "data": ""}, 7, {"type": "text", "text": None}], counted.append) == ""
    assert len(counted) == 3


@pytest.mark.parametrize("part", [PART, URL, {"type": "input_image", "image_url": URL["image_url"]["url"]}])
def test_an_image_in_the_content_is_kept(part):
    assert images_of([{"type": "text", "text": "a"}, part]) == [KEPT]


@pytest.mark.parametrize(
    "content", [None, "a", [7], [{"type": "image_url", "image_url": {"url": "https://x.invalid"}}]]
)
def test_what_is_no_image_is_none(content):
    assert images_of(content) is None


def test_a_wrong_type_is_as_good_as_nothing():
    assert (as_object([]), as_objects({}), as_text(7), as_text("")) == ({}, [], None, None)
    assert (as_number(True), as_number(float("nan")), as_number(1.5), as_int(1.0), as_int(3)) == (
        None,
        None,
        1.5,
        None,
        3,
    )


def test_json_inside_json():
    assert inner_json('{"a": [1]}') == {"a": [1]}
    assert inner_json({"a": 1}) == {"a": 1}
    assert inner_json("{") is None
    assert inner_json("[" * 100_000) is None


def test_several_images_in_one_part_and_those_that_lie_elsewhere():
    counted = []
    part = {"type": "image", "image_urls": [URL["image_url"]["url"], "https://x.invalid/a.png"]}
    assert images_of([part]) == [KEPT]
    assert (text_of([part], counted.append), counted) == ("", ["images that are not in the file"])
