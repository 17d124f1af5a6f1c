"""Messages API files: which requests are one conversation, which result is which call's, and what is not ours."""

from __future__ import annotations

import time

import pytest

from tests.traces.converters.written import written
from traces.convert import convert_path
from traces.converters.anthropic_messages import AnthropicMessages


@pytest.fixture
def source(tmp_path):
    return lambda value, name="log.json": written(tmp_path, value, name)


@pytest.fixture
def docs(source):
    def of(value: object, name: str = "log.json") -> list[dict]:
        return [found.value for found in AnthropicMessages().convert(source(value, name))]

    return of


def user(*blocks: dict | str) -> dict:
    return {"role": "user", "content": [block if isinstance(block, dict) else text(block) for block in blocks]}


def model(*blocks: dict | str) -> dict:
    return user(*blocks) | {"role": "assistant"}


def text(value: str) -> dict:
    return {"type": "text", "text": value}


def call(id: str, name: str = "Bash", **given: object) -> dict:
    return {"type": "tool_use", "id": id, "name": name, "input": given or {"command": id}}


def result(id: str, content: object = "ok", **more: object) -> dict:
    return {"type": "tool_result", "tool_use_id": id, "content": content} | more


def request(*messages: dict, **answer: object) -> dict:
    body = {"model": "m", "messages": list(messages)}
    return {"request": {"body": body}, "response": {"body": answer} if answer else {}}


def contents(doc: dict) -> list:
    return [step.get("content", step.get("command")) for step in doc["structured_turns"]]


def test_records_with_ids_of_their_own_are_runs_whatever_they_share(docs):
    said = [user("go"), model("one")]
    runs = [{"id": f"run{n}", "messages": said} for n in (1, 2)] + [{"id": 3, "messages": [*said, user("on")]}]
    made = docs(runs)
    assert [doc["id"] for doc in made] == ["run1", "run2", "3"]
    assert [len(doc["structured_turns"]) for doc in made] == [2, 2, 3]
    assert all(not doc["source"]["warnings"] for doc in made)
    again = docs([{"id": "run1", "messages": said[:1]}, {"id": "run1", "messages": said}])
    assert [(doc["id"], len(doc["structured_turns"])) for doc in again] == [("run1", 2)]


def logged(id: str | None, said: list[dict], answer: str | None = None, shape: str = "request") -> dict:
    """A record of one request with an id, as proxies write them."""
    beside = {"id": id} if id else {}
    if shape == "messages":
        return beside | {"messages": said} | ({"response": response(answer)} if answer else {})
    return beside | {"request": {"messages": said}} | ({"response": response(answer)} if answer else {})


def response(answer: str) -> dict:
    thought = {"type": "thinking", "thinking": "hm", "signature": "x"}
    return {"type": "message", "role": "assistant", "content": [thought, text(answer) | {"citations": None}]}


def growing(count: int, start: str = "go") -> list[list[dict]]:
    """The messages of so many requests, each with the one before and its answer ("answer 0" …)."""
    said = [user(start)]
    for number in range(count - 1):
        said += [model(f"answer {number}"), user(f"more {number}")]
    return [said[: 2 * number + 1] for number in range(count)]


@pytest.mark.parametrize("shape", ["request", "messages"])
@pytest.mark.parametrize("is_answered", [True, False])
@pytest.mark.parametrize("order", [[0, 1, 2, 3], [0, 2, 1, 3], [3, 2, 1, 0]])
def test_requests_with_ids_of_their_own_that_go_on_from_an_answer_are_one_trace(docs, shape, is_answered, order):
    log = [
        logged(f"req_{number}", said, f"answer {number}" if is_answered else None, shape)
        for number, said in enumerate(growing(4))
    ]
    (doc,) = docs([log[number] for number in order], "log.jsonl")
    assert doc["id"] == f"req_{order[0]}"
    assert [step["content"] for step in doc["structured_turns"] if step["type"] != "thinking"] == [
        "go", "answer 0", "more 0", "answer 1", "more 1", "answer 2", "more 2", *["answer 3"] * is_answered,
    ]  # fmt: skip


