"""The runs of the demo are what they claim: every kind of step, and diffs that apply to the files shown before."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from unidiff import Hunk, PatchSet

from annotation.demo import SOURCE
from annotation.demo.answers import prepared
from annotation.schemes import schemes
from annotation.schemes.base import ItemContext
from potato_site.safe_yaml import load_yaml
from traces.document import STEP_TYPES, normalize

DOCUMENTS = [json.loads(line) for line in (SOURCE / "traces.jsonl").read_text().splitlines()]
BY_ID = {document["id"]: document for document in DOCUMENTS}
EDITS = {"file_edit", "file_create", "file_delete"}
every_run = pytest.mark.parametrize("document", DOCUMENTS, ids=list(BY_ID))


class SeenFiles:
    """What a run has shown of each file so far: path → line number → text."""

    def __init__(self) -> None:
        self.lines: dict[str, dict[int, str]] = {}
        self.whole: set[str] = set()

    def read(self, step: dict[str, Any]) -> None:
        text = step["content"].split("\n")
        assert step["end_line"] - step["start_line"] + 1 == len(text)
        self.lines.setdefault(step["path"], {}).update(enumerate(text, step["start_line"]))

    def apply(self, step: dict[str, Any]) -> int:
        """Check each line a diff takes away or keeps, then apply it. Returns how many lines were checked."""
        (file,) = PatchSet(step["diff"])
        known = {} if step["type"] == "file_create" else self.lines.get(step["path"], {})
        checked = sum(self._check(hunk, known) for hunk in file)
        self.lines[step["path"]] = _shifted(known, file)
        return checked

    def _check(self, hunk: Hunk, known: dict[int, str]) -> int:
        old = [line for line in hunk if not line.is_added]
        for line in old:
            assert known.get(line.source_line_no) == line.value.removesuffix("\n")
        return len(old)


def _shifted(known: dict[int, str], file: Any) -> dict[int, str]:
    """The known lines under their new numbers."""
    replaced = {line.source_line_no for hunk in file for line in hunk if not line.is_added}
    lines = {}
    for number, text in known.items():
        if number not in replaced:
            lines[number + sum(h.added - h.removed for h in file if h.source_start < number)] = text
    new = {line.target_line_no: line.value.removesuffix("\n") for hunk in file for line in hunk if not line.is_removed}
    return {**lines, **new}


@every_run
def test_a_run_is_a_valid_document(document):
    assert normalize(document)["structured_turns"] == normalize(normalize(document))["structured_turns"]


@every_run
def test_every_diff_applies_to_the_file_as_it_was_read(document):
    files, checked = SeenFiles(), 0
    for step in document["structured_turns"]:
        if step["type"] == "file_read":
            files.read(step)
        elif step["type"] in EDITS and not step.get("approximate"):
            lines = files.apply(step)
            assert lines > 0 or step["type"] == "file_create"
            checked += lines
    assert checked > 0


def test_a_file_that_is_read_again_is_as_the_edits_left_it():
    assert sum(map(_read_again, DOCUMENTS)) == 16, "lines that were compared"


def _read_again(document: dict[str, Any]) -> int:
    """How many lines the run shows a second time, all of them as they have to be."""
    files, compared = SeenFiles(), 0
    for step in document["structured_turns"]:
        if step["type"] == "file_read":
            known = files.lines.get(step["path"], {})
            read = dict(enumerate(step["content"].split("\n"), step["start_line"]))
            again = known.keys() & read.keys()
            assert {number: read[number] for number in again} == {number: known[number] for number in again}
            compared += len(again)
            files.read(step)
        elif step["type"] in EDITS and not step.get("approximate"):
            files.apply(step)
    return compared


@every_run
def test_the_final_patch_touches_the_files_that_were_edited(document):
    steps = document["structured_turns"]
    applied = [step for step in steps if step["type"] in EDITS and step.get("status") != "failed"]
    made = {step["path"] for step in applied if step["type"] == "file_create"}
    gone = {step["path"] for step in applied if step["type"] == "file_delete"}
    assert {file.path for file in PatchSet(document["final_patch"])} == {s["path"] for s in applied} - (made & gone)


@every_run
def test_a_run_says_who_did_what_where(document):
    assert re.fullmatch(r"[a-z-]+__[a-z]+-\d+", document["instance_id"])
    assert re.fullmatch(r"[0-9a-f]{40}", document["base_commit"])
    assert document["agent"]
    assert document["model"]
    assert document["metrics"].keys() == {"tokens", "cost", "seconds"}


def test_every_step_type_occurs():
    assert {step["type"] for document in DOCUMENTS for step in document["structured_turns"]} == set(STEP_TYPES)


def test_the_runs_are_as_varied_as_the_demo_promises():
    lengths = [len(document["structured_turns"]) for document in DOCUMENTS]
    steps = [step for document in DOCUMENTS for step in document["structured_turns"]]
    outputs = [step.get("output") or "" for step in steps if step["type"] == "bash_command"]
    assert len(DOCUMENTS) >= 8
    assert max(lengths) > 50, "one run needs more than two chunks"
    assert any(out.count("\n") > 100 and "\x1b[" in out for out in outputs), "long output with colours"
    assert any("\r" in out for out in outputs), "a progress bar"
    assert {step.get("status") for step in steps} >= {None, "ok", "failed", "rejected"}
    assert any("parent" in step for step in steps)
    assert {step.get("exit_code") for step in steps} >= {0, 1}


def test_two_agents_attempt_one_issue_and_one_resolves_it():
    attempts = [document for document in DOCUMENTS if document["issue_id"] == "osprey__httpcache-64"]
    assert {attempt["outcome"] for attempt in attempts} == {"resolved", "not_resolved"}
    assert len({attempt["agent"] for attempt in attempts}) == 2


@pytest.mark.parametrize("name", ["first-error", "per-step"])
def test_every_prepared_answer_is_one_its_question_takes(name):
    config, _ = load_yaml((SOURCE / f"{name}.yaml").read_bytes(), name)
    questions = {
        raw["name"]: schemes.get(raw["annotation_type"]).model_validate(raw) for raw in config["annotation_schemes"]
    }
    answers = prepared(name)
    for trace, people in answers.traces.items():
        ctx = ItemContext(tuple(step["type"] for step in BY_ID[trace]["structured_turns"]))
        for person in people:
            given = answers.of(trace, person)
            for scheme, values in given.items():
                assert {key: questions[scheme].clean(key, value, ctx) for key, value in values.items()}
            gaps = [gap for scheme, q in questions.items() for gap in q.missing(given.get(scheme, {}), ctx)]
            assert gaps == [], (trace, person)
