"""What a converter may ask about a file, above all without reading a large one whole."""

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from potato_site.files import open_inside
from traces import source as source_module
from traces.finding import find_sources
from traces.jsonl import WARNING, Problem, Record, Unreadable
from traces.source import PEEK_BYTES, WHOLE_BYTES, Source

BIG = "x" * (WHOLE_BYTES + 2 * PEEK_BYTES)


@pytest.fixture
def given(tmp_path):
    """``given(content)``: a source with these bytes."""

    def make(content, name="file.json"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Source(path, name)

    return make


@pytest.mark.parametrize(
    ("content", "shape"),
    [
        ('{"a": 1}\n{"a": 2}\n', "lines"),
        ('\ufeff{"a": 1}\r\n{"a": 2}', "lines"),
        ('oops\n{"a": 2}\n', "lines"),
        ('{"a": 1}\n', "object"),
        ('{\n "a": 1\n}\n', "object"),
        ('[{"a": 1}]', "list"),
        ("# aider chat started at 2025\n", "text"),
        ("a text\n" * 30 + '{"that": "quotes"}\n{"two": "records"}\nand ends\n', "text"),
        ("start\n" * 30 + '{"a": 1}\n{"a": 2}\n', "lines"),
        ("", "text"),
    ],
)
def test_the_shape_of_a_file_shows_in_its_first_bytes(given, content, shape):
    assert given(content).shape == shape


@pytest.fixture
def read(monkeypatch):
    """How many bytes each reading of a source took."""
    sizes = []

    class Counting:
        def __init__(self, stream):
            self.stream = stream

        def __enter__(self):
            return self

        def __exit__(self, *args):
            self.stream.close()

        def seek(self, *args):
            return self.stream.seek(*args)

        def read(self, size=-1):
            raw = self.stream.read(size)
            sizes.append(len(raw))
            return raw

    def counting(opened):
        return lambda source: Counting(opened(source))

    for name in ("open", "open_raw"):
        monkeypatch.setattr(Source, name, counting(getattr(Source, name)))
    return sizes


@pytest.mark.parametrize("indent", [None, 2])
def test_of_a_large_object_the_first_and_the_last_keys_are_known_and_little_is_read(given, indent, read, monkeypatch):
    monkeypatch.setattr(source_module, "MAX_LINE_BYTES", 2 * PEEK_BYTES)
    value = {"first": {"deep": [1, {"a": "b"}]}, "messages": [{"role": "user", "text": "say hi"}, {"text": BIG}]}
    source = given(json.dumps(value | {"big": [BIG], "format": "x-1.1", "last": None}, indent=indent))
    (record,) = source.first_records
    assert record["first"] == {"deep": [1, {"a": "b"}]}
    assert record["messages"] == [{"role": "user", "text": "say hi"}, {"text": ""}]
    assert (record["format"], record["last"]) == ("x-1.1", None)
    assert source.top_keys == {"first", "messages", "format", "last"}
    assert source.shape == "object"
    # Where no line ends, one is looked for as far as a line may be long.
    assert sum(read) <= (1 if indent else 3) * PEEK_BYTES + source_module.HEAD_BYTES


@pytest.mark.parametrize("more", ['{"a": 2}', '{"a": 2, "text": "%s"}'])
def test_lines_are_lines_however_long_they_are(given, more):
    long = '{"a": 1, "text": "%s"}'
    source = given("\r\n".join(line.replace("%s", BIG) for line in (long, more, long)) + "\n")
    assert source.shape == "lines"
    assert source.first_records == [{"a": 1, "text": ""}]
    assert [item.value["a"] for item in source.records(lenient=True)] == [1, 2, 1]


@pytest.mark.parametrize("end", ["", "\n", "\r\n\n"])
def test_one_long_line_is_one_object(given, end):
    source = given(json.dumps({"a": 1, "text": BIG}) + end)
    assert source.shape == "object"
    assert source.document()["a"] == 1


def test_a_long_object_whose_lines_are_long_is_no_lines(given):
    assert given('{"a": "' + BIG + '",\n"b": {}}').shape == "object"
    assert given('{"a": [{"b": "' + BIG + '"},\n{"b": 2}]}').shape == "object"


@pytest.mark.parametrize("content", ['{"a": "%s"}\n{"b": 1}\n', '[{"a": "%s"}, {"b": 1}]', '\n{"a": "%s"}\n'])
def test_a_file_of_some_megabytes_is_read_once_for_all_that_is_asked(given, content, read):
    content = content % ("x" * 3 * PEEK_BYTES)
    source = given(content)
    assert source.mentions("aaa", "xxx")
    assert set(source.first_records[0]) == {"a"}
    records = list(source.records(lenient=True))
    assert [item.value for item in records] == source.first_records
    assert source.sha256 == hashlib.sha256(content.encode()).hexdigest()
    assert read == [len(content)]


def test_what_is_forgotten_is_read_again(given, read):
    source = given('{"a": 1}')
    assert source.mentions("a")
    assert source.document() == {"a": 1}
    source.path.write_text('{"b": 12}')
    source.forget()
    assert (source.document(), source.size, source.mentions("a")) == ({"b": 12}, 9, True)
    assert read == [8, 9]


def test_records_are_numbered_by_their_lines_past_blank_ones_and_a_byte_order_mark(given):
    source = given('\ufeff\n \n{"a": 1}\r\n\n{"b": 2}\noops\n{"c": 3}')
    assert [item.line for item in source.records(lenient=True)] == [3, 5, 6, 7]


@pytest.mark.parametrize(
    "content",
    ['[\n {"a": 1},\n 2,\n {"a": NaN}\n]', '[{"a": 1}, {"a": 2', '{"a": 1}\nbad\n{"a": 2}', '{"a": 1}', "text", ""],
)
def test_objects_are_the_values_of_the_records(given, content):
    values = [item.value for item in given(content).records(lenient=True) if isinstance(item, Record)]
    assert given(content).objects() == values


@pytest.mark.parametrize("end", ["", "\n\n"])
def test_the_items_of_a_list_on_one_line_are_records_of_that_line(given, end):
    items = list(given('\n[{"a": 1}, 2, {"b": "x"}]' + end).records(lenient=True))
    assert items == [
        Record(2, {"a": 1}),
        Problem("file.json", 2, "", "must be a JSON object"),
        Record(2, {"b": "x"}),
    ]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("model_patch", "tests_status", "no_generation"), True),
        (("model_patches", "other_status", "tests_state"), False),
        (("patch", "nothing"), True),
        (("patches",), False),
    ],
)
def test_a_word_is_mentioned_where_all_of_it_stands(given, words, found):
    assert given('{"apply_patch": 1, "git_status": 2, "_": 3, "model_patch": 4}').mentions(*words) is found


