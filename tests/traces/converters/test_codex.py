"""Codex sessions: which lines are prompts, what a call's output says, where exact diffs and exit codes come from."""

from __future__ import annotations

import json

import pytest

from tests.left_out import corpus_folder
from tests.traces.patching import patched
from traces.converters.codex import Codex
from traces.jsonl import Problem
from traces.source import Source

META = {"type": "session_meta", "payload": {"id": "s", "cwd": "/w"}}


@pytest.fixture
def source(tmp_path):
    def write(*records: object) -> Source:
        lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
        (tmp_path / "rollout.jsonl").write_text("\n".join(lines), encoding="utf-8")
        return Source(tmp_path / "rollout.jsonl", "rollout.jsonl")

    return write


@pytest.fixture
def document(source):
    def of(*records: object) -> dict:
        found = [item for item in Codex().convert(source(META, *records)) if not isinstance(item, Problem)]
        return found[0].value

    return of


def item(**payload) -> dict:
    return {"timestamp": "2026-01-01T00:00:00Z", "type": "response_item", "payload": payload}


def event(**payload) -> dict:
    return {"timestamp": "2026-01-01T00:00:01Z", "type": "event_msg", "payload": payload}


def user(*texts: str) -> dict:
    return item(type="message", role="user", content=[{"type": "input_text", "text": text} for text in texts])


def shell(command: str, output: object = None, call_id: str = "c") -> list[dict]:
    call = item(type="function_call", name="shell_command", arguments=json.dumps({"command": command}), call_id=call_id)
    return [call] if output is None else [call, item(type="function_call_output", call_id=call_id, output=output)]


@pytest.mark.parametrize(
    "text",
    [
        "<environment_context>\n<cwd>/w</cwd>",
        "<user_instructions>x",
        "# AGENTS.md instructions for /w",
        "<permissions instructions>x",
        "<turn_aborted>x",
        "<recommended_plugins>\nx",
        "<skills_instructions>x",
    ],
)
def test_what_the_program_writes_in_the_users_name_is_no_prompt(document, text):
    doc = document(user(text), user("<b>Fix</b> it"))

    assert [step["type"] for step in doc["structured_turns"]] == ["system", "user_message"]
    assert doc["issue_description"] == "<b>Fix</b> it"


def test_events_that_repeat_the_items_make_no_steps(document):
    repeated = [event(type=kind, message="Hello") for kind in ("user_message", "agent_message", "agent_reasoning")]

    assert len(document(user("Hello"), *repeated)["structured_turns"]) == 1


def test_an_event_we_do_not_know_is_counted(document):
    assert document(user("x"), event(type="news"))["source"]["warnings"] == [
        "1 × events that have no step of their own (news)"
    ]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ('{"output":"a\\n","metadata":{"exit_code":2,"duration_seconds":1.5}}', ("a\n", 2, 1.5)),
        ("Exit code: 0\nWall time: 1.2 seconds\nTotal output lines: 9\nOutput:\na\n", ("a\n", 0, 1.2)),
        ("Chunk ID: 1a\nWall time: 0.5 seconds\nProcess exited with code 7\nOutput:\n", ("", 7, 0.5)),
        ("Wall time: 0.5 seconds\nProcess running with session ID 3\nOutput:\na", ("a", None, 0.5)),
        ("Output:\nas it is", ("Output:\nas it is", None, None)),
        ({"content": "a", "success": True}, ("a", None, None)),
        (None, (None, None, None)),
        (["not", 5], (None, None, None)),
    ],
)
def test_the_wrapping_of_an_output_is_taken_off(document, output, expected):
    (step,) = document(*shell("ls", output))["structured_turns"]

    assert (step["output"], step["exit_code"], step.get("seconds")) == expected


def test_an_output_that_is_json_of_its_own_stays_as_it_is(document):
    assert document(*shell("cat a.json", '{"output": 1}'))["structured_turns"][0]["output"] == '{"output": 1}'


