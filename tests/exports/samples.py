"""Rows and pairs to write in every format: what the contract test of the formats walks."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from exports.formats import Format, Pair, Row, Said, Sheet
from exports.judged import NO_STEPS
from exports.options import Options
from exports.pairs import pair_id
from exports.steps import exported_steps

REWARDS = {"correct": 1.0, "partially_correct": 0.5, "neutral": 0.5, "incorrect": 0.0}
PATCH = "--- a/src/config.py\n+++ b/src/config.py\n@@ -1 +1 @@\n-a = 1\n+a = {}"
SCHEMES = {"step_reward": "process_reward", "outcome": "radio", "review": "code_review", "note": "text_input"}
CARD = {
    "project": "sample",
    "seq": 7,
    "mode": "per_step",
    "labels": [
        {"value": "correct", "text": "Correct", "reward": 1.0, "description": "Makes <b>progress</b> | or not"},
        {"value": "incorrect", "text": "Incorrect", "reward": 0.0, "description": ""},
    ],
    "agreement": [
        {"scheme": "step_reward", "measure": "has_error", "value": 0.72, "interval": [0.5, 0.9], "percent": 0.86,
         "within_one_step": None, "units": 14, "traces": 14},
        {"scheme": "step_reward", "measure": "first_error_position", "value": 0.8, "interval": [0.6, 0.9],
         "percent": 0.5, "within_one_step": 0.75, "units": 14, "traces": 14},
        {"scheme": "outcome", "measure": "choice", "value": None, "interval": None, "percent": 1.0,
         "within_one_step": None, "units": 2, "traces": 2},
    ],
}  # fmt: skip
DOCUMENT = {
    "id": "trace_001",
    "issue_description": "Fix the TypeError in parse_config()",
    "repo": "myorg/myproject",
    "base_commit": "a1b2c3d",
    "agent": {"name": "agent-x"},
    "structured_turns": [
        {"step_idx": 0, "type": "thinking", "content": "Line one\u2028and\u0085two"},
        {"step_idx": 1, "type": "bash_command", "command": "pytest", "output": "2 passed", "exit_code": 0},
    ],
}


def reward_of(*labels: str | None, source: str = "human") -> dict[str, Any]:
    """A merged process reward."""
    steps = [{"label": label, "reward": REWARDS.get(label or ""), "label_source": source} for label in labels]
    first = next((place for place, step in enumerate(steps) if step["reward"] == 0), None)
    complete = all(label is not None for label in labels)
    return {"first_error_step": first, "all_correct": first is None and complete, "steps": steps}


def row(*labels: str | None, options: Options | None = None, reward: Any = None, soft: Any = (), **keys: Any) -> Row:
    """A row of DOCUMENT (or of ``document=``) with these step labels."""
    document = keys.pop("document", DOCUMENT)
    given = reward or reward_of(*labels)
    steps, targets = (
        exported_steps(document, given, options or Options(), Counter(), soft) if given["steps"] else (NO_STEPS, [])
    )
    defaults: dict[str, Any] = {
        "trace_id": document["id"],
        "document": document,
        "issue_id": "",
        "instance_id": "",
        "mode": "per_step",
        "first_error_step": given["first_error_step"],
        "all_correct": given["all_correct"],
        "steps": steps,
        "targets": targets,
        "answers": {"outcome": "resolved"},
        "outcome": "resolved",
        "resolved": True,
        "annotators": ("ann",),
        "agreement": None,
        "aggregation": "single",
        "needs_adjudication": False,
    }
    return Row(**{**defaults, **keys})


def said(annotator: str = "ann", **values: Any) -> Said:
    review = {
        "verdict": "request_changes",
        "comments": [
            {"id": "6d0f9a8e-0000-4000-8000-000000000001", "step": 1, "file": "src/config.py", "side": "new",
             "start_line": 1, "end_line": 1, "quote_sha": "ab" * 32, "code": "a = {}", "category": "Bug",
             "text": "=cmd() is <b>wrong</b>", "resolved": False},
        ],
        "file_ratings": [{"file": "src/config.py", "rating": 2, "label": "Below Average"}],
    }  # fmt: skip
    raw = {
        "step_reward": {"10": {"label": "neutral", "origin": "human"}, "2": {"label": "correct", "origin": "human"}},
        "outcome": {"": "partial"},
        "review": {"verdict": "request_changes", "file:src/config.py": 2},
        "note": {"": '=HYPERLINK("x")'},
    }
    return Said(
        annotator=annotator,
        started_at=datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
        submitted_at=datetime(2026, 3, 1, 12, 5, 0, 123456, tzinfo=UTC),
        active_seconds=60,
        flags=("too_fast",),
        purpose="production",
        types=SCHEMES,
        values={"outcome": "partial", "review": review, **values},
        raw=raw,
    )


def document(trace_id: str, **keys: Any) -> dict[str, Any]:
    """A trace with a step of each kind that formats tell apart."""
    turns = [
        {"type": "user_message", "content": "Fix the TypeError in parse_config()"},
        {"type": "thinking", "content": f"{trace_id} reads <|step|> first.\u2028Then it edits."},
        {"type": "file_read", "path": "src/config.py", "content": "a = 1", "start_line": 1, "end_line": 1},
        {"type": "file_edit", "path": "src/config.py", "diff": PATCH.format(2), "output": "ok"},
        {"type": "bash_command", "command": "pytest -q", "output": None, "exit_code": 1},
        {"type": "tool_call", "name": "lookup", "input": {"query": "TypeError", "limit": 3}, "output": "none"},
        {"type": "error", "content": "Traceback"},
        {"type": "assistant_message", "content": "Done."},
    ]
    return {
        "id": trace_id,
        "issue_description": "Fix the TypeError in parse_config()",
        "repo": "myorg/myproject",
        "base_commit": "a1b2c3d",
        "model": "agent/x-1",
        "final_patch": PATCH.format(trace_id[-1]),
        "structured_turns": [{"step_idx": place, **turn} for place, turn in enumerate(turns)],
        **keys,
    }


def sample_rows(*, soft: bool = False, gaps: bool = False) -> list[Row]:
    """A clean run, one with an error, a tied one, one that says next to nothing of itself, one to test on."""
    issue = "myorg__myproject-12"
    named = {"issue_id": issue, "instance_id": issue}
    right = ["correct"] * 7 + ["neutral"]
    wrong = ["correct", "correct", "neutral", "incorrect", "incorrect", "incorrect", "incorrect", "incorrect"]
    half = ["correct", "partially_correct", *["correct"] * 6]
    bare = {"id": "bare", "structured_turns": [{"step_idx": 0, "type": "assistant_message", "content": "Hi"}]}
    derived = reward_of(*wrong)
    for step in derived["steps"][4:]:
        step["label_source"] = "derived"

    def p(n: int) -> list[float | None]:
        return [1.0, *[0.5] * (n - 1)] if soft else []

    return [
        row(*right, document=document("t1"), soft=p(8), said=[said(), said("bob")], annotators=("ann", "bob"),
            agreement=1.0, aggregation="majority", **named),
        row(reward=derived, document=document("t2"), soft=p(8), said=[said()], mode="first_error",
            outcome="not_resolved", resolved=False, answers={"outcome": "not_resolved"}, **named),
        row(*half, document=document("t3", final_patch=None), soft=p(8), said=[said()], needs_adjudication=True,
            agreement=0.5, outcome="partial", resolved=False, answers={"outcome": "partial"}, **named),
        row(None if gaps else "correct", document=bare, soft=p(1), said=[said()], answers={"outcome": None},
            outcome=None, resolved=None),
        row(*right, document=document("t5", repo="other/thing"), soft=p(8), said=[said()], split="test",
            issue_id="other__thing-3", instance_id="other__thing-3"),
    ]  # fmt: skip


def sample_pairs() -> list[Pair]:
    first, second, third, _, held_out = sample_rows()
    pairs = [(first, second, "prm", 0.571429), (first, third, "pairwise", 1.0), (held_out, second, "prm", 0.2)]
    return [
        Pair(
            pair_id=pair_id(chosen.trace_id, rejected.trace_id),
            prompt="Fix the TypeError in parse_config()",
            issue_id=chosen.issue_id,
            source=source,
            chosen=chosen,
            rejected=rejected,
            margin=margin,
            preference_strength=0.5 + margin / 2,
            annotators=("ann", "bob"),
            split=chosen.split,
        )
        for chosen, rejected, source, margin in pairs
    ]


def written(writer: Format, rows: list[Any], **keys: Any) -> dict[str, bytes]:
    """File name → bytes, as they are published."""
    sheet = Sheet(**{"file": writer.file, "schemes": SCHEMES, "run_id": "sample-7", "card": lambda: CARD, **keys})
    files: dict[str, bytes] = {}
    names: dict[str, str] = {}
    kept = [row for row in rows if not writer.refusal(row)]
    for name, data, rename in writer.write(kept, sheet):
        files[name] = files.get(name, b"") + data
        if rename:
            names[name] = rename
    return {names.get(name, name): data for name, data in files.items()}


def sample_of(writer: Format, **keys: Any) -> dict[str, bytes]:
    """Every file the format makes of the sample."""
    rows = sample_pairs() if writer.takes == "pairs" else sample_rows(soft=bool(keys.get("soft_labels")))
    return written(writer, rows, **keys)
