import json
import os
import re
from itertools import pairwise

import pytest

from potato_site.canonical import canonical
from traces.beginning import beginning
from traces.convert import convert_path
from traces.converters import Converter, converters
from traces.jsonl import Record
from traces.packed import HEAD_BYTES
from traces.recognition import UnknownFormat
from traces.shaping import Shaping
from traces.source import Source
from traces.stream import free_ending

STEP = {"type": "system", "content": "x"}
TRACE = '{"id": "%s", "structured_turns": [{"type": "system", "content": "x"}]}\n'


def convert(path, **options):
    documents, problems = [], []
    report = convert_path(path, on_document=documents.append, on_problem=problems.append, **options)
    assert report.traces == len(documents)
    assert report.problems == sum(problem.is_error for problem in problems)
    return documents, [str(problem) for problem in problems]


@pytest.fixture
def converter(request):
    """A second converter, which claims files called *.log, for one test."""

    class Logs(Converter):
        name, version = "logs", "7"
        found: list = []

        def detect(self, source):
            return source.name.endswith(".log")

        def convert(self, source):
            yield Record(1, {"id": source.name, "source": {"warnings": ["1 image"]}, "structured_turns": [STEP]})
            raise KeyError("a record no one imagined")

    converters.register("logs")(Logs())
    yield converters.get("logs")
    del converters._items["logs"]


