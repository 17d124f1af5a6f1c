"""What is done to documents on request, and that it is counted and shown."""

import time
from collections import Counter

import pytest

from traces.document import normalize
from traces.redaction import redact_text
from traces.shaping import Shaping


def make_doc(*steps, **fields):
    steps = [{"type": "system", "content": "x"} | step for step in steps]
    return normalize({"id": "t", "source": {"format": "f", "warnings": ["old"]}, "structured_turns": steps} | fields)


def shape(doc, **options):
    """[(document, counts)]; every document is still one."""
    found = list(Shaping(**options).apply(doc))
    for shaped, _ in found:
        assert normalize(shaped) == shaped
    return found


def test_without_a_request_nothing_changes():
    doc = make_doc({"output": "me@example.org " * 100, "type": "bash_command"})
    assert shape(doc) == [(doc, Counter())]


# The secrets are put together here, so that no scanner of this repository finds one.
SECRETS = {
    "API key": ["sk-" + "ant-api03-" + "a1B2" * 12, "sk-" + "proj-" + "x9" * 20, "AK" + "IA" + "ABCDEFGH12345678"],
    "token": [
        "gh" + "p_" + "a1" * 18,
        "xox" + "b-123456789012-abcdef",
        "ey" + "J" + "a" * 20 + ".ey" + "J" + "b" * 20 + "." + "c" * 20,
    ],
    "bearer token": ["0123456789abcdef0123456789"],
    "private key": ["-----BEGIN RSA PRIVATE " + "KEY-----\nMIIabc+/=\n-----END RSA PRIVATE " + "KEY-----"],
    "named secret": ["correct-horse-battery"],
    "e-mail address": ["jane.doe+x@mail.example.org"],
}
BEFORE = {"bearer token": "Authorization: Bearer ", "named secret": "DB_PASSWORD="}


@pytest.mark.parametrize(("kind", "secret"), [(kind, secret) for kind, found in SECRETS.items() for secret in found])
def test_a_secret_is_replaced_and_counted(kind, secret):
    before = BEFORE.get(kind, "")
    counts = Counter()
    assert redact_text(f"see {before}{secret} and on", counts) == f"see {before}[redacted {kind}] and on"
    assert counts == {kind: 1}


@pytest.mark.parametrize(
    "text",
    ["task-sk-learn", "@pytest.mark.skip", "git@", "a @ b", "sk-short", "user@localhost", "password=", "eyJhbGci"],
)
def test_what_only_looks_like_a_secret_stays(text):
    counts = Counter()
    assert redact_text(text, counts) == text
    assert not counts


