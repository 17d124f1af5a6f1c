import json

import pytest

from potato_site.canonical import canonical, digest, loads


def test_equal_values_give_equal_bytes():
    assert canonical({"b": [1, 2.5, None, True], "a": "é\u2028"}) == '{"a":"é\u2028","b":[1,2.5,null,true]}'.encode()
    assert canonical({"a": 1, "b": 2}) == canonical({"b": 2, "a": 1})
    assert digest(1, {"a": 2}) == digest(1, {"a": 2}) != digest([1], {"a": 2})


@pytest.mark.parametrize("number", [2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**4000])
def test_integers_of_any_width_come_back(number):
    value = {"b": number, "a": [1e22, "text", None, {"deep": [[1], {"n": number}]}]}
    assert loads(canonical(value)) == value
    assert loads(canonical(value).decode()) == value


@pytest.mark.parametrize("value", [{1: 2}, {"a": {3}}, "\ud800", {"n": 2**70, 1: 2}], ids=repr)
def test_what_json_cannot_hold_is_refused(value):
    with pytest.raises((TypeError, ValueError)):
        canonical(value)


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "1e400", "9" * 5000, "", "{", "[1,]", "'a'"])
def test_what_is_not_json_is_refused(text):
    for given in (text, text.encode()):
        with pytest.raises(ValueError):
            loads(given)


def test_lone_surrogates_and_bad_bytes_are_readable():
    assert loads(b'"\\ud800"') == loads('"\\ud800"') == loads('"\ud800"') == "\ud800"
    assert loads(b'"\xff"') == "\ufffd"
    assert loads('{"a":1,"a":2}') == {"a": 2}


@pytest.mark.parametrize("number", [2**63 - 1, 2**64 - 1, 2**64, 10**30, -(2**63), -(2**63) - 1, -(10**19)])
@pytest.mark.parametrize("around", ["%s", " %s\n", "[%s]", "[1,%s,2]", '{"a":%s}', '{"a" : %s , "b": 1}', "[\n  %s\n]"])
def test_whole_numbers_of_any_width_stay_what_they_are_wherever_they_stand(number, around):
    text = around.replace("%s", str(number))
    assert str(number) in str(loads(text))


def test_digits_that_are_no_whole_number_are_read_as_well():
    text = '{"hash": "9%s", "part": 0.12345678901234567890, "power": 12345678901234567890e2, "of": "a 1%s"}'
    text = text.replace("%s", "0" * 30)
    assert loads(text) == {
        "hash": "9" + "0" * 30,
        "part": 0.12345678901234567890,
        "power": 12345678901234567890e2,
        "of": "a 1" + "0" * 30,
    }


@pytest.mark.parametrize(
    "text", ["5e-324", "1.7976931348623157e308", "0.1", "-0.0", "9007199254740993.0", "2.2250738585072011e-308", "-0"]
)
def test_numbers_are_those_of_the_standard_parser(text):
    assert repr(loads(text)) == repr(loads(text.encode())) == repr(json.loads(text))


def test_bytes_that_are_no_text_are_replaced_in_keys_too():
    assert loads(b'[{"\xff": 1}, {"\xff": 2}, "\xed\xa0\x80"]') == [{"\ufffd": 1}, {"\ufffd": 2}, "\ufffd\ufffd\ufffd"]


def test_what_is_nested_deeper_than_the_stack_is_told():
    with pytest.raises(RecursionError):
        loads("[" * 100_000)
