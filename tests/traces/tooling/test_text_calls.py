"""Calls written into a text: where they begin and end, and what is a value."""

import time

import pytest

from traces.tooling.text_calls import TextCall, read_fence, read_text, result_in


def test_the_text_around_a_call_is_kept_in_order():
    text = "First.\n<function=bash>\n<parameter=command>ls</parameter>\n</function>\nThen."

    assert list(read_text(text)) == ["First.", TextCall("bash", {"command": "ls"}), "Then."]


@pytest.mark.parametrize("end", ["</function>", "</function", ""])
def test_a_call_that_a_stop_word_cut_is_one(end):
    assert list(read_text("<function=f>\n<parameter=a>1</parameter>\n" + end)) == [TextCall("f", {"a": "1"})]


def test_only_the_line_ends_around_a_long_value_are_not_its_own():
    (call,) = read_text("<function=f>\n<parameter=text>\n\n    if x:\n\n</parameter>\n</function>")

    assert call.input["text"] == "\n    if x:\n"


def test_line_numbers_become_numbers_and_other_values_stay_text():
    parameters = {"view_range": "[1, 5]", "insert_line": "3", "command": "5", "timeout": "soon"}
    text = "".join(f"<parameter={key}>{value}</parameter>" for key, value in parameters.items())
    (call,) = read_text(f"<function=f>{text}</function>")

    assert call.input == {"view_range": [1, 5], "insert_line": 3, "command": "5", "timeout": "soon"}


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ('{"name": "f", "arguments": {"a": 1}}', TextCall("f", {"a": 1})),
        ('{"name": "f", "arguments": "{\\"a\\": 1}"}', TextCall("f", {"a": 1})),
        ("<function=f>\n<parameter=a>1</parameter>\n</function>", TextCall("f", {"a": "1"})),
        ("{broken", TextCall("unknown", {"input": "{broken"})),
    ],
)
def test_a_tagged_call_is_json_or_a_function(inside, expected):
    assert list(read_text(f"<tool_call>\n{inside}\n</tool_call>")) == [expected]


def test_the_last_fence_is_the_command():
    text = "Like\n```\nnot this\n```\nbut\n```bash\nls -F\n```"

    assert list(read_fence(text)) == ["Like\n```\nnot this\n```\nbut", TextCall("bash", {"command": "ls -F"})]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("OBSERVATION:\na\n", "a\n"),
        ("EXECUTION RESULT of [terminal]:\n", ""),
        ("<tool_response>\na\n</tool_response>", "a"),
        ("My observation: no", None),
    ],
)
def test_a_result_is_told_by_what_is_put_before_it(text, expected):
    assert result_in(text) == expected


@pytest.mark.parametrize("piece", ["<function=f>", "<tool_call>", "<function=f><parameter=a>", "```\n"])
def test_a_text_made_to_be_slow_is_read_in_time(piece):
    began = time.monotonic()

    list(read_text(piece * 5_000))
    list(read_fence(piece * 5_000))

    assert time.monotonic() - began < 5