def test_the_event_at_the_end_of_a_command_fills_what_the_item_lacks(document):
    end = event(type="exec_command_end", call_id="c", exit_code=4, aggregated_output="x\n", cwd="/v", duration="1.5s")

    (step,) = document(*shell("ls"), end)["structured_turns"]

    assert (step["output"], step["exit_code"], step["cwd"], step["seconds"]) == ("x\n", 4, "/v", 1.5)


def test_a_patch_that_was_rejected_is_not_applied(document):
    patch = "*** Begin Patch\n*** Add File: a\n+x\n*** End Patch"
    call = item(type="custom_tool_call", name="apply_patch", input=patch, call_id="c")
    doc = document(call, item(type="custom_tool_call_output", call_id="c", output="patch rejected by user"))

    assert doc["structured_turns"][0]["status"] == "rejected"


def test_a_call_that_stands_twice_is_one_step(document):
    doc = document(*shell("ls", "a"), *shell("ls", "a"))

    assert len(doc["structured_turns"]) == 1
    assert len(doc["source"]["warnings"]) == 2


def test_a_bad_line_is_named_and_the_rest_is_kept(source):
    found = list(Codex().convert(source(META, "{oops", user("Go on"))))

    assert [type(one) for one in found] == [Problem, type(found[1])]
    assert found[1].value["issue_description"] == "Go on"


@pytest.mark.parametrize("value", [None, 5, "x", [], [5], {}, {"a": 1}])
def test_wrong_types_anywhere_do_not_raise(document, value):
    keys = ("type", "role", "content", "name", "arguments", "call_id", "output", "action", "summary", "input", "id")
    bases = [user("x"), *shell("ls", "a"), item(type="local_shell_call", action={}), item(type="reasoning")]
    bases += [item(type="custom_tool_call", name="exec", input="tools.apply_patch('*** Begin Patch')", call_id="e")]
    changed = [{**base, "payload": base["payload"] | {key: value}} for base in bases for key in keys]
    events = [
        event(type=kind, call_id="c") | {"payload": {"type": kind, "call_id": "c", key: value}}
        for kind in ("exec_command_end", "patch_apply_end", "token_count", "error")
        for key in ("changes", "command", "exit_code", "duration", "info", "message", "stdout")
    ]
    heads = [{"type": kind, "payload": value} for kind in ("session_meta", "turn_context", "compacted", "event_msg")]
    heads += [{"type": "session_meta", "payload": {key: value}} for key in ("id", "git", "source", "base_instructions")]

    assert document(user("x"), *heads, *changed, *events)["issue_description"] == "x"


@pytest.mark.corpus
def test_the_recorded_changes_of_a_session_fit_each_other_line_by_line():
    """Every diff, applied at its numbers to what the diffs before it made, fits."""
    name = "rollout_codemode_0.144_webdev.jsonl"
    (record,) = Codex().convert(Source(corpus_folder() / "codex" / name, name))
    files: dict[str, str] = {}
    edits = [step for step in record.value["structured_turns"] if "diff" in step]
    for step in edits:
        files[step["path"]] = patched(files.get(step["path"], ""), step["diff"])

    assert len(edits) == 67
    assert not any(step.get("approximate") for step in edits)


@pytest.mark.corpus
def test_the_contents_of_added_files_are_those_of_the_recorded_changes():
    name = "rollout_codemode_0.144_webdev.jsonl"
    source = Source(corpus_folder() / "codex" / name, name)
    (record,) = Codex().convert(source)
    made = {
        step["path"]: patched("", step["diff"])
        for step in record.value["structured_turns"]
        if step["type"] == "file_create"
    }
    changes = [
        (path, change["content"])
        for line in source.records()
        if line.value["payload"].get("type") == "patch_apply_end"
        for path, change in line.value["payload"]["changes"].items()
        if change["type"] == "add"
    ]

    assert len(changes) == len(made) == 64
    for path, content in changes:
        assert made[next(name for name in made if path.endswith(f"/{name}"))] == content


def test_tools_that_were_found_are_the_search_s_output(document):
    search = item(type="tool_search_call", call_id="t", execution="client", arguments={"query": "mail"})
    found = item(type="tool_search_output", call_id="t", status="completed", tools=[{"name": "send_mail"}])
    doc = document(user("go"), search, found)
    assert doc["structured_turns"][-1]["output"] == '[{"name": "send_mail"}]'
    assert doc["source"]["warnings"] == []


