"""The overlap quota: exact, spread over strata."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.assignments.overlap import pick, quota, spread, stratum, told_of_stratum


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


@st.composite
def strata(draw) -> tuple[int, dict[str, int], dict[str, int], dict[str, list[tuple[str, int]]]]:
    """How many are picked, the target and what is picked already by stratum, and its open items as (rank, item)."""
    names = draw(st.lists(st.text("abc", max_size=2), unique=True, min_size=1, max_size=6))
    places = st.fixed_dictionaries({}, optional=dict.fromkeys(names, st.integers(0, 6)))
    sizes = draw(st.lists(st.integers(0, 5), min_size=len(names), max_size=len(names)))
    numbers = iter(draw(st.permutations(range(sum(sizes)))))
    items = {
        name: [(f"{number:02}", number) for number in (next(numbers) for _ in range(size))]
        for name, size in zip(names, sizes, strict=True)
    }
    return draw(st.integers(0, sum(sizes))), draw(places), draw(places), items


@given(strata())
def test_each_place_goes_to_the_stratum_that_lacks_most(found):
    count, target, already, open_items = found
    left = {name: sorted(items) for name, items in open_items.items()}
    has, expected = dict(already), []
    for _ in range(count):
        name = max((one for one in left if left[one]), key=lambda one: (target.get(one, 0) - has.get(one, 0), one))
        expected.append(left[name].pop(0)[1])
        has[name] = has.get(name, 0) + 1
    assert pick(*found) == expected


class Name(str):
    """The name of a stratum; every look at one is counted."""

    looks: ClassVar[int] = 0

    def __lt__(self, other: Any) -> bool:
        Name.looks += 1
        return str.__lt__(self, other)

    def __gt__(self, other: Any) -> bool:
        Name.looks += 1
        return str.__gt__(self, other)

    def __hash__(self) -> int:
        Name.looks += 1
        return str.__hash__(self)


def looks_at(n_strata: int) -> int:
    names = [Name(f"|0|{number}") for number in range(n_strata)]
    Name.looks = 0
    pick(n_strata, dict.fromkeys(names, 1), {}, {name: [("", number)] for number, name in enumerate(names)})
    return Name.looks


def test_four_times_as_many_strata_cost_little_more_than_four_times_as_much():
    assert looks_at(2000) < 6 * looks_at(500)


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
