"""Tokens, in the same words whoever counted them."""

from __future__ import annotations

import pytest

from traces.tooling.usage import add_tokens, metrics_of, tokens_of


@pytest.mark.parametrize(
    "usage",
    [
        {"input_tokens": 9, "output_tokens": 4, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2},
        {
            "prompt_tokens": 9,
            "completion_tokens": 4,
            "total_tokens": 13,
            "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 0},
            "cache_creation_input_tokens": 2,
        },
        {"input_tokens": 9, "output_tokens": 4, "input_tokens_cache_read": 3, "input_tokens_cache_write": 2},
        {"prompt_tokens": 9, "completion_tokens": 4, "cache_read_tokens": 3, "cache_write_tokens": 2},
    ],
    ids=["messages", "chat completions", "inspect", "openhands"],
)
def test_each_api_has_its_own_words_for_the_same(usage):
    assert tokens_of(usage) == {"input": 9, "output": 4, "cache_read": 3, "cache_write": 2}


def test_thoughts_are_counted_wherever_they_stand():
    responses = {"output_tokens": 9, "output_tokens_details": {"reasoning_tokens": 5}}
    assert tokens_of(responses) == tokens_of({"output": 9, "thoughts": 5}) == {"output": 9, "thinking": 5}
    assert tokens_of({"output_tokens": 9, "reasoning_output_tokens": 5}) == {"output": 9, "thinking": 5}


@pytest.mark.parametrize(
    "usage", [None, "9", [9], {}, {"input_tokens": True}, {"input_tokens": "9"}, {"prompt_tokens_details": [1]}, {1: 2}]
)
def test_what_is_no_count_is_none(usage):
    assert tokens_of(usage) == {}


def test_the_tokens_of_a_run_are_those_of_its_answers():
    total = {"input": 1}
    add_tokens(total, {"input": 2, "output": 3})
    assert total == {"input": 3, "output": 3}


def test_metrics_hold_what_is_known_and_a_cost_of_nothing_is_known():
    assert metrics_of(tokens={}, cost=0.0, seconds=None) == {"cost": 0.0}
    assert metrics_of(tokens={}, cost=None) is None