@pytest.mark.parametrize("shape", ["request", "messages"])
def test_the_same_request_with_two_ids_is_two_runs(docs, shape):
    said, more = growing(2)
    other = [said[0], model("B did it"), user("more 0")]
    made = docs([logged("run-a", said, "A did it", shape), logged("run-b", said, "B did it", shape)])
    assert [doc["id"] for doc in made] == ["run-a", "run-b"]
    assert [contents(doc)[-1] for doc in made] == ["A did it", "B did it"]
    runs = [("run-a", said, "answer 0"), ("run-b", said, "B did it"), ("run-a", more, "A 2"), ("run-b", other, "B 2")]
    made = docs([logged(*run, shape) for run in runs])
    assert [(doc["id"], contents(doc)[-1]) for doc in made] == [("run-a", "A 2"), ("run-b", "B 2")]
    runs = [("run-a", said, "answer 0"), ("run-b", said, "answer 0"), ("run-a", more, "A 2"), ("run-b", more, "B 2")]
    made = docs([logged(*run, shape) for run in runs])
    assert [(doc["id"], contents(doc)[-1]) for doc in made] == [("run-a", "A 2"), ("run-b", "B 2")]


def test_what_stands_beside_a_request_is_the_run_s(docs):
    about = {"instance_id": "acme__tally-7", "base_commit": "4bdca95"}
    (doc,) = docs(about | logged(None, growing(1)[0], "done"))
    assert {key: doc[key] for key in about} == about
    assert (doc["id"], doc["repo"]) == ("acme__tally-7", "acme/tally")


def test_requests_that_go_on_from_each_other_are_one_trace(docs):
    first, second = user("go"), user("further")
    marked = {"role": "user", "content": [text("go") | {"cache_control": {"type": "ephemeral"}}]}
    log = [
        request(marked, role="assistant", type="message", content=[text("one")], usage={"input_tokens": 3}),
        request(first, model("one"), second, role="assistant", type="message", content=[text("two")]),
    ]
    (doc,) = docs(log, "log.jsonl")
    assert contents(doc) == ["go", "one", "further", "two"]
    assert doc["metrics"]["tokens"] == {"input": 3}


def test_a_request_that_goes_another_way_is_a_trace_of_its_own(docs):
    log = [
        request(user("go"), model("left"), user("on")),
        request(user("go"), model("right"), user("on")),
        request(user("a title, please")),
        request(user("go"), model("left"), user("on"), model("done")),
    ]
    found = docs(log, "log.jsonl")
    assert [contents(doc)[1:2] for doc in found] == [["left"], ["right"], []]
    assert [doc["id"] for doc in found] == ["log-1", "log-2", "log-3"]
    assert contents(found[0])[-1] == "done"


def test_a_request_sent_again_is_counted(docs):
    once = request(user("go"), type="message", content=[text("yes")])
    (doc,) = docs([once, once, once], "log.jsonl")
    assert contents(doc) == ["go", "yes"]
    assert doc["source"]["warnings"] == ["2 × requests repeated"]


def test_results_of_one_message_go_to_their_calls_and_its_text_is_a_person_s(docs):
    (doc,) = docs(
        {"messages": [user("go"), model(call("a"), call("b")), user(result("b", "B"), result("a", "A"), "more")]}
    )
    shown = [(step["command"], step["output"]) for step in doc["structured_turns"] if step["type"] == "bash_command"]
    assert shown == [("a", "A"), ("b", "B")]
    assert [step["type"] for step in doc["structured_turns"]][-1] == "user_message"


def test_an_id_that_stands_twice_is_two_calls_in_order(docs):
    messages = [user("go"), model(call("a")), user(result("a", "1")), model(call("a")), user(result("a", "2"))]
    (doc,) = docs({"messages": messages})
    shown = [(step["call_id"], step["output"]) for step in doc["structured_turns"] if "call_id" in step]
    assert shown == [("a", "1"), ("a~2", "2")]


@pytest.mark.parametrize(("given", "output"), [({}, ""), ({"content": None}, ""), ({"content": []}, "")])
def test_a_result_without_content_is_an_empty_success(docs, given, output):
    block = {"type": "tool_result", "tool_use_id": "a"} | given
    (doc,) = docs({"messages": [user("go"), model(call("a")), user(block)]})
    step = doc["structured_turns"][-1]
    assert (step["output"], step["status"]) == (output, "ok")


def test_edits_have_true_numbers_from_what_was_read_before(docs):
    listing = "     7\ta\n     8\tb\n"
    (doc,) = docs(
        {
            "messages": [
                user("go"),
                model(call("a", "Read", file_path="f", offset=7)),
                user(result("a", listing)),
                model(call("b", "Edit", file_path="f", old_string="b", new_string="c")),
                user(result("b", "The file f has been updated.")),
            ]
        }
    )
    step = doc["structured_turns"][-1]
    assert "@@ -7,2 +7,2 @@\n a\n-b\n+c\n" in step["diff"]
    assert "approximate" not in step


