"""Terminal text: what is kept, what is dropped, and that nothing gets out."""

import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traces import ansi, ansi_palette

ESC = "\x1b"
STYLESHEET = Path(ansi_palette.__file__).parent / "static" / "traces" / "ansi.css"


def text_of(html: str) -> str:
    return re.sub(r"<[^>]*>", "", html)


def one(text: str, **options) -> str:
    (row,) = ansi.lines(text, **options)
    return row


@pytest.mark.parametrize(
    ("sequence", "classes"),
    [
        ("31", "a-fg-1"),
        ("97", "a-fg-15"),
        ("1;32", "a-fg-2 a-bold"),
        ("38;5;208", "a-fg-208"),
        ("38;2;255;0;0", "a-fg-196"),
        ("38:2::255:0:0", "a-fg-196"),
        ("38;2;128;128;128", "a-fg-244"),
        ("44", "a-bg-4"),
        ("31;44", "a-bg-4"),
        ("31;7", "a-bg-1"),
        ("7", "a-inverse"),
        ("2", "a-dim"),
        ("3;4;9", "a-italic a-underline a-strike"),
        ("4:3", "a-underline"),
        ("31;39;1", "a-bold"),
    ],
)
def test_colours_and_styles_become_classes(sequence, classes):
    assert one(f"{ESC}[{sequence}mtext{ESC}[0m") == f'<span class="{classes}">text</span>'


@pytest.mark.parametrize(
    "sequence", ["", "0", "8", "10", "50", "38;5;256", "38;2;1;2", "38;9;1", "999999", "31;0", "48"]
)
def test_other_codes_change_nothing(sequence):
    assert one(f"{ESC}[{sequence}mtext") == "text"


def test_a_style_is_closed_and_reopened_at_the_end_of_a_line():
    assert ansi.lines(f"{ESC}[31mone\ntwo{ESC}[m three") == [
        '<span class="a-fg-1">one</span>',
        '<span class="a-fg-1">two</span> three',
    ]


def test_without_colours_the_sequences_go_too():
    assert one(f"{ESC}[31mred{ESC}[0m", colors=False) == "red"


@pytest.mark.parametrize(
    "sequence",
    [
        f"{ESC}[2J",
        f"{ESC}[10;3H",
        f"{ESC}[1A",
        f"{ESC}[?25l",
        f"{ESC}]0;title\x07",
        f"{ESC}]0;title{ESC}\\",
        f"{ESC}P1;2|payload{ESC}\\",
        f"{ESC}_app{ESC}\\",
        f"{ESC}^private{ESC}\\",
        f"{ESC}(B",
        f"{ESC}=",
        "\x9b2J",
        "\x9d0;title\x9c",
        "\x07",
        "\x08",
        "\x7f",
        "\x0c",
        ESC,
    ],
)
def test_every_other_sequence_is_dropped(sequence):
    assert one(f"before{sequence}, after") == "before, after"


def test_a_string_that_never_ends_hides_nothing():
    assert [text_of(row) for row in ansi.lines(f"{ESC}]0;rm -rf /\nnext")] == ["0;rm -rf /", "next"]


def test_a_link_is_shown_as_text_with_its_address():
    row = one(f"{ESC}]8;;javascript:alert(1){ESC}\\click{ESC}]8;;{ESC}\\ after")
    assert row == "click (javascript:alert(1)) after"
    assert "href" not in row


def test_overwritten_states_of_a_line_are_folded_under_the_last():
    row = one("10%\r55%\r100%\r")
    assert re.match(r"<details class=\"overwritten\"><summary>100%<i [^>]*data-times=\"2\"", row)
    assert "10%\n55%" in row


def test_crlf_is_a_line_end_and_overwrites_nothing():
    assert ansi.lines("one\r\ntwo\r\n") == ["one", "two"]


def test_the_rest_of_a_long_line_is_folded_and_complete():
    row = one(f"{ESC}[31m{'x' * 5000}{ESC}[0m")
    assert row.count("x") == 5000
    assert row.index("<details") < 2100


def test_characters_that_reorder_or_hide_are_named():
    row = one("a\u202eb\u200b\u200bc\u2066")
    assert text_of(row) == "aU+202EbU+200B×2cU+2066"


def test_a_joined_emoji_stays_one():
    assert one("👩\u200d👧 x\u200dy") == '👩\u200d👧 x<i class="odd">U+200D</i>y'


@given(
    st.text(
        alphabet=st.sampled_from(f'{ESC}\x9b\x9d\x90\x9c\r\n\x07\x08[]0123456789;:mHJK\\P_<>&"ab\u202e'), max_size=200
    )
)
def test_no_control_character_survives(text):
    html = "".join(ansi.lines(text))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", html)
    assert "href" not in html
    assert len(re.findall("<span", html)) == html.count("</span>")


def test_two_hundred_hostile_sequences_leave_no_control_character():
    maker = random.Random(7)
    pieces = [
        ESC,
        "\x9b",
        "\x9d",
        "[",
        "]",
        "8;;",
        "javascript:",
        "31m",
        "2J",
        "\x07",
        f"{ESC}\\",
        "\r",
        "\b",
        "x",
        "<b>",
    ]
    for _ in range(300):
        text = "".join(maker.choice(pieces) for _ in range(12))
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]|<b>", "".join(ansi.lines(text)))


def test_the_stylesheet_is_the_one_the_palette_makes():
    assert STYLESHEET.read_text() == ansi_palette.stylesheet()


def test_every_colour_is_readable_in_both_themes():
    rules = re.findall(r"a-fg-\d+ \{ color: light-dark\((\S+), (\S+)\)", STYLESHEET.read_text())
    assert len(rules) == 256
    for light, dark in rules:
        assert all(
            ansi_palette.contrast(ansi_palette.rgb(light), ansi_palette.rgb(g)) >= 4.5 for g in ("#ffffff", "#f6f8fa")
        )
        assert all(
            ansi_palette.contrast(ansi_palette.rgb(dark), ansi_palette.rgb(g)) >= 4.5 for g in ("#0d1117", "#1a2029")
        )


def test_text_on_every_coloured_ground_is_readable():
    rules = re.findall(r"a-bg-\d+ \{ background: (\S+); color: (\S+); \}", STYLESHEET.read_text())
    assert len(rules) == 256
    assert all(ansi_palette.contrast(ansi_palette.rgb(a), ansi_palette.rgb(b)) >= 4.5 for a, b in rules)
