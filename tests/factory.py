"""Plain functions that make test data, with good defaults. Projects come through the front door: a file is loaded."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from django.utils import timezone

FIRST_ERROR = {
    "annotation_type": "process_reward",
    "name": "step_reward",
    "mode": "first_error",
    "labels": {"correct": "Correct Step", "incorrect": "Incorrect Step"},
    "allow_all_correct": True,
    "allow_all_incorrect": True,
}
OUTCOME = {
    "annotation_type": "radio",
    "name": "outcome",
    "label": "Did the agent resolve the issue?",
    "options": [
        {"value": "resolved", "text": "Fully Resolved"},
        {"value": "partial", "text": "Partially Resolved"},
        {"value": "not_resolved", "text": "Not Resolved"},
    ],
}
ERROR_DESCRIPTION = {
    "annotation_type": "text_input",
    "name": "error_description",
    "label": "If incorrect, briefly describe the error",
    "required": False,
    "show_if": {"field": "step_reward", "condition": "has_error"},
}
PER_STEP = {
    "annotation_type": "process_reward",
    "name": "per_step",
    "mode": "per_step",
    "labels": {
        "correct": {"text": "Correct", "keyboard_shortcut": "1", "color": "#22c55e"},
        "partially_correct": {"text": "Partially Correct", "keyboard_shortcut": "2", "color": "#eab308"},
        "incorrect": {"text": "Incorrect", "keyboard_shortcut": "3", "color": "#ef4444"},
        "neutral": {"text": "Neutral", "keyboard_shortcut": "4", "color": "#94a3b8"},
    },
}
PASSWORD = "pw_{name}"


def make_trace(trace_id: str = "trace_001", steps: int = 5, **keys: Any) -> dict[str, Any]:
    """A trace document with ``steps`` steps of rotating types."""
    kinds: list[dict[str, Any]] = [
        {"type": "thinking", "content": "I should read the file first."},
        {"type": "file_read", "path": "src/a.py", "content": "x = 1\ny = 2", "start_line": 1, "end_line": 2},
        {
            "type": "file_edit",
            "path": "src/a.py",
            "diff": "--- a/src/a.py\n+++ b/src/a.py\n@@ -1,2 +1,2 @@\n-x = 1\n+x = 3\n y = 2\n",
        },
        {"type": "bash_command", "command": "pytest -q", "output": "2 passed in 0.12s", "exit_code": 0},
        {"type": "assistant_message", "content": "Done."},
    ]
    turns = [{"step_idx": index, **kinds[index % len(kinds)]} for index in range(steps)]
    document = {"id": trace_id, "issue_description": f"Fix the bug of {trace_id}", "structured_turns": turns}
    return {**document, **keys}


def make_traces(count: int, steps: int = 5) -> list[dict[str, Any]]:
    return [make_trace(f"trace_{number:03d}", steps) for number in range(1, count + 1)]


def write_project(
    folder: Path,
    *,
    traces: Iterable[Mapping[str, Any]] | None = None,
    schemes: list[dict[str, Any]] | None = None,
    people: Iterable[str] = ("ann", "bob"),
    name: str = "Test project",
    overlap: float = 100,
    minimum_time: float = 0,
    **keys: Any,
) -> Path:
    """Write ``config.yaml`` and ``data/traces.jsonl`` into ``folder``. Returns the configuration's path."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(document) for document in (make_traces(3) if traces is None else traces)]
    (folder / "data" / "traces.jsonl").write_text("".join(line + "\n" for line in lines))
    config = {
        "project_name": name,
        "data": {"source": "local", "input_path": "./data/traces.jsonl", "data_format": "coding_trace"},
        "annotation_schemes": schemes or [FIRST_ERROR, OUTCOME, ERROR_DESCRIPTION],
        "output": {"path": "./output/", "format": "jsonl"},
        "quality_control": {"overlap_percentage": overlap, "minimum_time_per_instance": minimum_time},
        "annotators": [{"username": person, "password": PASSWORD.format(name=person)} for person in people],
        **keys,
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def make_project(folder: Path, **options: Any) -> Any:
    """A loaded, open project (see :func:`write_project`). The same one is loaded once: see :mod:`tests.kept`."""
    from annotation.projects.load import load_file
    from tests import kept

    def load() -> Any:
        report = load_file(write_project(folder, **options), folder / "output" / ".potato")
        assert report.project is not None, report.errors
        return report.project

    return kept.again(["project", options], folder, load)


def labeled_project(folder: Path, labels: list[tuple[str, Mapping[str, Any]]], **options: Any) -> Any:
    """A loaded project (see :func:`make_project`) in which these people have submitted these values, in this order."""
    from tests import kept

    def label() -> Any:
        project = make_project(folder, **options)
        for name, values in labels:
            submit_item(project, name, values)
        return project

    return kept.again(["labeled project", labels, options], folder, label)


def person(name: str) -> Any:
    from potato_site.accounts.models import User

    return User.objects.get(username=name)


def op(scheme: str, changes: Mapping[str, Any], *, base: int = 0, tab: str = "tab", op_id: str = "") -> dict[str, Any]:
    """One operation as the page sends it."""
    return {"id": op_id or uuid.uuid4().hex, "tab": tab, "base": base, "scheme": scheme, "set": dict(changes)}


def submit_item(project: Any, name: str, values: Mapping[str, Mapping[str, Any]], *, seconds: float = 60) -> Any:
    """Hand out the next item to ``name`` and submit ``{scheme: {key: value}}`` after ``seconds`` of reading."""
    from annotation.answers.submission import submit
    from annotation.assignments.handout import hand_out
    from annotation.assignments.timing import seen

    user = person(name)
    start = timezone.now()
    found = hand_out(project, user, start)
    assert found.assignment is not None, found.reason
    public_id = found.assignment.public_id
    for number in range(int(seconds // 15)):
        later = start + timedelta(seconds=15 * (number + 1))
        seen(public_id, user, {"seq": number + 1, "delta_ms": 15_000, "steps": {}}, later)
    payload = {
        "op_id": uuid.uuid4().hex,
        "tab": "tab",
        "version": found.assignment.version,
        "ops": [op(scheme, changes, base=found.assignment.version) for scheme, changes in values.items()],
    }
    return submit(public_id, user, payload, start + timedelta(seconds=seconds))


def answers(first_error: int | None = None, outcome: str = "resolved", description: str = "") -> dict[str, Any]:
    """Values for the default schemes of :func:`write_project`."""
    values: dict[str, Any] = {"step_reward": {"first_error": {"step": first_error}}, "outcome": {"": outcome}}
    if description:
        values["error_description"] = {"": description}
    return values