def test_the_first_records_of_a_large_file_are_whole_and_the_one_that_is_cut_is_there(given):
    lines = "".join(json.dumps({"n": n, "text": "y" * 300_000}) + "\n" for n in range(40))
    source = given(lines)
    assert [record["n"] for record in source.first_records] == [0, 1, 2, 3]
    assert [len(record["text"]) for record in source.first_records] == [300_000] * 3 + [0]
    assert source.shape == "lines"


def test_a_large_first_line_does_not_take_the_keys_of_the_last_one(given):
    source = given(json.dumps({"a": 1, "text": BIG}) + "\n" + json.dumps({"other": 1}) + "\n" + json.dumps({"z": 1}))
    assert source.first_records == [{"a": 1, "text": ""}]


def test_a_large_list_gives_its_first_items(given):
    source = given(json.dumps([{"a": 1}, "text", {"b": BIG}, {"c": 1}]))
    assert source.first_records == [{"a": 1}, {"b": ""}]
    assert source.shape == "list"


@pytest.mark.parametrize("length", range(0, 80, 3))
def test_a_text_cut_anywhere_gives_what_was_complete(length):
    text = json.dumps({"a": [1, {"b": 'q"\\'}], "c": {"d": None, "e": [True]}, "f": "ende", "g": 12}).encode()
    value = source_module.cut_short(text[:length])
    assert value is None or set(value) <= {"a", "c", "f", "g"}
    assert length < 70 or value["c"]["e"] == [True]


def test_a_document_is_read_although_programs_write_what_is_no_json(given):
    raw = b'\xef\xbb\xbf{"a": NaN, "b": -Infinity, "c": "\\ud83d", "d": "nul\x00 tab\t", "e": "\xff", "f": 1e999}'
    value = given(raw).document()
    assert value == {"a": None, "b": None, "c": "\ud83d", "d": "nul\0 tab\t", "e": "\ufffd", "f": None}


