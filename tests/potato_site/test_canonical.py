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
