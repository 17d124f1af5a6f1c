import io
import tracemalloc

import pytest

from traces import jsonl
from traces.jsonl import Problem, Record, read_records


def read(raw: bytes):
    return list(read_records(io.BytesIO(raw), "t.jsonl"))


def lines(raw: bytes):
    """(line, value or None for a problem)"""
    return [(item.line, item.value if isinstance(item, Record) else None) for item in read(raw)]


def test_lines_end_with_a_line_feed_only():
    raw = '{"a":"\u2028\u0085"}\r\n\r\n{"b":1}'.encode()
    assert lines(raw) == [(1, {"a": "\u2028\u0085"}), (3, {"b": 1})]


def test_a_byte_order_mark_and_bad_bytes_are_read():
    assert lines(b'\xef\xbb\xbf{"a":"caf\xe9"}\n') == [(1, {"a": "caf\ufffd"})]


def test_numbers_of_any_width_stay_exact():
    assert lines(b'{"a":18446744073709551616,"b":-99999999999999999999}\n') == [
        (1, {"a": 18446744073709551616, "b": -99999999999999999999})
    ]


@pytest.mark.parametrize(
    "bad",
    [
        b"broken",
        b'{"id": "cut',
        b"[1, 2]",
        b"null",
        b'"text"',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e400}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a": "\x01"}',
        b"\x00\x00\x00",
        b'{"a": 1} {"b": 2}',
    ],
    ids=lambda bad: repr(bad[:16]),
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_bad_line_is_a_problem_and_its_neighbours_are_read(bad, place):
    good = [b'{"id": "%d"}' % number for number in range(2)]
    raw = b"\n".join([*good[:place], bad, *good[place:]])
    found = read(raw)
    assert [item.value["id"] for item in found if isinstance(item, Record)] == ["0", "1"]
    assert {item.line for item in found if isinstance(item, Problem)} == {place + 1}


def test_equal_keys_the_last_one_counts():
    assert lines(b'{"a":1,"a":2}') == [(1, {"a": 2})]


def test_a_cut_last_line_says_so():
    assert "cut short" in str(read(b'{"id":"a"}\n{"id":"b')[1])


def test_what_is_missing_at_the_end_of_a_line_is_placed_there():
    problem = read(b'{"id": 1}\n{"id": "b", "structured_turns": [\n{"id": 2}\n')[1]
    assert str(problem) == "t.jsonl:2: not JSON: Expecting value (column 34)"


def test_a_list_gives_its_items_with_their_lines():
    raw = b'[\n {"id": 1},\n {"id":\n 2}, 3\n]\n'
    assert lines(raw) == [(2, {"id": 1}), (3, {"id": 2}), (4, None)]
    assert lines(b'[{"id":1},{"id":2}]') == [(1, {"id": 1}), (1, {"id": 2})]
    assert lines(b"[]") == lines(b"") == lines(b"\n \n") == []


def test_one_object_over_several_lines():
    assert lines(b'\n{\n "id": 1,\n "structured_turns": [\n  {}\n ]\n}\n') == [(2, {"id": 1, "structured_turns": [{}]})]


def test_a_broken_list_keeps_what_stands_before_the_mistake():
    found = read(b'[\n {"id": 1},\n {"id": 2}}\n]')
    assert [item.line for item in found] == [2, 3, 3]
    assert "nothing from here on was read" in str(found[2])


def test_a_broken_object_over_several_lines_is_one_problem():
    found = read(b'{\n "id": 1,\n "structured_turns": [\n  {"type": oops}\n ]\n}\n')
    assert [(type(item), item.line) for item in found] == [(Problem, 4)]


@pytest.fixture
def small_limits(monkeypatch):
    monkeypatch.setattr(jsonl, "MAX_LINE_BYTES", 50)
    monkeypatch.setattr(jsonl, "MAX_DOCUMENT_BYTES", 200)


def test_a_line_over_the_limit_is_a_problem_and_the_next_is_read(small_limits):
    long = b'{"id":"%s"}' % (b"x" * 300)
    assert lines(b'{"id":1}\n' + long + b'\n{"id":2}') == [(1, {"id": 1}), (2, None), (3, {"id": 2})]
    assert lines(long + b'\n{"id":2}') == [(1, None), (2, {"id": 2})]
    assert lines(b'{"id":1}\n' + long) == [(1, {"id": 1}), (2, None)]


def test_a_line_between_the_two_limits_is_a_problem_wherever_it_stands(small_limits):
    long = b'{"id":"%s"}' % (b"x" * 100)
    assert lines(long + b'\n{"id":2}') == [(1, None), (2, {"id": 2})]


def test_a_list_over_the_limit_is_one_problem(small_limits):
    assert lines(b"[" + b'\n {"id": 1},' * 100 + b"\n 1]") == [(None, None)]
    assert len(lines(b"[" + b'{"id": 1},' * 15 + b"{}]")) == 16


def test_a_file_that_begins_badly_is_read_by_line_however_long_it_is(small_limits):
    assert len(lines(b"[broken\n" + b'{"id":1}\n' * 100)) == 101


def test_the_reader_holds_one_line_at_a_time():
    class Endless(io.RawIOBase):
        given = 0

        def readable(self):
            return True

        def readinto(self, buffer):
            self.given += len(buffer)
            data = b'{"id":"%s"}\n' % (b"x" * (len(buffer) - 10))
            buffer[:] = data[: len(buffer) - 1] + b"\n"
            return len(buffer)

    endless = Endless()
    records = read_records(io.BufferedReader(endless, 1024), "endless")
    for _ in range(5):
        next(records)
    assert endless.given < 20 * 1024


def test_control_characters_of_a_file_name_are_shown_not_sent_to_the_terminal():
    assert str(Problem("\x1b[2J.jsonl", 3, "id", "is missing")) == "\\x1b[2J.jsonl:3: id: is missing"


def test_of_long_lines_one_is_in_memory_at_a_time():
    length = 4_000_000

    def peak(lines: int) -> int:
        stream = io.BytesIO(b'{"text": "%s"}\n' % (b"x" * length) * lines)
        tracemalloc.start()
        try:
            assert sum(isinstance(item, Record) for item in read_records(stream, "long.jsonl")) == lines
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1)
    assert peak(4) - peak(2) < length / 2
