"""Agents' real traces: everything that was counted in them, independently of the converters, arrives, and once."""

import json
from collections import Counter, defaultdict

import pytest

from tests.left_out import corpus_folder
from traces.convert import convert_path
from traces.document import CALL_TYPES, EDIT_TYPES

pytestmark = pytest.mark.corpus

PREFIX = "dev/"
CALLS = EDIT_TYPES | CALL_TYPES | {"bash_command", "file_read"}
# Files that hold results for traces, and no trace.
RESULTS = {"swebench", "aider_swebench_json"}
# Formats whose shell commands may rightly be shown as another type: code cells, polls of a running command.
LENIENT_SHELL = {"claude_code", "codex", "openhands", "inspect"}
# Formats of which EXPECTED.json counts all that a person typed, commands to the agent and answers to its questions too.
PROMPTS = {"claude_code", "codex", "aider", "inspect"}


@pytest.fixture(scope="module")
def expected():
    counted = json.loads((corpus_folder() / "EXPECTED.json").read_text())
    files = {name.removeprefix(PREFIX): want for name, want in counted.items() if name.startswith(PREFIX)}
    return {name: want for name, want in files.items() if want.get("traces") and want["format"] not in RESULTS}


@pytest.fixture(scope="module")
def corpus():
    """({file: [documents]}, problems) of a whole conversion."""
    documents, problems = defaultdict(list), []
    skip = corpus_folder() / "EXPECTED.json"
    convert_path(
        corpus_folder(),
        on_document=lambda doc: documents[doc["source"]["file"]].append(doc),
        on_problem=problems.append,
        skip=skip,
    )
    return documents, problems


def kept(docs):
    """Counts over the documents of a file: a call of several steps counts once, by its id."""
    counts = Counter()
    for doc in docs:
        seen = set()
        for step in doc["structured_turns"]:
            kind, call = step["type"], step.get("call_id")
            counts["thinking"] += kind == "thinking"
            counts["prompts"] += kind == "user_message"
            counts["edits"] += kind in EDIT_TYPES
            counts["shell"] += kind == "bash_command"
            counts["tool_calls"] += kind in CALLS if call is None else call not in seen
            seen.add(call)
    return counts


def test_every_file_of_the_corpus_is_recognised_by_one_converter(corpus):
    _, problems = corpus
    assert [str(problem) for problem in problems if problem.is_error] == []


def test_every_call_edit_command_and_thought_is_kept(corpus, expected):
    documents, _ = corpus
    lost = []
    for name, want in expected.items():
        found = kept(documents.get(name, []))
        for key in ("tool_calls", "edits", "shell", "thinking"):
            needed = (want.get(key) or 0) + (want.get("shell_mcp") or 0 if key == "shell" else 0)
            if found[key] < needed and not (key == "shell" and want["format"] in LENIENT_SHELL):
                lost.append(f"{name}: {key} {needed} -> {found[key]}")
    assert lost == []


def test_what_people_asked_is_kept_and_not_twice(corpus, expected):
    documents, _ = corpus
    wrong = []
    for name, want in expected.items():
        typed = want.get("user_prompts") if want["format"] in PROMPTS else None
        found = kept(documents.get(name, []))["prompts"]
        if typed is not None and not 0 < found <= typed:
            wrong.append(f"{name}: prompts {typed} -> {found}")
    assert wrong == []


def test_no_edit_is_there_twice(corpus, expected):
    documents, _ = corpus
    twice = []
    for name, want in expected.items():
        # Calls written as XML are counted as such, whatever they did.
        most = (want.get("edits") or 0) + (want.get("xml_calls") or 0) - (want.get("xml_shell") or 0)
        found = kept(documents.get(name, []))["edits"]
        if want.get("edits") and found > most:
            twice.append(f"{name}: edits {most} -> {found}")
    assert twice == []


def test_no_step_of_a_call_is_there_twice(corpus):
    documents, _ = corpus
    twice = []
    for name, docs in documents.items():
        for doc in docs:
            seen = Counter(
                json.dumps({key: value for key, value in step.items() if key != "step_idx"}, sort_keys=True)
                for step in doc["structured_turns"]
                if step.get("call_id")
            )
            twice += [f"{name}: {step[:200]}" for step, number in seen.items() if number > 1]
    assert twice == []
