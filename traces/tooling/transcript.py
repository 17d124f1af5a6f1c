"""Collect the steps of one run, and make the trace document of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from traces.document import Step, TraceDocument


class Transcript:
    """Steps in order, and what could not be shown, counted."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.warnings: Counter[str] = Counter()
        self._call_ids: Counter[str] = Counter()

    def add(self, type: str, **values: Any) -> Step:
        """One more step; keys whose value is None are left out, except a shell command's ``output``."""
        return self._append({"type": type, **values})

    def _append(self, values: dict[str, Any]) -> Step:
        step: Step = {"step_idx": len(self.steps)} | values
        if None in values.values():
            step = {key: value for key, value in step.items() if value is not None}
        if step["type"] == "bash_command":
            step.setdefault("output", None)
            step.setdefault("exit_code", None)
        self.steps.append(step)
        return step

    def text(self, type: str, content: str | None, /, **values: Any) -> Step | None:
        """A step of text, none where the text is blank."""
        if not content or content.isspace():
            return None
        return self._append({"type": type, "content": content} | values)

    def extend(self, steps: Iterable[Step], **common: Any) -> list[Step]:
        """More steps; ``common`` is what all of them have, where they do not have their own."""
        return [self._append(common | step if common else step) for step in steps]

    def call_id(self, wanted: str) -> str:
        """An id for one call, unique in the trace: models and replays repeat theirs, so a later one gets a number."""
        self._call_ids[wanted] += 1
        count = self._call_ids[wanted]
        return wanted if count == 1 else self.call_id(f"{wanted}#{count}")

    def warn(self, what: str, count: int = 1) -> None:
        """Something of the source is not shown. ``what`` is a phrase for people: "encrypted reasoning"."""
        self.warnings[what] += count

    def document(self, id: str, /, **values: Any) -> TraceDocument:
        """The document; keys whose value is None are left out. Warnings read "3 encrypted reasoning"."""
        doc: TraceDocument = {"id": id} | {key: value for key, value in values.items() if value is not None}
        doc.setdefault("issue_description", self.first_prompt())
        warnings = [f"{count} × {what}" for what, count in sorted(self.warnings.items())]
        doc["source"] = doc.get("source", {}) | {"warnings": warnings}
        doc["structured_turns"] = self.steps
        return doc

    def first_prompt(self) -> str:
        """The text of the first user message, "" where there is none: what the run was asked to do."""
        return next((step["content"] for step in self.steps if step["type"] == "user_message"), "")
