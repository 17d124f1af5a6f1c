import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from potato_site.canonical import canonical, loads
from traces import document
from traces.document import CALL_TYPES, STEP_TYPES, DocumentError, issue_key, normalize, sha256, step_texts, title

# Every code point: NUL and lone surrogates, too.
TEXT = st.text(st.characters(exclude_categories=()), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)
KNOWN = sorted({*document.STEP_KEYS, "input"})
STEPS = st.fixed_dictionaries(
    {"type": st.sampled_from(sorted(STEP_TYPES))}, optional={key: st.none() | TEXT | JSON for key in KNOWN}
)
RECORDS = st.dictionaries(TEXT, JSON, max_size=3) | st.fixed_dictionaries(
    {"id": st.integers() | TEXT},
    optional={
        "issue_description": TEXT,
        "issue_id": TEXT | st.integers(),
        "structured_turns": st.lists(STEPS, max_size=4) | JSON,
        "repo": JSON,
        "source": JSON,
        "extra": JSON,
    },
)


def problems(record):
    with pytest.raises(DocumentError) as caught:
        normalize(record)
    return dict(caught.value.problems)


def one_step(**keys):
    return {"id": "t", "structured_turns": [{"type": "bash_command", **keys}]}


@given(RECORDS)
def test_any_object_is_refused_or_becomes_a_document_equal_to_its_own_normal_form(record):
    before = copy.deepcopy(record)
    try:
        doc = normalize(record)
    except DocumentError:
        return
    finally:
        assert repr(record) == repr(before)
    assert normalize(doc) == doc
    assert loads(canonical(doc)) == doc
    assert sha256(doc) == sha256(normalize(doc))
    text = "".join([title(doc), issue_key(doc), *step_texts(doc.get("structured_turns", []))])
    assert "\0" not in text
    assert text.encode()


def test_the_guide_s_own_trace_is_a_document():
    step = {"step_idx": 0, "type": "thinking", "content": "I need to understand parse_config first."}
    record = {"id": "trace_001", "issue_description": "Fix it", "structured_turns": [step]}
    assert normalize(record) == record


def test_missing_step_numbers_are_filled_in():
    doc = normalize({"id": 7, "structured_turns": [{"type": "system"}, {"type": "error", "step_idx": 1}]})
    assert doc["id"] == "7"
    assert [step["step_idx"] for step in doc["structured_turns"]] == [0, 1]


@pytest.mark.parametrize("index", [1, -1, "0", 0.0, True])
def test_a_wrong_step_number_is_named(index):
    assert "must be 0" in problems(one_step(step_idx=index))["structured_turns[0].step_idx"]


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (["a list"], ""),
        ({}, "id"),
        ({"id": None}, "id"),
        ({"id": "  "}, "id"),
        ({"id": True}, "id"),
        ({"id": 1.5}, "id"),
        ({"id": "x" * 256}, "id"),
        ({"id": 10**5000}, "id"),
        ({"id": "t", "issue_description": 3}, "issue_description"),
        ({"id": "t", "issue_id": "x" * 256}, "issue_id"),
        ({"id": "t", "structured_turns": [], "agent": 3}, "agent"),
        ({"id": "t", "structured_turns": [], "source": "a.jsonl"}, "source"),
        ({"id": "t", "score": float("nan")}, "score"),
        ({"id": "t", "score": [float("inf")]}, "score"),
        ({"id": "t", "structured_turns": None}, "structured_turns"),
        ({"id": "t", "structured_turns": {"0": {}}}, "structured_turns"),
        ({"id": "t", "structured_turns": ["text"]}, "structured_turns[0]"),
        ({"id": "t", "structured_turns": [{"content": "x"}]}, "structured_turns[0].type"),
        (one_step(type="file_reed"), "structured_turns[0].type"),
        (one_step(type=["bash_command"]), "structured_turns[0].type"),
        (one_step(content=3), "structured_turns[0].content"),
        (one_step(output=["a"]), "structured_turns[0].output"),
        (one_step(exit_code="0"), "structured_turns[0].exit_code"),
        (one_step(exit_code=True), "structured_turns[0].exit_code"),
        (one_step(exit_code=0.0), "structured_turns[0].exit_code"),
        (one_step(status="fine"), "structured_turns[0].status"),
        (one_step(status=[]), "structured_turns[0].status"),
        (one_step(parent=0), "structured_turns[0].parent"),
        (one_step(images={}), "structured_turns[0].images"),
        (one_step(note=float("nan")), "structured_turns[0].note"),
    ],
)
def test_the_bad_field_is_named(record, field):
    assert field in problems(record)


