"""Whole numbers of any width in lines of JSON."""

import json

import pytest

from exports.jsonline import exact_json_line, json_line

WIDE = [2**63, 2**64 - 1, 2**64, 10**30, -(2**63) - 1]
FITTING = [0, 2**53, 2**63 - 1, -(2**63)]


@pytest.mark.parametrize("number", WIDE)
def test_what_64_bits_with_a_sign_do_not_hold_is_its_digits(number):
    line = json_line({"a": {"deep": [number]}, "b": 1})
    assert json.loads(line) == {"a": {"deep": [str(number)]}, "b": 1}


@pytest.mark.parametrize("number", FITTING)
def test_what_they_hold_is_a_number(number):
    assert json.loads(json_line({"a": number, "b": 2**63})) == {"a": number, "b": str(2**63)}
    assert json.loads(json_line({"a": number})) == {"a": number}


@pytest.mark.parametrize("number", [*WIDE, *FITTING])
def test_exact_lines_keep_all_of_them(number):
    line = exact_json_line({"a": number, "b": "\u2028"})
    assert json.loads(line) == {"a": number, "b": "\u2028"}
    assert len(line.decode().splitlines()) == 1


def test_a_value_that_is_no_json_is_refused():
    for write in (json_line, exact_json_line):
        with pytest.raises(TypeError):
            write({"a": object()})
