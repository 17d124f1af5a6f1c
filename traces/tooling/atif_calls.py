"""The calls of an ATIF trajectory as steps: each agent's results as that agent writes them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from traces.document import Step
from traces.tooling.atif import content_of
from traces.tooling.calls import Call
from traces.tooling.claude_tools import add_measures, recorded_steps, status_of
from traces.tooling.codex_calls import CodexCalls, Lines
from traces.tooling.swe_tools import SweTools, read_action
from traces.tooling.values import as_object, as_objects, as_text

_MINI = re.compile(r"<returncode>(-?\d{1,9})</returncode>\n<output>\n?(.*)</output>\s*", re.DOTALL)


class AtifCalls:
    """The calls of one trajectory. ``agent`` is the name of who ran."""

    def __init__(self, agent: str, cwd: str | None) -> None:
        self.agent = agent
        self.cwd = cwd
        self.tools = SweTools(has_window=agent.startswith("swe-agent"))
        self.codex = CodexCalls()
        self.seen: Counter[str] = Counter()

    def unique(self, call_id: str) -> str:
        self.seen[call_id] += 1
        return call_id if self.seen[call_id] == 1 else f"{call_id}#{self.seen[call_id]}"

    def steps(
        self, call: dict[str, Any], result: dict[str, Any] | None, step: dict[str, Any], warn: Callable[[str], None]
    ) -> list[Step]:
        """The steps of one call and its result; they lack what is common."""
        output, images = content_of(result.get("content"), warn) if result else (None, None)
        name, given = as_text(call.get("function_name")) or "unknown", call.get("arguments")
        arguments = given if isinstance(given, dict) else {} if given in (None, "") else {"input": given}
        cwd = as_text(as_object(step.get("extra")).get("cwd")) or self.cwd
        made = Call(name, arguments, output, cwd=cwd)
        if self.agent == "codex":
            steps = self._codex(made)
        elif name == "swe_agent_action":
            steps = self._swe_agent(made)
        else:
            steps = self._others(made, as_object((result or {}).get("extra")))
        if images and steps:
            steps[0]["images"] = images
        return steps

    def _codex(self, call: Call) -> list[Step]:
        kind = "custom_tool_call" if call.name in ("exec", "apply_patch") else "function_call"
        script = call.text("input") if kind == "custom_tool_call" else None
        payload = {"type": kind, "name": call.name, "input": script, "arguments": call.input}
        return self.codex.steps(payload, {"output": call.output}, call.cwd, Lines(0, None))

    def _swe_agent(self, call: Call) -> list[Step]:
        action = read_action(call.text("raw_action") or "")
        return self.tools.steps(replace(call, name=action.name, input=action.input))

    def _others(self, call: Call, extra: dict[str, Any]) -> list[Step]:
        """Any other agent's. What Claude Code recorded of a result stands in its ``extra``."""
        told = as_object(extra.get("tool_result_metadata"))
        raw = as_object(told.get("raw_tool_result"))
        output, failed = _text(raw.get("content"), call.output), extra.get("tool_result_is_error")
        ended = _MINI.fullmatch(output or "")
        call.output = ended[2] if ended else output
        call.failed = failed if isinstance(failed, bool) else None
        recorded = as_object(told.get("tool_use_result"))
        steps = (recorded_steps(call, recorded, self.tools.files) if recorded else None) or self.tools.steps(call)
        for step in steps:
            if recorded:
                add_measures(step, call, recorded)
            if call.failed is not None:
                step["status"] = status_of(call.failed, call.output)
            if ended and step["type"] == "bash_command":
                step["exit_code"] = int(ended[1])
        return steps


def _text(content: object, output: str | None) -> str | None:
    """What the model read, where it is recorded beside what the converter of the trajectory made of it."""
    if isinstance(content, str):
        return content
    texts = [part["text"] for part in as_objects(content) if isinstance(part.get("text"), str)]
    return "\n".join(texts) if texts else output
