"""Paths by how they end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traces.path_ends import PathEnds

NAMES = st.lists(st.sampled_from(["", "a", "b", "ab"]), min_size=1, max_size=4).map("/".join)


def ends_in(path, end):
    return f"/{path}".endswith(f"/{end}")


@given(st.lists(NAMES, max_size=6, unique=True), NAMES)
def test_they_are_those_that_a_look_at_each_finds(paths, path):
    ends = PathEnds(paths)
    found = [one for one in paths if ends_in(one, path)]
    assert ends.only_one_ending_in(path) == (found[0] if len(found) == 1 else None)
    assert ends.may_hold(path) == any(ends_in(one, path) or ends_in(path, one) for one in paths)


@pytest.mark.parametrize(
    ("one", "other"), [("src/a.py", "C:\\repo\\src\\a.py"), ("a.py", "/testbed/a.py"), ("a.py", "a.py")]
)
def test_a_file_of_a_folder_has_the_longer_name(one, other):
    assert PathEnds([other]).only_one_ending_in(one) == other
    assert PathEnds([one]).only_one_ending_in(other) == (other if one == other else None)
    assert PathEnds([one]).may_hold(other)
    assert PathEnds([other]).may_hold(one)
    assert not PathEnds([other]).may_hold("xa.py")
