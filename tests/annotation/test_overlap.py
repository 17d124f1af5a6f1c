"""The overlap quota: exact, spread over strata."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.assignments.overlap import quota, spread, stratum, told_of_stratum


@pytest.mark.parametrize(
    ("fraction", "items", "expected"), [(0.15, 20, 3), (0.15, 21, 4), (0.2, 8, 2), (0, 9, 0), (1, 7, 7), (0.07, 100, 7)]
)
def test_the_quota_is_the_exact_ceiling(fraction, items, expected):
    assert quota(fraction, items) == expected


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 200), min_size=1, max_size=8), st.integers(0, 100))
def test_the_quota_is_spread_in_proportion_and_adds_up(sizes, percent):
    items = sum(sizes.values())
    total = quota(percent / 100, items)
    places = spread(total, sizes)
    assert sum(places.values()) == total
    for name, size in sizes.items():
        assert abs(places[name] - total * size / items) < 1
        assert places[name] <= size


@pytest.mark.parametrize(
    ("of", "told"),
    [
        (("aider", 12, "resolved"), "aider, 10 to 29 steps, resolved"),
        (("a|b", 9, ""), "a|b, under 10 steps"),
        (("", 100, ""), "100 steps or more"),
    ],
)
def test_a_stratum_is_told_in_words(of, told):
    assert told_of_stratum(stratum(*of)) == told


def test_a_stratum_is_agent_length_and_outcome():
    assert stratum("aider", 9, "resolved") != stratum("aider", 10, "resolved")
    assert stratum("aider", 10, "resolved") == stratum("aider", 29, "resolved")
