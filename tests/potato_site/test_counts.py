"""Counts in words."""

import pytest

from potato_site.counts import plural


@pytest.mark.parametrize(("count", "words"), [(0, "0 traces"), (1, "1 trace"), (2, "2 traces"), (1204, "1,204 traces")])
def test_one_is_no_plural(count, words):
    assert plural(count, "trace") == words