def test_a_picture_that_was_made_is_an_image(document):
    made = item(type="image_generation_call", id="i", status="completed", revised_prompt="a cat", result="AAAA")
    step = document(user("go"), made)["structured_turns"][-1]
    assert (step["type"], step["input"]) == ("tool_call", {"revised_prompt": "a cat"})
    assert step["images"] == [{"media_type": "image/png", "data": "AAAA"}]


def test_a_local_shell_s_folder_is_where_it_ran(document):
    action = {"type": "exec", "command": ["bash", "-lc", "ls"], "working_directory": "/b", "timeout_ms": 5}
    step = document(user("go"), item(type="local_shell_call", call_id="l", action=action))["structured_turns"][-1]
    assert (step["command"], step["cwd"], step["input"]) == ("ls", "/b", {"timeout_ms": 5})


def counted(total: int, last: int, **info) -> dict:
    usage = {
        "total_token_usage": {"input_tokens": total, "output_tokens": 1},
        "last_token_usage": {"input_tokens": last},
    }
    return event(type="token_count", info=usage | info)


def test_what_an_answer_took_stands_on_its_first_step(document):
    made = document(
        user("Fix it."),
        item(type="reasoning", summary=[{"type": "summary_text", "text": "Look first."}]),
        *shell("ls", "a.py"),
        counted(10, 10),
        *shell("cat a.py", "1", call_id="d"),
        counted(25, 15),
        counted(25, 15),
        event(type="token_count", info=None),
        user("Go on."),
        item(type="message", role="assistant", content=[{"type": "output_text", "text": "Done."}]),
        counted(45, 20),
    )
    taken = [(step["type"], step["tokens"]["input"]) for step in made["structured_turns"] if "tokens" in step]

    assert taken == [("thinking", 10), ("bash_command", 15), ("assistant_message", 20)]
    assert made["metrics"]["tokens"] == {"input": 45, "output": 1}


def test_an_answer_of_which_nothing_is_shown_leaves_its_tokens_to_no_other(document):
    hidden = item(type="reasoning", summary=[], encrypted_content="x")
    made = document(user("Fix it."), hidden, counted(10, 10), *shell("ls", "a.py"))

    assert [step for step in made["structured_turns"] if "tokens" in step] == []


def completed(**done) -> dict:
    return event(type="item_completed", item=done)


def script(text: str, *printed: str) -> list[dict]:
    parts = [
        {"type": "input_text", "text": one} for one in ("Script completed\nWall time 0.1 seconds\nOutput:\n", *printed)
    ]
    call = item(type="custom_tool_call", name="exec", call_id="c", input=text)
    return [call, item(type="custom_tool_call_output", call_id="c", output=parts)]


def test_a_completed_command_fills_what_its_call_in_a_script_lacks(document):
    call, output = script('text((await tools.exec_command({cmd:"make"})).output)', "broken")
    done = completed(type="CommandExecution", id="x", command=["sh", "-c", "make"], cwd="file:///my%20w", exit_code=2)
    (step,) = document(call, done, output)["structured_turns"]
    assert (step["output"], step["exit_code"], step["cwd"]) == ("broken", 2, "/my w")


def test_a_patch_that_a_script_puts_together_is_what_was_recorded_of_it(document):
    call, output = script("text(await tools.apply_patch(parts.join('')))", "{}")
    changes = {
        "/w/old.py": {"type": "update", "unified_diff": "@@ -1 +1 @@\n-a\n+b\n", "move_path": "/w/new.py"},
        "/w/gone.py": {"type": "delete", "content": "x\n"},
    }
    steps = document(call, completed(type="FileChange", id="x", changes=changes, status="completed"), output)[
        "structured_turns"
    ]
    assert [(step["type"], step["path"], step["status"]) for step in steps] == [
        ("file_edit", "/w/new.py", "ok"), ("file_delete", "/w/gone.py", "ok"),
    ]  # fmt: skip
    assert steps[0]["diff"].startswith("--- a/w/old.py\n+++ b/w/new.py\n@@ -1,1 +1,1 @@\n")