@pytest.mark.parametrize(
    ("content", "message", "line"),
    [
        ("", "the file is empty", None),
        ('{"a": 1,\n"b": [', "the file is cut short or not JSON", 2),
        ("[" * 100_000, "not read: nested too deep", None),
        (b"\x89PNG\r\n", "not JSON", 1),
    ],
)
def test_what_is_no_document_says_where_and_why(given, content, message, line):
    with pytest.raises(Unreadable) as caught:
        given(content).document()
    assert message in str(caught.value)
    assert caught.value.line == line


def test_lenient_records_take_nan_and_only_warn_of_a_cut_last_line(given):
    items = list(given('{"a": NaN}\r\noops\n{"b": "\t"}\n{"c": "cut').records(lenient=True))
    assert [item.value for item in items if isinstance(item, Record)] == [{"a": None}, {"b": "\t"}]
    problems = [item for item in items if isinstance(item, Problem)]
    assert [(item.line, item.is_error) for item in problems] == [(2, True), (4, False)]
    assert problems[1].severity == WARNING


def numbered(source: Source) -> list[tuple[int, str]]:
    return [line for first, lines in source.lines() for line in enumerate(lines, first)]


def test_lines_end_at_newlines_only_and_keep_what_is_no_utf8(given, monkeypatch):
    assert numbered(given(b"\xef\xbb\xbfone\r\ntwo\x0c\xe2\x80\xa8still\n\n\xff")) == [
        (1, "one"),
        (2, "two\x0c\u2028still"),
        (3, ""),
        (4, "\ufffd"),
    ]
    monkeypatch.setattr("traces.jsonl.MAX_LINE_BYTES", 4)
    monkeypatch.setattr("traces.jsonl.BLOCK_BYTES", 1)
    assert numbered(given("abcdefg\nx\n")) == [(1, "abcd"), (1, "efg"), (2, "x")]


@pytest.mark.parametrize("block", [1, 2, 3, 5])
@pytest.mark.parametrize(
    "raw", [b"", b"\n", b"\xef\xbb\xbf\n\n", b"a\r", b"a\r\r\n\xe2\n\xe2\x80", b"\xef\xbb\nab\ncd"]
)
def test_lines_are_the_same_however_the_file_is_read(given, monkeypatch, raw, block):
    lines = raw.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    expected = [line.removesuffix(b"\r").decode("utf-8", "replace") for line in (lines if lines[-1] else lines[:-1])]
    monkeypatch.setattr("traces.jsonl.BLOCK_BYTES", block)
    assert numbered(given(raw)) == list(enumerate(expected, 1))


def test_the_head_is_text_whatever_it_holds(given):
    source = given(b"\xef\xbb\xbfone\r\n\xff\x00")
    assert source.head == "one\n\ufffd\0"
    assert source.is_binary


def test_files_near_are_found_inside_the_input_only(given, tmp_path):
    for name in ["in/s.jsonl", "in/s/subagents/agent-1.jsonl", "in/s/subagents/agent-1.meta.json", "out.jsonl"]:
        given("{}", name)
    (tmp_path / "in" / "link.jsonl").symlink_to(tmp_path / "out.jsonl")
    (tmp_path / "in" / "s" / ".hidden.jsonl").write_text("{}")
    sources = {one.name: one for one in find_sources(tmp_path / "in") if isinstance(one, Source)}
    names = [source.name for source in sources["s.jsonl"].near("s/subagents/agent-*.jsonl")]
    assert names == ["s/subagents/agent-1.jsonl"]
    agent = sources["s/subagents/agent-1.jsonl"]
    assert [source.name for source in agent.near("../../s.jsonl")] == ["s.jsonl"]
    assert [source.name for source in agent.near("*")] == ["s/subagents/agent-1.meta.json"]
    for pattern in ["../../../out.jsonl", "../../link.jsonl", "/etc/*", "../.hidden.jsonl", "nowhere/*", "../../../*"]:
        assert agent.near(pattern) == [], pattern


@pytest.fixture
def swapped(given, tmp_path):
    """``swapped(name)``: the source of a file found before somebody put a link to what lies outside in place of it, or
    of the folder ``name``."""
    given("outside", "out/s/a.jsonl")
    given("{}", "in/s/a.jsonl")
    given("{}", "in/s/b.jsonl")

    def make(name):
        sources = {one.name: one for one in find_sources(tmp_path / "in")}
        place, other = tmp_path / "in" / name, tmp_path / "out" / name
        place.rename(tmp_path / "taken-away")
        place.symlink_to(other)
        return sources["s/a.jsonl"]

    return make


