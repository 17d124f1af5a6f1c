import pytest

from potato_site.numbers import MOST, whole_number


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("12", 12), (str(MOST), MOST)])
def test_digits_are_a_number(text, number):
    assert whole_number(text) == number


@pytest.mark.parametrize("text", ["", " 1", "-1", "+1", "1.0", "1_0", "²", "٣", "x", str(MOST + 1), "9" * 5000])
def test_what_is_no_number_of_a_row_is_none(text):
    assert whole_number(text) is None
