"""What the kept numbers are said to be worth."""

import pytest

from annotation.admin.figures import band_of, measure_name


@pytest.mark.parametrize(
    ("value", "low", "traces", "word"),
    [
        (0.92, 0.85, 200, "reliable"),
        (0.80, 0.667, 30, "reliable"),
        (1.0, 1.0, 4, "uncertain"),  # four traces prove nothing, however well they agree
        (0.96, -0.71, 40, "uncertain"),
        (0.9, None, 40, "uncertain"),
        (0.79, 0.7, 200, "tentative"),
        (0.667, 0.4, 5, "tentative"),
        (0.66, 0.6, 200, "too low"),
        (-0.2, None, 3, "too low"),
        (None, None, 0, "not defined"),
    ],
)
def test_what_an_alpha_is_worth_depends_on_how_sure_it_is(value, low, traces, word):
    assert band_of(value, low, traces).word == word


def test_a_respect_that_is_compared_stands_behind_a_colon():
    assert measure_name("dimension:code_style") == "Dimension: code style"
