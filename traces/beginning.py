"""How a run began: what stays when its log grows."""

from __future__ import annotations

import hashlib
from typing import Any

from potato_site.canonical import canonical
from traces.document import Step, TraceDocument

FIRST_STEPS = 10
PROMPTS = ("system", "user_message")
# Of a step, what is written when it begins
BEGUN = ("type", "content", "path", "command", "name", "input", "call_id", "started_at")


def beginning(doc: TraceDocument) -> str:
    """Digest (SHA-256, hex) of how a run began, which stays when its log grows: its model, and its first steps up to
    one of the agent's with a time. What a step's end adds to it is left out."""
    steps = doc.get("structured_turns", [])[:FIRST_STEPS]
    timed = (n for n, step in enumerate(steps, start=1) if step.get("started_at") and step["type"] not in PROMPTS)
    begun = [_begun(step) for step in steps[: next(timed, FIRST_STEPS)]]
    names = [doc.get(key) for key in ("model", "subagent_of", "part", "attempt_of")]
    return hashlib.sha256(canonical([names, begun])).hexdigest()


def _begun(step: Step) -> dict[str, Any]:
    read = {"content"} if step["type"] == "file_read" else frozenset()
    return {key: step[key] for key in BEGUN if key in step and key not in read}


def may_be_one_run(one: TraceDocument, other: TraceDocument) -> bool:
    """Whether both may be the same run at two times, or as two converters read it: they come from one file, or the
    first steps that both have are the same."""
    files = {_file(doc) for doc in (one, other)}
    if len(files) == 1 and None not in files:
        return True
    first, second = (doc.get("structured_turns", [])[:FIRST_STEPS] for doc in (one, other))
    pairs = list(zip(first, second, strict=False))
    return bool(pairs) and all(_begun(left) == _begun(right) for left, right in pairs)


def _file(doc: TraceDocument) -> str | None:
    """The digest of the file it was read from."""
    told = doc.get("source")
    digest = told.get("sha256") if isinstance(told, dict) else None
    return digest if isinstance(digest, str) else None