def test_a_command_that_applied_a_patch_from_a_file_has_its_diff(document):
    moved = {"type": "update", "unified_diff": "@@ -1 +1 @@\n-a\n+b\n", "move_path": "/w/new"}
    changes = {"a": {"type": "add", "content": "x\n"}, "/w/old": moved, "b": {"type": "update", "unified_diff": None}}
    end = event(type="patch_apply_end", call_id="c", changes=changes, success=True)
    (step,) = document(*shell("apply_patch < fix.patch", "ok"), end)["structured_turns"]
    assert step["command"] == "apply_patch < fix.patch"
    added = "--- /dev/null\n+++ b/a\n@@ -0,0 +1,1 @@\n+x\n"
    assert step["diff"] == added + "--- /w/old\n+++ /w/new\n@@ -1,1 +1,1 @@\n-a\n+b\n"


FAILED_SCRIPT = [
    item(type="custom_tool_call", name="exec", call_id="f", input="text(await tools.apply_patch(broken))"),
    item(type="custom_tool_call_output", call_id="f", output="Script failed\nOutput:\nno such name"),
]


def test_a_patch_that_was_never_made_has_not_the_changes_of_a_later_one(document):
    call, output = script("text(await tools.apply_patch(parts.join('')))", "{}")
    changes = {"/w/a.py": {"type": "add", "content": "x\n"}}
    done = completed(type="FileChange", id="x", changes=changes, status="completed")
    failed, made = document(*FAILED_SCRIPT, call, done, output)["structured_turns"]
    assert (failed["status"], failed.get("diff")) == ("failed", None)
    assert (made["status"], made["path"], made["seconds"]) == ("ok", "/w/a.py", 0.1)


def test_a_command_that_never_ran_has_not_the_exit_code_of_a_later_one(document):
    denied = item(type="custom_tool_call", name="exec", call_id="f", input='await tools.exec_command({cmd:"make"})')
    said = item(type="custom_tool_call_output", call_id="f", output="Script completed\nOutput:\ndenied")
    call, output = script('text((await tools.exec_command({cmd:"make"})).output)', "fine")
    done = completed(type="CommandExecution", id="x", command="make", exit_code=0)
    assert [step["exit_code"] for step in document(denied, said, call, done, output)["structured_turns"]] == [None, 0]


RUNNING = json.dumps({"output": "…", "chunk_id": "1", "session_id": 5})


@pytest.mark.parametrize(
    "printed",
    [f"Script completed\nOutput:\n{RUNNING}", "Script running with cell ID 7\nWall time 10.0 seconds\nOutput:\n"],
)
def test_a_command_that_ends_behind_its_result_has_its_exit_code(document, printed):
    call, _ = script('text(JSON.stringify(await tools.exec_command({cmd:"make"})))')
    output = item(type="custom_tool_call_output", call_id="c", output=printed)
    done = completed(type="CommandExecution", id="x", command="make", exit_code=2)
    assert [step["exit_code"] for step in document(call, output, done)["structured_turns"]] == [2]


def test_a_script_may_make_any_number_of_patches(document):
    call, output = script("await tools.apply_patch(p)\n" * 30, "{}")
    done = [
        completed(
            type="FileChange", id=f"x{n}", changes={f"/w/{n}": {"type": "add", "content": "x"}}, status="completed"
        )
        for n in range(30)
    ]
    doc = document(call, *done, output)
    assert [step.get("path") for step in doc["structured_turns"]] == [f"/w/{n}" for n in range(30)]


def test_a_recorded_patch_without_its_call_is_counted(document):
    doc = document(user("go"), completed(type="FileChange", id="x", changes={"a": {"type": "add", "content": "x"}}))
    assert doc["source"]["warnings"] == ["1 × patches that no call in the file made"]


