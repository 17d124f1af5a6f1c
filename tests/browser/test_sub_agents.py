"""The steps of a sub-agent stand as a group below the step that started it."""

import pytest

from tests.browser.pages import step
from tests.factory import make_trace

PARENTS = [None, None, 1, 2, 2, None]
# Where a step begins, and whether a line stands to the left of it.
PLACE = """one => {
  const line = getComputedStyle(one, "::before");
  return [one.getBoundingClientRect().left, line.content === "none" ? 0 : parseFloat(line.width)];
}"""


@pytest.mark.parametrize(("width", "most"), [(1440, 60), (390, 24)])
def test_they_are_indented_with_a_line_by_how_deep_they_are(label, width, most):
    turns = [
        {"step_idx": n, "type": "subagent", "name": "Task", "input": {}, "output": "", "parent": parent}
        for n, parent in enumerate(PARENTS)
    ]
    page = label(
        traces=[make_trace("t1", structured_turns=turns)], context={"viewport": {"width": width, "height": 844}}
    )
    places = [step(page, number).evaluate(PLACE) for number in range(6)]
    base = places[0][0]
    by = [round(left - base) for left, _ in places]
    assert by[0] == by[1] == by[5] == 0
    assert 0 < by[2] < by[3] == by[4] == 2 * by[2] <= most
    assert [line > 0 for _, line in places] == [False, False, True, True, True, False]
    assert page.evaluate("document.documentElement.scrollWidth") == width
