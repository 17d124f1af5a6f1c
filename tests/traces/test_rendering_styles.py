"""The trace's own stylesheet: readable in both themes, and nothing that the page's policy would refuse."""

import re
from itertools import product
from pathlib import Path

import pytest

import traces
from traces.ansi_palette import contrast, rgb

CSS = (Path(traces.__file__).parent / "static" / "traces" / "trace.css").read_text()
PAIRS = dict(re.findall(r"--trace-([a-z-]+): light-dark\((#[0-9a-f]{6}, #[0-9a-f]{6})\)", CSS))
CODE = re.findall(r"\.code \.\w.*?\{ color: light-dark\((#[0-9a-f]{6}, #[0-9a-f]{6})\)", CSS)
GROUNDS = ("ground", "inset", "add", "del")


def ratio(text: str, ground: str, theme: int) -> float:
    return contrast(rgb(text.split(", ")[theme]), rgb(ground.split(", ")[theme]))


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_code_is_readable_on_every_row(theme):
    assert len(CODE) == 7
    for color, ground in product([*CODE, PAIRS["text"]], GROUNDS):
        assert ratio(color, PAIRS[ground], theme) >= 4.5, (color, ground)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_words_and_numbers_are_readable_where_they_stand(theme):
    for color, ground in product(("text", "muted", "accent", "good", "bad", "warn"), ("ground", "inset")):
        assert ratio(PAIRS[color], PAIRS[ground], theme) >= 4.5, (color, ground)
    for gutter in ("add-gutter", "del-gutter"):
        assert ratio(PAIRS["text"], PAIRS[gutter], theme) >= 4.5


def test_every_colour_of_the_sheet_has_a_light_and_a_dark_side():
    outside = re.sub(r"light-dark\([^)]*\)|/\*.*?\*/", "", CSS, flags=re.DOTALL)
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b", outside)


def test_nothing_is_loaded_from_elsewhere():
    assert re.findall(r"url\(([^)]*)\)", CSS) == ['"ansi.css"']