@pytest.mark.parametrize(
    "piece", ["a@", "a.b@c.", "-----BEGIN PRIVATE KEY-----", "sk-", "eyJ" + "a" * 10 + ".", "x.", "@a."]
)
def test_redacting_takes_time_in_proportion(piece):
    start = time.process_time()
    redact_text(piece * (400_000 // len(piece)), Counter())
    assert time.process_time() - start < 2


def test_redaction_reaches_every_text_but_ids_and_pictures_and_is_told_in_the_document():
    mail = "a@example.org"
    doc = make_doc({"content": mail, "call_id": mail, "tokens": {mail: [mail]}, "images": [{"data": mail}]}, repo=mail)
    ((shaped, counts),) = shape(doc | {"id": mail}, redact=True)
    step = shaped["structured_turns"][0]
    hidden = "[redacted e-mail address]"
    assert (shaped["id"], shaped["repo"], step["content"], step["call_id"]) == (mail, hidden, hidden, mail)
    assert (step["tokens"], step["images"]) == ({hidden: [hidden]}, [{"data": mail}])
    assert counts == {"e-mail address redacted": 4}
    assert shaped["source"]["warnings"] == ["old", "4 × e-mail address redacted"]


def test_a_long_output_is_cut_in_its_middle_and_says_so():
    doc = make_doc({"type": "bash_command", "output": "a" * 60 + "b" * 60, "command": "c" * 500}, {"content": "y" * 31})
    ((shaped, counts),) = shape(doc, max_output=30)
    first, second = shaped["structured_turns"]
    assert first["output"] == "a" * 20 + "\n[… 90 characters cut …]\n" + "b" * 10
    assert (first["cut"], len(first["command"])) == ({"output": 120}, 500)
    assert second["cut"] == {"content": 31}
    assert counts == {"long output cut": 2}


def test_sub_agents_are_dropped_nested_or_apart():
    nested = make_doc({"type": "subagent"}, {"parent": 0}, {"parent": 0}, {"content": "after"})
    ((shaped, counts),) = shape(nested, drop_subagents=True)
    assert [step["type"] for step in shaped["structured_turns"]] == ["subagent", "system"]
    assert counts == {"step of a sub-agent left out": 2}
    assert shape(make_doc({}, subagent_of="t"), drop_subagents=True) == []


def test_a_long_trace_is_split_into_linked_parts():
    doc = make_doc(
        *({"content": str(n)} for n in range(4)), {"parent": 3}, {"parent": 1}, {}, instance_id="i", outcome="good"
    )
    parts = [part for part, _ in shape(doc, max_steps=3)]
    assert [part["id"] for part in parts] == ["t~part1", "t~part2", "t~part3"]
    assert [len(part["structured_turns"]) for part in parts] == [3, 3, 1]
    assert [part.get("outcome") for part in parts] == [None, None, "good"]
    assert {part["instance_id"] for part in parts} == {"i"}
    assert [part["issue_id"] for part in parts] == ["i~part1", "i~part2", "i~part3"]
    assert parts[1]["part"] == {
        "of": "t", "number": 2, "parts": 3, "first_step": 3, "previous": "t~part1", "next": "t~part3",
    }  # fmt: skip
    near, far = parts[1]["structured_turns"][1:]
    assert near["parent"] == 0
    assert (far["parent"], far["parent_in_whole"]) == (None, 1)


def test_a_part_tells_what_was_changed_in_its_own_steps():
    long, mail = "x" * 50, "a@example.org"
    doc = make_doc({"content": long}, {"content": mail}, {}, {"parent": 0}, {"content": long}, repo=mail)
    parts = shape(doc, drop_subagents=True, redact=True, max_output=30, max_steps=1)
    assert [counts for _, counts in parts] == [
        {"step of a sub-agent left out": 1, "e-mail address redacted": 1, "long output cut": 1},
        {"e-mail address redacted": 1},
        {},
        {"long output cut": 1},
    ]
    warnings = [part["source"]["warnings"][1:] for part, _ in parts]
    assert warnings == [[f"1 × {what}" for what in counts] for _, counts in parts]


def test_an_issue_is_named_where_the_source_names_none():
    """The source says no less of itself for it, and a sub-agent had another task."""
    doc = make_doc({}, {}, {})
    ((shaped, counts),) = shape(doc, issue_id="i")
    assert (shaped, counts) == (doc | {"issue_id": "i"}, {"issue_id given": 1})
    for said in ({"issue_id": "mine"}, {"instance_id": "mine"}, {"subagent_of": "t"}):
        other = make_doc({}, **said)
        assert shape(other, issue_id="i") == [(other, Counter())]
    parts = [part["issue_id"] for part, _ in shape(doc, issue_id="i", max_steps=2)]
    assert parts == ["i~part1", "i~part2"]


def test_suggested_labels_follow_their_steps():
    said = {
        "marks": {"by": "m", "first_error_step": 3},
        "labels": ["a", "b", None, "d", "e"],
        "early": {"first_error_step": 0, "steps": ["x"]},
        "none": {"first_error_step": None},
        "odd": "text",
    }
    doc = make_doc({}, {}, {}, {}, {}, suggestions=said)
    first, second, third = (part["suggestions"] for part, _ in shape(doc, max_steps=2))
    assert first["marks"] == {"by": "m", "first_error_step": None, "all_correct": True}
    assert (second["marks"], third["marks"]) == ({"by": "m", "first_error_step": 1}, {"by": "m"})
    assert [part["labels"] for part in (first, second, third)] == [["a", "b"], [None, "d"], ["e"]]
    assert [part["early"] for part in (first, second)] == [{"first_error_step": 0, "steps": ["x"]}, {"steps": []}]
    assert (second["none"], second["odd"]) == ({"first_error_step": None}, "text")
    nested = make_doc({}, {"parent": 0}, {}, suggestions={"labels": ["a", "b", "c"], "marks": {"first_error_step": 2}})
    ((shaped, _),) = shape(nested, drop_subagents=True)
    assert shaped["suggestions"] == {"labels": ["a", "c"], "marks": {"first_error_step": 1}}


def test_a_trace_that_fits_is_not_split():
    doc = make_doc({}, {})
    assert shape(doc, max_steps=2) == [(doc, Counter())]
