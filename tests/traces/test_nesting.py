"""How deep steps lie in sub-agents, and how that shows."""

import pytest

from traces.nesting import MAX_DEPTH, depth_of
from traces.options import RenderOptions
from traces.rendering import CHUNK_STEPS, chunk_keys, render_chunk


def turns(*parents):
    return [
        {"step_idx": n, "type": "tool_call", "name": "t", "input": "", "output": "", "parent": parent}
        for n, parent in enumerate(parents)
    ]


def test_a_step_is_as_deep_as_there_are_sub_agents_around_it():
    steps = turns(None, 0, 0, 2, None, 3)
    assert [depth_of(steps, index) for index in range(6)] == [0, 1, 1, 2, 0, 3]


@pytest.mark.parametrize("parent", [1, 7, -1, "0", True, 0.0])
def test_a_parent_that_is_no_earlier_step_is_none(parent):
    assert depth_of(turns(None, parent), 1) == 0


def test_the_depth_has_an_end():
    steps = turns(None, *range(100_000))
    assert depth_of(steps, 100_000) == MAX_DEPTH


def test_a_later_chunk_knows_the_depth_of_its_steps():
    n = CHUNK_STEPS
    deep = {"structured_turns": turns(None, 0, *[None] * (n - 2), 1, None)}
    flat = {"structured_turns": turns(None, None, *[None] * (n - 2), 1, None)}
    options = RenderOptions()
    assert f'id="step-{n}" data-step="{n}" data-type="tool_call" data-depth="2"' in render_chunk(deep, options, 1)
    assert f'id="step-{n}" data-step="{n}" data-type="tool_call" data-depth="1"' in render_chunk(flat, options, 1)
    # The same 25 steps look different, so they are kept under different names.
    assert chunk_keys(deep, options)[1] != chunk_keys(flat, options)[1]