def test_all_mistakes_are_named_at_once_but_not_without_end():
    found = problems({"structured_turns": [{"type": "x"}, {"type": "system", "content": 1}]})
    assert list(found) == ["id", "structured_turns[0].type", "structured_turns[1].content"]
    assert len(problems({"id": "t", "structured_turns": [{}] * 1000})) == document.MAX_PROBLEMS


def test_a_hostile_type_is_shown_escaped():
    message = problems(one_step(type="\x1b[2J<script>"))["structured_turns[0].type"]
    assert "\x1b" not in message
    assert "\\x1b[2J<script>" in message


def test_nesting_ends_at_the_limit():
    value: list = []
    for _ in range(document.MAX_DEPTH - 2):
        value = [value]
    assert normalize({"id": "t", "x": value})["x"] == value
    assert "deeper" in problems({"id": "t", "x": [value]})["x"]
    for _ in range(5000):
        value = [value]
    assert "deeper" in problems({"id": "t", "x": value})["x"]


def test_nul_and_lone_surrogates_become_the_replacement_character_in_values_and_keys():
    doc = normalize({"id": "a\0", "k\ud800": ["\udfff", {"\0": "é\0"}], "😀": "😀"})
    assert doc == {"id": "a\ufffd", "k\ufffd": ["\ufffd", {"\ufffd": "é\ufffd"}], "😀": "😀"}


def test_unknown_keys_images_and_records_without_steps_are_kept():
    record = {"id": "item-1", "text": "Write merge", "steps": "Step 1", "test_output": None, "images": ["a.png"]}
    assert normalize(record) == record


@pytest.mark.parametrize("kind", sorted(CALL_TYPES))
def test_the_structured_output_of_a_call_becomes_its_json_text(kind):
    step = normalize(one_step(type=kind, output={"b": 1, "a": [2]}))["structured_turns"][0]
    assert step["output"] == '{"a":[2],"b":1}'


def test_attempts_at_one_issue_share_a_key():
    text = {"repo": "r", "base_commit": "c", "issue_description": "Fix\n it "}
    assert issue_key({"id": "1", "issue_id": "i", "instance_id": "n"}) == "i"
    assert issue_key({"id": "1", "instance_id": "n"}) == "n"
    assert issue_key({"id": "1", **text}) == issue_key({"id": "2", **text, "issue_description": " Fix it"})
    assert issue_key({"id": "1", **text}) != issue_key({"id": "1", **text, "repo": "s"})
    assert issue_key({"id": "1"}).startswith("sha256:")


def test_documents_that_name_no_issue_are_attempts_at_none():
    where = {"repo": "r", "base_commit": "c", "issue_description": " \n"}
    assert issue_key({"id": "1", **where}) != issue_key({"id": "2", **where})
    assert issue_key({"id": "1"}) == issue_key({"id": "1", **where})


def test_the_title_is_the_first_line_that_says_something():
    assert title({"issue_description": "\n\n  Fix the parser  \nmore"}) == "Fix the parser"
    assert title({"issue_description": None}) == title({}) == ""
    assert len(title({"issue_description": "x" * 900})) == document.MAX_TITLE


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ({"type": "thinking", "content": "hm"}, "hm"),
        ({"type": "thinking"}, ""),
        ({"type": "bash_command", "command": "ls", "output": "a\n"}, "$ ls\na\n"),
        ({"type": "bash_command", "command": "ls", "output": None}, "$ ls"),
        ({"type": "file_read", "path": "a.py", "content": "x = 1"}, "a.py\nx = 1"),
        ({"type": "file_edit", "path": "a.py", "diff": "--- a\n", "content": "x"}, "a.py\n--- a\n"),
        ({"type": "file_create", "path": "a.py", "content": "x"}, "a.py\nx"),
        ({"type": "file_delete", "path": "a.py"}, "a.py"),
        ({"type": "search", "name": "grep", "input": {"b": 1, "a": 2}, "output": "hit"}, 'grep\n{"a":2,"b":1}\nhit'),
        ({"type": "tool_call", "name": "now"}, "now"),
    ],
)
def test_a_step_as_text(step, text):
    assert step_texts([step]) == [text]