@pytest.mark.parametrize("done", [None, "x", {}, {"type": 3}, {"type": "CommandExecution"}, {"type": "FileChange"},
    {"type": "SubAgentActivity", "kind": "started", "id": ["x"], "agent_thread_id": 7},
    {"type": "CommandExecution", "id": {}, "command": 4, "cwd": []},
])  # fmt: skip
def test_a_completed_item_of_another_shape_costs_nothing(document, done):
    doc = document(*shell("ls", "a"), event(type="item_completed", item=done))
    assert [step["command"] for step in doc["structured_turns"]] == ["ls"]


SHELL = "<user_shell_command>\n<command>\n{}\n</command>\n<result>\n{}</result>\n</user_shell_command>"


@pytest.mark.parametrize(
    ("text", "output", "code"),
    [
        (
            SHELL.format("ls", "Exit code: 1\nDuration: 0.5 seconds\nOutput:\nno </result> here\n"),
            "no </result> here",
            1,
        ),
        (SHELL.format("ls", "all of it\n"), "all of it", None),
        ("<user_shell_command><command>ls</command></user_shell_command>", None, None),
        (SHELL.format("ls", "Output:\n</command>\n"), "</command>", None),
    ],
)
def test_a_shell_command_of_the_person_is_a_command(document, text, output, code):
    (step,) = document(user(text))["structured_turns"]
    assert (step["type"], step["by"], step["command"]) == ("bash_command", "user", "ls")
    assert (step["output"], step["exit_code"]) == (output, code)


def test_a_prompt_that_quotes_a_shell_command_of_a_person_is_a_prompt(document):
    text = f"Why does Codex write this?\n\n{SHELL.format('ls', 'a')}\n\nExplain."
    (step,) = document(user(text))["structured_turns"]
    assert (step["type"], step["content"]) == ("user_message", text)


def test_what_a_part_is_said_to_be_counts_more_than_how_it_begins(document):
    message = user("<skill>, please explain this tag", "Nothing of note.")
    kinds = {"content_item_kinds": ["user.text", "apps.note"]}
    message["payload"]["internal_chat_message_metadata_passthrough"] = kinds
    assert [step["type"] for step in document(message)["structured_turns"]] == ["user_message", "system"]


@pytest.mark.parametrize(
    ("turns", "abandoned"), [(1, 1), (2, 2), (99, 2), (0, 0), (-1, 0), ("x", 0), (None, 0)]
)  # fmt: skip
def test_turns_that_a_person_took_back_are_marked(document, turns, abandoned):
    doc = document(user("one"), user("two", "and"), event(type="thread_rolled_back", num_turns=turns), user("three"))
    gone = ["abandoned" in step for step in doc["structured_turns"]]
    assert gone == [abandoned == 2, abandoned > 0, abandoned > 0, False]


def test_taking_back_many_turns_takes_time_by_their_number(document):
    """So many would take hours, were all steps looked at for each."""
    count = 50_000
    doc = document(*[user("x")] * count, *[event(type="thread_rolled_back", num_turns=1)] * (count - 1))
    assert ["abandoned" in step for step in doc["structured_turns"][:2]] == [False, True]


def test_what_agents_tell_each_other_is_no_prompt_and_stands_once(document):
    told = {"author": "/root", "recipient": "/root/a", "content": "Fix it."}
    between = {"type": "inter_agent_communication", "payload": told | {"other_recipients": ["/root/b"]}}
    same = item(type="agent_message", **(told | {"content": [{"text": "Fix it."}], "other_recipients": ["/root/b"]}))
    doc = document(between, same, item(type="agent_message", **(told | {"content": [{"text": "Fix it."}]})))
    assert [step["content"] for step in doc["structured_turns"]] == [
        "/root → /root/a, /root/b:\nFix it.", "/root → /root/a:\nFix it.",
    ]  # fmt: skip
    assert doc["issue_description"] == "Fix it."


def test_what_an_agent_tells_another_twice_stands_twice(document):
    told = {"author": "/root", "recipient": "/root/a", "content": "Go on."}
    both = [{"type": "inter_agent_communication", "payload": told}, item(type="agent_message", **told)]
    assert len(document(*both, *both)["structured_turns"]) == 2


def of_item(kind: str, id: str, type: str, **more: object) -> dict:
    return {"type": f"item.{kind}", "item": {"id": id, "type": type} | more}


