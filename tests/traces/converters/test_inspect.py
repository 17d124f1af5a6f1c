"""Inspect logs: what is one, references that are followed, and members that cannot be read."""

from __future__ import annotations

import json
import zipfile

import pytest

from tests.left_out import corpus_folder
from traces.converters.inspect import Inspect
from traces.jsonl import Problem, Record
from traces.source import Source
from traces.tooling.inspect_sample import _identity, resolved

EVAL = {"task": "t", "model": "m"}
SAMPLE = {"id": 1, "epoch": 1, "input": "x", "target": "y", "messages": [{"role": "user", "content": "x"}]}
CALL = {"id": "c", "function": "bash", "arguments": {"cmd": "ls"}}
ASKS = {"role": "assistant", "content": "", "tool_calls": [CALL]}


@pytest.fixture
def source(tmp_path):
    def write(value: object, name: str = "log.json") -> Source:
        (tmp_path / name).write_text(json.dumps(value), encoding="utf-8")
        return Source(tmp_path / name, name)

    return write


@pytest.fixture
def archive(tmp_path):
    def write(members: dict[str, str]) -> Source:
        with zipfile.ZipFile(tmp_path / "log.eval", "w", zipfile.ZIP_DEFLATED) as out:
            for name, text in members.items():
                out.writestr(name, text)
        return Source(tmp_path / "log.eval", "log.eval")

    return write


@pytest.fixture
def document(source):
    def of(**sample) -> dict:
        (record,) = Inspect().convert(source({"version": 2, "eval": EVAL, "samples": [SAMPLE | sample]}))
        assert isinstance(record, Record)
        return record.value

    return of


def test_it_claims_logs_single_samples_and_archives(source, archive):
    head = {"version": 2, "eval": EVAL}
    for one in (source(head | {"samples": []}), source(SAMPLE), archive({"header.json": json.dumps(head)})):
        assert Inspect().detect(one)


@pytest.mark.parametrize("value", [{"eval": EVAL}, {"version": 1, "eval": "x"}, {"id": 1, "messages": []}, [SAMPLE]])
def test_it_leaves_the_files_of_others_alone(source, value):
    assert not Inspect().detect(source(value))


def test_another_archive_is_none_of_its_files(archive):
    assert not Inspect().detect(archive({"a.json": "{}"}))


def test_an_attachment_is_put_where_it_is_named_however_deep():
    key = "a" * 32
    value = {"a": [f"see attachment://{key}!", {"b": f"attachment://{key}"}], "c": f"attachment://{'b' * 32}"}

    assert resolved(value, {key: "text"}) == {"a": ["see text!", {"b": "text"}], "c": f"attachment://{'b' * 32}"}


def test_an_exit_code_is_that_of_the_command_in_the_calls_own_time(document):
    events = [
        {"event": "tool", "id": "c", "timestamp": "1", "completed": "3"},
        {"event": "sandbox", "action": "exec", "cmd": "bash -c ls", "result": 2, "timestamp": "2"},
        {"event": "sandbox", "action": "exec", "cmd": "bash -c ls", "result": 0, "timestamp": "4"},
    ]
    (step,) = document(messages=[ASKS], events=events)["structured_turns"]

    assert (step["exit_code"], step["output"], step["started_at"]) == (2, None, "1")


def test_an_exit_code_is_null_where_several_commands_ran_for_a_call(document):
    events = [{"event": "tool", "id": "c"}]
    events += [{"event": "sandbox", "action": "exec", "cmd": cmd, "result": 0} for cmd in ("test -f x", "cat x")]

    assert document(messages=[ASKS], events=events)["structured_turns"][0]["exit_code"] is None


def test_what_is_said_of_a_failure_stays_beside_the_output(document):
    result = {"role": "tool", "tool_call_id": "c", "content": "half", "error": {"type": "limit", "message": "too long"}}
    (step,) = document(messages=[ASKS, result])["structured_turns"]

    assert (step["output"], step["error"], step["status"]) == ("half", "too long", "failed")


def test_a_damaged_member_is_named_and_the_others_are_kept(archive):
    source = archive({"header.json": "{}", "samples/a_epoch_1.json": "[", "samples/b_epoch_1.json": json.dumps(SAMPLE)})
    found = list(Inspect().convert(source))

    assert [type(one) for one in found] == [Problem, Record]
    assert found[0].field == "samples/a_epoch_1.json"


@pytest.mark.parametrize("value", [None, 5, "x", [], [5], {}, {"a": 1}, [{"event": "tool"}], [{"event": "model"}]])
def test_wrong_types_anywhere_do_not_raise(source, value):
    keys = ("id", "input", "target", "events", "attachments", "message_pool", "scores", "metadata", "error", "limit")
    keys += ("error_retries", "model_usage", "total_time", "transcript", "uuid", "messages", "epoch")
    samples = [SAMPLE | {key: value} for key in keys]
    samples += [
        SAMPLE | {"messages": [ASKS | {"content": [{"type": kind, "image": value, "reasoning": value}]}]}
        for kind in ("image", "reasoning", "tool_use", "data")
    ]
    log = {"version": 2, "eval": EVAL, "samples": samples}

    assert all(isinstance(one, Record) for one in Inspect().convert(source(log)))
    assert all(isinstance(one, Record) for one in Inspect().convert(source(log | {"eval": value, "plan": value})))


@pytest.mark.corpus
def test_no_attachment_of_a_real_log_stays_unresolved():
    for path in sorted((corpus_folder() / "inspect").iterdir()):
        for record in Inspect().convert(Source(path, path.name)):
            assert isinstance(record, Record)
            assert "attachment://" not in json.dumps(record.value)


def test_an_answer_of_an_old_log_without_ids_is_known_by_what_was_said(document):
    said = {"role": "assistant", "content": "Half of it."}
    answered = {"event": "model", "timestamp": "1", "output": {"choices": [{"message": said}], "usage": USAGE}}
    made = document(messages=[{"role": "user", "content": "Half of it."}, said], events=[answered])
    asked, answer = made["structured_turns"]

    assert "tokens" not in asked
    assert answer["tokens"] == {"input": 61, "output": 17, "cache_read": 3, "thinking": 2}


def test_answers_that_say_the_same_have_each_their_own_measures(document):
    said = {"role": "assistant", "content": "ok \ud83d"}
    deep: object = "x"
    for _ in range(2000):
        deep = [deep]
    answered = [
        {
            "event": "model",
            "timestamp": time,
            "output": {"choices": [{"message": said}], "usage": {"input_tokens": count}},
        }
        for time, count in (("1", 5), ("2", 7))
    ]
    odd = {"role": "assistant", "content": "deep", "tool_calls": [deep]}
    made = document(messages=[said, {"role": "user", "content": "\ud83d"}, said, said], events=answered)
    assert [step.get("tokens") for step in made["structured_turns"]] == [{"input": 5}, None, {"input": 7}, None]
    assert _identity(odd) == ""


USAGE = {
    "input_tokens": 61,
    "output_tokens": 17,
    "total_tokens": 78,
    "input_tokens_cache_read": 3,
    "reasoning_tokens": 2,
}


def test_a_sample_that_is_numbered_is_another_issue_in_every_task(document):
    assert document(id=1)["issue_id"] == document(id="1")["issue_id"] == "t/1"
    named = document(id="django__django-11848")
    assert (named["instance_id"], "issue_id" in named) == ("django__django-11848", False)
