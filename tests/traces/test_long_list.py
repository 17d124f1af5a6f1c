"""Lists too large to be read whole."""

import io
import json

import pytest

from traces import long_list
from traces.jsonl import Problem, Record
from traces.long_list import read_long_list
from traces.source import Source

ITEMS = [{"n": 1, "text": 'a "quote" \\ ] } , é'}, {"list": [[1], {"a": {}}]}, {}, {"nan": None, "last": "\\"}]


def read(text, name="f"):
    raw = text if isinstance(text, bytes) else text.encode()
    return list(read_long_list(io.BytesIO(raw), name))


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
def test_items_are_whole_wherever_the_pieces_end(monkeypatch, size, indent):
    monkeypatch.setattr(long_list, "PIECE_BYTES", size)
    found = read("\ufeff [" + json.dumps(ITEMS, indent=indent)[1:] + "\n")
    assert [item.value for item in found] == ITEMS
    lines = json.dumps(ITEMS, indent=1).split("\n")
    assert [item.line for item in found] == (
        [1] * 4 if indent is None else [n for n, x in enumerate(lines, 1) if x[:2] == " {"]
    )


def test_items_that_are_no_objects_are_named_and_the_others_kept():
    found = read('[{"a": NaN},\n7, {bad},\n\n{"b": 1}]')
    assert [(item.line, item.value) for item in found if isinstance(item, Record)] == [(1, {"a": None}), (4, {"b": 1})]
    assert [item.line for item in found if isinstance(item, Problem)] == [2, 2]


def test_a_list_that_does_not_end_gives_what_is_whole(monkeypatch):
    found = read('[{"a": 1}, {"b": "cu')
    assert found[0].value == {"a": 1}
    assert str(found[1]) == "f:1: the file is cut short: the list does not end"


def test_an_item_that_is_too_long_ends_the_reading(monkeypatch):
    monkeypatch.setattr(long_list, "PIECE_BYTES", 10)
    monkeypatch.setattr(long_list, "MAX_DOCUMENT_BYTES", 100)
    found = read(json.dumps([{"a": 1}, {"b": "x" * 500}, {"c": 1}]))
    assert [item.value for item in found if isinstance(item, Record)] == [{"a": 1}]
    assert "an item is longer than" in str(found[-1])


def test_a_source_reads_a_long_list_so(tmp_path, monkeypatch):
    monkeypatch.setattr("traces.source.MAX_DOCUMENT_BYTES", 20)
    path = tmp_path / "list.json"
    path.write_text(json.dumps(ITEMS))
    source = Source(path, "list.json")
    assert [item.value for item in source.records()] == ITEMS
    assert source.place.bytes == path.stat().st_size