def test_several_images_and_texts_are_one_prompt(docs):
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    (doc,) = docs({"messages": [user("look", image, "closely", image)]})
    (step,) = doc["structured_turns"]
    assert step["content"] == "look\nclosely"
    assert step["images"] == [{"media_type": "image/png", "data": "AAAA"}] * 2


def test_parts_that_cannot_be_shown_are_counted(docs):
    pdf = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}}
    link = {"type": "image", "source": {"type": "url", "url": "https://example.org/x.png"}}
    (doc,) = docs({"messages": [user("look", pdf, link), model({"type": "redacted_thinking", "data": "x"}, call("a"))]})
    assert doc["source"]["warnings"] == [
        "1 × encrypted thinking",
        "1 × parts of a message that are no text (document)",
        "1 × parts of a message that are no text (image)",
    ]


@pytest.mark.parametrize(
    "value",
    [
        {"messages": [user("a", call("x")), 7, {"role": 7}, {"role": "tool", "content": {}}]},
        {
            "messages": [
                {"role": "assistant", "content": [7, None, {"type": None}, {"type": "tool_use"}]},
                user(call("x")),
            ]
        },
        {"messages": [model(call("x") | {"input": "no object", "id": 9}), user(result(9, {"type": "text"}))]},
        {"request": {"messages": [user("a")], "tools": 7, "system": 8}, "response": {"content": 9, "usage": [1]}},
        {
            "request": {"body": '{"messages": [{"role": "user", "content": "text"}]}'},
            "response": {"body_raw": "data: {"},
        },
    ],
)
def test_wrong_types_never_cost_the_rest(docs, value):
    (doc,) = docs(value)
    assert all(step["type"] for step in doc["structured_turns"])


@pytest.mark.parametrize(
    "value",
    [
        {"messages": [{"role": "user", "content": "plain"}, {"role": "assistant", "content": "plain"}]},
        {"messages": [user("a"), model("b") | {"tool_calls": [{"id": "1"}]}]},
        {"messages": [user("a")], "tools": [{"type": "function", "function": {"name": "x"}}]},
        {"messages": [user("a")], "response": {"choices": []}},
        {"messages": [user("a")], "trajectory_format": "mini-swe-agent-1.1"},
        {"messages": [user("a"), {"role": "tool", "tool_call_id": "1", "content": "x"}]},
        [{"role": "user", "parts": [{"text": "x"}]}],
        {"role": "user", "uuid": "1", "message": {"content": []}},
        {"messages": []},
        [1, 2],
    ],
)
def test_other_formats_are_not_claimed(source, value):
    assert not AnthropicMessages().detect(source(value))


@pytest.mark.parametrize(
    "value",
    [
        {"messages": [user("a"), model(call("1"))]},
        {"messages": [user("a")]},
        [user("a"), model("b")],
        request(user("a"), type="message", content=[text("b")]),
        {"request": {"messages": [{"role": "user", "content": "a"}]}, "response": {"type": "message", "content": []}},
        {"type": "message", "role": "assistant", "content": [call("1")]},
    ],
)
def test_its_own_files_are_claimed(source, value):
    assert AnthropicMessages().detect(source(value))


def test_the_format_claude_code_takes_them_too(source, tmp_path):
    source({"messages": [user("a"), model(call("1"))]})
    found: list[dict] = []
    convert_path(tmp_path, format="claude_code", on_document=found.append, on_problem=pytest.fail)
    assert [doc["source"]["format"] for doc in found] == ["anthropic_messages"]


@pytest.mark.parametrize("ids", [True, False])
def test_many_runs_that_begin_alike_take_time_in_proportion_to_their_number(docs, ids):
    said = [[user("go"), model(f"answer {number}"), user("on")] for number in range(4000)]
    began = time.process_time()
    made = docs([{"messages": messages} | ({"id": str(id)} if ids else {}) for id, messages in enumerate(said)])
    assert len(made) == 4000
    assert time.process_time() - began < 2
    assert len(docs([logged(str(number), said[0][:1], f"answer {number}") for number in range(4000)])) == 4000
    assert time.process_time() - began < 4


def test_a_log_of_growing_requests_takes_time_in_proportion_to_it(docs):
    messages = [user("go"), *(model(f"answer {n}") for n in range(400))]
    log = [request(*messages[:n]) for n in range(1, 400)]
    began = time.process_time()
    (doc,) = docs(log, "log.jsonl")
    assert len(doc["structured_turns"]) == 399
    assert time.process_time() - began < 5
