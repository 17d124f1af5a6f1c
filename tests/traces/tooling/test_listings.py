"""Numbered listings in the outputs of tools."""

from __future__ import annotations

import pytest

from traces.tooling.listings import beside_listing, read_listing


@pytest.mark.parametrize(
    "output",
    ["     9→a\n    10→\n    11→ b", "     9\ta\n    10\t\n    11\t b\n", "9:a\n10:\n11: b\n", "L9: a\nL10: \nL11:  b"],
)
def test_every_tool_s_way_of_numbering_is_read(output):
    assert read_listing(output) == (9, "a\n\n b\n", True)
    assert read_listing(output).end == 11


def test_what_stands_around_it_is_told():
    listing = read_listing("Here's the result of running `cat -n`:\n   3\tx\n   4\ty\nReview the changes.")
    assert listing == (3, "x\ny\n", False)


@pytest.mark.parametrize("form", ["%6d\t", "%d:", "L%d: ", "%3d→", "  %d\t", "%20d→"])
def test_a_long_one_is_read_whatever_the_width_of_its_numbers(form):
    lines = [f"line {number}" for number in range(95, 1105)]
    output = "\n".join(form % number + line for number, line in enumerate(lines, 95))
    assert read_listing(output) == (95, "\n".join(lines) + "\n", True)
    assert read_listing(f"{output}\n{form % 1106}x") == (95, "\n".join(lines) + "\n", False)


def test_numbers_that_do_not_count_up_end_it():
    assert read_listing("1\ta\n2\tb\n7\tc\n") == (1, "a\nb\n", False)


@pytest.mark.parametrize("output", ["", "no numbers", "12 apples\n13 pears"])
def test_other_text_has_none(output):
    assert read_listing(output) is None


@pytest.mark.parametrize(
    ("output", "beside"),
    [
        ("Here:\n   3\tx\n   4\ty\nReview it.\nNow.", "Here:\nReview it.\nNow."),
        ("1\tx\n2\ty\n", ""),
        ("1\tx\n\n<note>", "<note>"),
        ("no numbers", "no numbers"),
    ],
)
def test_what_was_printed_beside_it_is_what_is_left(output, beside):
    assert beside_listing(output) == beside