READS = [
    lambda source: source.open().read(),
    lambda source: source.open_raw().read(),
    lambda source: source.first_bytes(9),
    lambda source: source.head,
    lambda source: source.sha256,
]


@pytest.mark.parametrize("name", ["s/a.jsonl", "s"])
@pytest.mark.parametrize("read", READS)
def test_a_link_put_in_place_of_a_file_that_was_found_is_not_followed(swapped, monkeypatch, read, name):
    monkeypatch.setattr(source_module, "WHOLE_BYTES", 0)
    with pytest.raises(OSError, match="is a link by now"):
        read(swapped(name))


@pytest.mark.parametrize("name", ["s/a.jsonl", "s"])
def test_nor_is_one_in_place_of_a_file_near_another(swapped, tmp_path, name):
    (tmp_path / "in" / "c.jsonl").write_text("{}")
    (near,) = next(one for one in find_sources(tmp_path / "in") if one.name == "c.jsonl").near("s/a.jsonl")
    swapped(name)
    with pytest.raises(OSError, match="is a link by now"):
        near.open()


def test_a_folder_on_the_way_need_not_be_listed():
    folder = Path(tempfile.mkdtemp())
    try:
        inner = folder / "team"
        inner.mkdir()
        (inner / "a.jsonl").write_text("{}")
        for path, mode in ((folder, 0o311), (inner, 0o755), (inner / "a.jsonl", 0o644)):
            path.chmod(mode)
        assert as_nobody(lambda: os.read(open_inside(folder, inner / "a.jsonl"), 9)) == b"{}"
        with pytest.raises(PermissionError):
            as_nobody(lambda: os.listdir(folder))
    finally:
        folder.chmod(0o700)
        shutil.rmtree(folder)


def as_nobody(work):
    """What it returns for a person of no rights."""
    if os.geteuid() == 0:
        os.seteuid(65534)
    try:
        return work()
    finally:
        if os.getuid() == 0:
            os.seteuid(0)


def test_a_pipe_put_in_place_of_a_file_holds_nobody_up(given, tmp_path):
    given("{}", "in/a.jsonl")
    (source,) = find_sources(tmp_path / "in")
    source.path.unlink()
    os.mkfifo(source.path)
    with pytest.raises(OSError, match="no regular file"):
        source.open()


def test_the_folder_that_is_given_and_the_file_that_is_given_may_be_links(given, tmp_path):
    given("{}", "in/a.jsonl")
    (tmp_path / "folder").symlink_to(tmp_path / "in")
    (tmp_path / "file").symlink_to(tmp_path / "in" / "a.jsonl")
    for name in ("folder", "file"):
        (source,) = find_sources(tmp_path / name)
        assert source.open().read() == b"{}"


def test_a_single_file_has_its_folder_and_an_uploaded_one_nothing(given, tmp_path):
    given("{}", "a.jsonl")
    given("{}", "b.jsonl")
    (source,) = find_sources(tmp_path / "a.jsonl")
    assert [other.name for other in source.near("*.jsonl")] == ["b.jsonl"]
    assert Source(tmp_path / "a.jsonl", "a.jsonl").near("*") == []


def test_a_file_that_cannot_be_read_raises_what_the_conversion_names(tmp_path):
    with pytest.raises(OSError, match=os.strerror(2)):
        _ = Source(tmp_path / "nowhere", "nowhere").head


@pytest.mark.parametrize("suffix", ["zip", "tar"])
def test_the_records_in_an_archive_are_not_those_of_a_file(tmp_path, suffix):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_text('{"a": 1}\n' * 3)
    path = shutil.make_archive(str(tmp_path / "packed"), suffix, tmp_path / "in")
    with open(path, "ab") as file:
        file.write(b"\n")
    raw = Path(path).read_bytes()
    stored = tmp_path / "stored"
    stored.write_bytes(raw[:600] + b'\n{"a": 1}\n{"a": 2}\n')
    source = Source(stored, "stored")
    assert source.is_packed
    assert (source.first_records, source.shape) == ([], "text")