def test_a_folder_is_read_in_sorted_order_without_hidden_files(tmp_path):
    for name in ["b.jsonl", "a/z.jsonl", "a/y/x.jsonl", ".hidden.jsonl", ".git/c.jsonl"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(TRACE % name)
    documents, problems = convert(tmp_path)
    assert [doc["source"]["file"] for doc in documents] == ["a/y/x.jsonl", "a/z.jsonl", "b.jsonl"]
    assert problems == []


@pytest.mark.parametrize(("small", "times"), [(1_000_000, 1), (100, 2)])
def test_files_that_are_small_together_are_read_once(tmp_path, monkeypatch, small, times):
    monkeypatch.setattr("traces.stream.SMALL_BYTES", small)
    read, first_bytes = [], Source.first_bytes

    def noted(source, size):
        if size > HEAD_BYTES:  # by which archives are known
            read.append(source.name)
        return first_bytes(source, size)

    monkeypatch.setattr(Source, "first_bytes", noted)
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text(TRACE % name)
    (tmp_path / "c.jsonl").write_text('{"instance_id": "a", "model_patch": "+x"}\n')
    documents, problems = convert(tmp_path)
    assert [doc.get("final_patch") for doc in documents] == ["+x", None]
    assert problems == []
    assert sorted(read) == sorted(["a.jsonl", "b.jsonl"] * times + ["c.jsonl"])


def test_links_out_of_the_folder_are_named_and_not_followed(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "secret.jsonl").write_text(TRACE % "secret")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.jsonl").write_text(TRACE % "a")
    (folder / "again.jsonl").symlink_to("a.jsonl")
    (folder / "loop").symlink_to(folder)
    (folder / "file.jsonl").symlink_to(tmp_path / "out" / "secret.jsonl")
    (folder / "folder").symlink_to(tmp_path / "out")
    documents, problems = convert(folder)
    assert [doc["id"] for doc in documents] == ["a"]
    assert [text.split(":")[0] for text in problems] == ["file.jsonl", "folder"]


def test_a_document_says_where_it_came_from(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text(TRACE % "a")
    documents, _ = convert(file, format="native")
    source = documents[0]["source"]
    assert source.keys() == {"format", "version", "file", "sha256", "warnings"}
    assert (source["format"], source["file"], source["warnings"]) == ("native", "a.jsonl", [])


def test_a_document_that_names_its_source_keeps_it(tmp_path):
    record = {"id": "a", "structured_turns": [], "source": {"format": "codex", "file": "x", "warnings": ["w"]}}
    (tmp_path / "a.json").write_text(json.dumps(record))
    assert convert(tmp_path)[0] == [record]


def test_a_second_record_with_one_id_names_both_places(tmp_path):
    (tmp_path / "a.jsonl").write_text(TRACE % "same")
    (tmp_path / "b.jsonl").write_text(TRACE % "other" + TRACE % "same")
    documents, problems = convert(tmp_path)
    assert [doc["id"] for doc in documents] == ["same", "other"]
    assert problems == ["b.jsonl:2: id: 'same' is the id of the record at a.jsonl:1 too; the first is kept"]


def test_a_second_trace_with_an_id_that_an_agent_gave_gets_an_id_of_its_own(tmp_path):
    class Tasks(Converter):
        name, version = "tasks", "1"

        def detect(self, source):
            return source.name.endswith(".log")

        def convert(self, source):
            for number, line in enumerate(source.path.read_text().split(), start=1):
                steps = [{"type": "user_message", "content": "Do it"}]
                steps += [{"type": "bash_command", "command": f"run {one}"} for one in line.split(",")]
                yield Record(number, {"id": "django-1", "structured_turns": steps})

    converters.register("tasks")(Tasks())
    try:
        (tmp_path / "a.log").write_text("1\n1")
        (tmp_path / "b.log").write_text("2\n3")
        documents, problems = convert(tmp_path)
        (tmp_path / "a.log").write_text("1\n1\n4")
        (tmp_path / "b.log").write_text("2\n3\n5")
        grown, _ = convert(tmp_path)
    finally:
        del converters._items["tasks"]
    ids = [doc["id"] for doc in documents]
    assert ids[0] == "django-1"
    assert all(re.fullmatch(r"django-1~[0-9a-f]{8}", name) for name in (ids[1], ids[2], ids[3]))
    assert len(set(ids)) == 4
    assert [doc["id"] for doc in grown if doc["structured_turns"][1]["command"] not in ("run 4", "run 5")] == ids
    assert len({doc["id"] for doc in grown}) == 6
    assert documents[2]["source"]["warnings"] == ["the id django-1 is that of another trace too"]
    assert problems == []


class Runs(Converter):
    """Every line is a run of one task, after it one of an agent that it called."""

    name, version = "runs", "1"

    def __init__(self, task):
        self.task = task

    def detect(self, source):
        return source.name.endswith(".log")

    def convert(self, source):
        for number, line in enumerate(source.path.read_text().split(), start=1):
            steps = [{"type": "bash_command", "command": f"run {one}"} for one in line.split(",")]
            yield Record(number, {"id": self.task, "structured_turns": steps})
            yield Record(number, {"id": "helper", "subagent_of": self.task, "structured_turns": steps[:1]})


@pytest.mark.parametrize("task", ["task", "t" * 230, "t" * 255])
def test_what_belongs_to_a_trace_names_it_by_the_id_that_it_got(tmp_path, task):
    converters.register("runs")(Runs(task))
    try:
        (tmp_path / "a.log").write_text("1,2,3\n4,5,6")
        (tmp_path / "b.log").write_text("7,8,9\n1,2")
        documents, problems = convert(tmp_path, shaping=Shaping(max_steps=1))
    finally:
        del converters._items["runs"]
    assert problems == []
    by_id = {doc["id"]: doc for doc in documents}
    assert len(by_id) == len(documents) == 11 + 4
    runs = {}
    for doc in documents:
        if "part" in doc:
            runs.setdefault(doc["part"]["of"], []).append(doc)
    commands = [[doc["structured_turns"][0]["command"] for doc in parts] for parts in runs.values()]
    assert commands == [[f"run {n}" for n in run] for run in ((1, 2, 3), (4, 5, 6), (7, 8, 9), (1, 2))]
    for parts in runs.values():
        for part, follower in pairwise(parts):
            assert by_id[part["part"]["next"]] is follower
            assert by_id[follower["part"]["previous"]] is part
    helpers = [doc for doc in documents if "subagent_of" in doc]
    assert [doc["subagent_of"] for doc in helpers] == list(runs)


def test_the_id_of_its_own_is_the_same_however_traces_are_shaped(tmp_path):
    class Words(Converter):
        name, version = "words", "1"

        def detect(self, source):
            return source.name.endswith(".log")

        def convert(self, source):
            for number, word in enumerate(source.path.read_text().split(), start=1):
                steps = [{"type": "user_message", "content": f"{word}@example.org"}]
                steps += [{"type": "system", "content": "x" * 500 + word + "x" * 500}]
                steps += [{"type": "bash_command", "command": "ls", "parent": 1}]
                yield Record(number, {"id": "django-1", "structured_turns": steps})

    (tmp_path / "a.log").write_text("one two")
    (tmp_path / "b.log").write_text("three four")

    def ids(**shaping):
        documents, _ = convert(tmp_path, shaping=Shaping(**shaping))
        return [doc["part"]["of"] if "part" in doc else doc["id"] for doc in documents]

    converters.register("words")(Words())
    try:
        plain = ids()
        assert len(set(plain)) == 4
        for shaping in ({"max_output": 100}, {"redact": True}, {"drop_subagents": True}):
            assert ids(**shaping) == plain, shaping
        assert ids(max_steps=1) == [name for name in plain for _ in range(3)]
    finally:
        del converters._items["words"]


def test_the_id_of_its_own_stays_when_the_run_goes_on():
    started = {"type": "bash_command", "command": "make", "call_id": "c1", "started_at": "2026-01-01T00:00:00Z"}
    asked = {"type": "user_message", "content": "Do it"}
    running = {"id": "a", "source": {}, "structured_turns": [asked, started | {"output": None}]}
    ended = {"id": "a", "source": {}, "structured_turns": [asked, started | {"output": "ok", "exit_code": 0}, asked]}
    other = {"id": "a", "source": {}, "structured_turns": [asked, started | {"started_at": "2026-01-01T00:00:01Z"}]}
    endings = [free_ending("a", "a", beginning(doc), {"a"}, {}) for doc in (running, ended, other)]
    assert endings[0] == endings[1] != endings[2]


def test_runs_that_began_alike_are_numbered():
    begun, ids, numbers = "0123456789", [], {}
    places = {"a", "a~01234567-3"}  # somebody's own
    for _ in range(4):
        ids.append("a" + free_ending("a", "a", begun, places, numbers))
        places.add(ids[-1])
    assert ids == ["a~01234567", "a~01234567-2", "a~01234567-4", "a~01234567-5"]


def test_a_file_nobody_recognises_is_named(tmp_path):
    (tmp_path / "notes.md").write_text("# Notes\n")
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "picture.jsonl").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    documents, problems = convert(tmp_path)
    assert documents == []
    known = ", ".join(converters.names())
    assert problems == [
        "empty.jsonl: this is an empty file: no converter reads it",
        f"notes.md: no converter recognises this file; known: {known}",
        "picture.jsonl: this is a picture: no converter reads it",
    ]
    assert convert(tmp_path / "empty.jsonl", format="native")[1] == ["empty.jsonl: holds no trace"]


def test_each_file_goes_to_the_converter_that_recognises_it_and_a_failure_stops_only_its_file(tmp_path, converter):
    (tmp_path / "a.log").write_text("a log")
    (tmp_path / "b.jsonl").write_text(TRACE % "b")
    documents, problems = convert(tmp_path)
    assert [(doc["id"], doc["source"]["format"], doc["source"]["warnings"]) for doc in documents] == [
        ("a.log", "logs", ["1 image"]),
        ("b", "native", []),
    ]
    assert problems == ["a.log: the converter failed: KeyError: 'a record no one imagined'"]


@pytest.mark.parametrize("claims", [True, False])
def test_an_agents_trace_without_steps_is_named_and_left_out(tmp_path, claims):
    class Silent(Converter):
        name, version = "silent", "1"

        def detect(self, source):
            return claims and source.name.endswith(".log")

        def convert(self, source):
            yield Record(3, {"id": "t", "structured_turns": []})

    (tmp_path / "a.log").write_text("x")
    converters.register("silent")(Silent())
    try:
        documents, problems = [], []
        convert_path(tmp_path, format="silent", on_document=documents.append, on_problem=problems.append)
    finally:
        del converters._items["silent"]
    assert documents == []
    assert [str(problem) for problem in problems] == ["a.log:3: the trace 't' has no step; left out"]
    # Of a file that is not of this format it means that nothing was read.
    assert problems[0].is_error is not claims


def test_a_file_that_two_converters_claim_is_a_problem(tmp_path, converter):
    (tmp_path / "a.log").write_text(TRACE % "a")
    assert convert(tmp_path)[1] == [
        "a.log: several converters recognise this file (logs, native): choose one with --format"
    ]


def test_an_unknown_format_and_a_missing_input_are_errors(tmp_path):
    with pytest.raises(UnknownFormat, match=r"no converter 'word' yet; known: .*native"):
        convert(tmp_path, format="word")
    with pytest.raises(FileNotFoundError, match=r"nowhere: no such file or folder"):
        convert(tmp_path / "nowhere")


def test_what_the_receiver_raises_is_not_blamed_on_the_file(tmp_path):
    (tmp_path / "a.jsonl").write_text(TRACE % "a")

    def full(doc):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        convert_path(tmp_path, on_document=full, on_problem=print)


def test_a_file_name_that_is_no_utf8_is_shown_and_stored_with_replacement_characters(tmp_path):
    name = os.fsdecode(b"caf\xe9.jsonl")
    (tmp_path / name).write_text(TRACE % "a" + "oops\n")
    documents, problems = convert(tmp_path)
    assert canonical(documents[0]["source"]["file"]).decode() == '"caf\ufffd.jsonl"'
    assert problems == ["caf\ufffd.jsonl:2: not JSON: Expecting value (column 1)"]


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    (tmp_path / "a.jsonl").write_text(TRACE % "a")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    documents, problems = convert(tmp_path)
    assert [doc["id"] for doc in documents] == ["a"]
    assert problems == [f"{tmp_path}/closed: cannot be read: Permission denied"]


def test_a_record_without_steps_may_have_a_source_of_its_own(tmp_path):
    (tmp_path / "a.json").write_text('{"id": "a", "source": "textbook", "model": {"size": 7}}')
    assert convert(tmp_path, format="native")[0] == [{"id": "a", "source": "textbook", "model": {"size": 7}}]