THREAD = {"type": "thread.started", "thread_id": "t-1"}


def streamed(source, *records: object) -> list[dict]:
    return [item.value for item in Codex().convert(source(*records)) if not isinstance(item, Problem)]


def test_a_printed_run_has_a_step_for_each_item_as_it_ended(source):
    (doc,) = streamed(
        source, THREAD,
        of_item("started", "1", "command_execution", command="ls", status="in_progress", aggregated_output=""),
        of_item("completed", "1", "command_execution", command="ls", aggregated_output="", exit_code=0),
        of_item("started", "2", "command_execution", command="make", status="in_progress", aggregated_output=""),
        of_item("completed", "3", "command_execution", command="rm -r /", status="declined"),
    )  # fmt: skip
    shown = [
        (step["command"], step["output"], step["exit_code"], step.get("status")) for step in doc["structured_turns"]
    ]
    assert shown == [("ls", "", 0, None), ("make", None, None, None), ("rm -r /", None, None, "rejected")]


def test_an_item_that_was_completed_is_not_begun_anew(source):
    def began(text: str) -> list[dict]:
        return [of_item(kind, "1", "agent_message", text=text) for kind in ("started", "completed")]

    (doc,) = streamed(source, THREAD, *began("one"), *began("two"))
    assert [step["content"] for step in doc["structured_turns"]] == ["one", "two"]


def test_a_printed_run_may_stand_in_a_list(tmp_path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps([THREAD, of_item("completed", "1", "agent_message", text="Done.")]))
    found = Source(path, path.name)
    assert Codex().detect(found)
    (record,) = Codex().convert(found)
    assert record.value["structured_turns"][0]["content"] == "Done."


@pytest.mark.parametrize("odd", [{"type": []}, {"type": {}}, {"type": "turn.completed", "states": 7},
    {"type": "error", "message": "no", "states": []}])  # fmt: skip
def test_odd_records_in_a_printed_run_cost_nothing(source, odd):
    said = of_item("completed", "1", "agent_message", text="Done.")
    Codex().detect(source(odd, THREAD))
    (doc,) = streamed(source, odd, THREAD, odd, said)
    assert doc["structured_turns"][-1]["content"] == "Done."


def test_runs_printed_to_one_file_are_traces_and_one_taken_up_again_is_one(source):
    said = of_item("completed", "item_0", "agent_message", text="one")
    again = of_item("completed", "item_0", "agent_message", text="two")
    docs = streamed(source, THREAD, said, THREAD, again, {"type": "thread.started", "thread_id": "t-2"}, said)
    told = [(doc["id"], [step["content"] for step in doc["structured_turns"]]) for doc in docs]
    assert told == [("t-1", ["one", "two"]), ("t-2", ["one"])]


def test_a_plan_is_a_step_each_time_it_changes(source):
    (doc,) = streamed(
        source, THREAD,
        of_item("started", "1", "todo_list", items=[{"text": "a", "completed": False}]),
        of_item("completed", "2", "agent_message", text="now"),
        of_item("updated", "1", "todo_list", items=[{"text": "a", "completed": True}]),
        of_item("completed", "1", "todo_list", items=[{"text": "a", "completed": True}]),
    )  # fmt: skip
    assert [step["type"] for step in doc["structured_turns"]] == ["plan", "assistant_message", "plan"]


@pytest.mark.parametrize("value", [None, 7, "x", [], {}, [None, 3], {"a": None}])
@pytest.mark.parametrize("type", ["command_execution", "file_change", "mcp_tool_call", "todo_list", "reasoning", "new"])
def test_wrong_types_in_a_printed_run_do_not_raise(source, type, value):
    keys = (
        "command",
        "aggregated_output",
        "exit_code",
        "status",
        "changes",
        "arguments",
        "result",
        "error",
        "items",
        "text",
    )
    item = dict.fromkeys(keys, value)
    streamed(source, THREAD, of_item("started", "1", type, **item), of_item("completed", "1", type, **item))
    streamed(source, THREAD, {"type": "turn.failed", "error": value}, {"type": "turn.completed", "usage": value})
