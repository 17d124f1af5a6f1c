"""Events of OpenHands' software agent SDK (version 1): each has a ``kind``, observations name their action's id."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from typing import Any

from traces.document import Step
from traces.tooling.contents import images_of, text_of
from traces.tooling.openhands_calls import Act, Events, Result
from traces.tooling.openhands_events import totals_of
from traces.tooling.transcript import Transcript
from traces.tooling.values import as_int, as_object, as_objects, as_text, inner_json

Event = dict[str, Any]

_RESULTS = frozenset({"ObservationEvent", "AgentErrorEvent", "UserRejectObservation"})
_THINK = re.compile(r"\A\s*<think>(.*?)</think>\s*", re.DOTALL)
# The tools by the kind of their action, for calls whose name was not recorded.
_NAMES = {
    "TerminalAction": "terminal",
    "ExecuteBashAction": "terminal",
    "FileEditorAction": "file_editor",
    "TaskTrackerAction": "task_tracker",
    "ThinkAction": "think",
    "FinishAction": "finish",
}
_RUNS = frozenset({"terminal", "execute_bash", "bash"})
_EDITS = frozenset({"file_editor", "str_replace_editor"})


class SdkEvents(Events):
    """The events of one conversation."""

    def __init__(self, events: Iterable[tuple[int | None, object]]) -> None:
        super().__init__(events)
        self.results: dict[tuple[str, str], deque[int]] = {}
        for index, (_, event) in enumerate(self.list):
            for key in ("action_id", "tool_call_id"):
                if as_text(event.get("kind")) in _RESULTS and isinstance(event.get(key), str):
                    self.results.setdefault((key, event[key]), deque()).append(index)

        # Where the conversation stands: one may go back to an event, and on from there. None: at the last one.
        self.head: str | None = None
        self.abandoned: set[int] = set()

    def read(self) -> Transcript:
        self.abandoned = _abandoned([event for _, event in self.list], self.head)
        for index, (line, event) in enumerate(self.list):
            kind = as_text(event.get("kind")) or ""
            if kind == "ActionEvent":
                self._action(index, line, event)
            elif kind in _RESULTS:
                self._unknown(index, line, event)
            elif kind == "MessageEvent":
                self._message(index, line, event)
            elif kind == "ConversationStateUpdateEvent":
                self._state(event)
            else:
                self._other(kind, index, line, event)
        return self.out

    def _common(self, index: int, line: int | None, event: Event) -> Step:
        gone = True if index in self.abandoned else None
        known = {"source_line": line, "started_at": as_text(event.get("timestamp")), "abandoned": gone}
        return {key: value for key, value in known.items() if value is not None}

    def _message(self, index: int, line: int | None, event: Event) -> None:
        message = as_object(event.get("llm_message"))
        common = self._common(index, line, event)
        self._reasoning(message, common)
        content, images = text_of(message.get("content"), self.out.warn), images_of(message.get("content"))
        kind = {"user": "user_message", "agent": "assistant_message"}.get(str(event.get("source")), "system")
        if content.strip() or images:
            self.out.add(kind, content=content, images=images, **common)
        # What the program put behind a person's words, such as a skill's text
        self.out.text("system", text_of(event.get("extended_content"), self.out.warn), **common)

    def _reasoning(self, holder: dict[str, Any], common: Step) -> bool:
        blocks = [as_text(block.get("thinking")) for block in as_objects(holder.get("thinking_blocks"))]
        texts = [as_text(holder.get("reasoning_content"))] if not any(blocks) else blocks
        shown = [self.out.text("thinking", text, **common) for text in texts]
        return any(shown)

    def _state(self, event: Event) -> None:
        """Cost and tokens so far, and whether the agent runs: the last ones count."""
        value = event.get("value")
        if event.get("key") == "execution_status":
            self.agent_state = as_text(value) or self.agent_state
        stats = as_object(value)
        usages = as_object(stats.get("usage_to_metrics") or as_object(stats.get("stats")).get("usage_to_metrics"))
        if not usages:
            return
        total: dict[str, int] = {}
        cost = 0.0
        for usage in map(as_object, usages.values()):
            one = usage.get("accumulated_cost")
            cost += one if isinstance(one, int | float) else 0
            for key, count in as_object(usage.get("accumulated_token_usage")).items():
                if type(count) is int and key.endswith("_tokens"):
                    total[key] = total.get(key, 0) + count
        self.metrics = totals_of(cost, total)
        self.model = as_text(as_object(usages.get("default") or usages.get("agent")).get("model_name")) or self.model

    def _other(self, kind: str, index: int, line: int | None, event: Event) -> None:
        common = self._common(index, line, event)
        if kind == "SystemPromptEvent":
            self.definitions = as_objects(event.get("tools")) or self.definitions
            prompt = event.get("system_prompt")
            self.out.text("system", text_of([prompt] if isinstance(prompt, dict) else prompt, self.out.warn), **common)
        elif kind in ("Condensation", "CondensationSummaryEvent"):
            if not self.out.text("system", as_text(event.get("summary")), **common):
                self.out.warn("condensations without a summary")
        elif kind.endswith("ErrorEvent"):
            self.out.text("error", as_text(event.get("detail")) or as_text(event.get("error")), **common)
        else:
            self.out.warn(f"events of the frame ({(kind or 'no kind')[:40]})")

    # --- actions ------------------------------------------------------------------------------------------

    def _action(self, index: int, line: int | None, event: Event) -> None:
        common = self._common(index, line, event)
        thought = text_of(event.get("thought"), self.out.warn)
        inner = _THINK.match(thought)
        has_reasoning = self._reasoning(event, common)
        if inner:  # the same reasoning, left in the text by the model
            if not has_reasoning:
                has_reasoning = bool(self.out.text("thinking", inner[1].strip("\n"), **common))
            thought = thought[inner.end() :]
        name, given = _called(event)
        if name == "think":
            given = given or {"thought": thought}
        else:
            self.out.text("assistant_message" if has_reasoning else "thinking", thought, **common)
        if summary := as_text(event.get("summary")):  # the model's own, of this call
            common["summary"] = summary
        call_id = self._call_id(event, index)
        self.acts.add(_act(name, given, common | {"call_id": call_id}), self._result(index, event))

    def _call_id(self, event: Event, index: int) -> str:
        return self.out.call_id(as_text(event.get("tool_call_id")) or as_text(event.get("id")) or f"event-{index}")

    def _result(self, index: int, event: Event) -> Result:
        """By the action's id; an error of the agent names only the call."""
        for key, value in (("action_id", event.get("id")), ("tool_call_id", event.get("tool_call_id"))):
            waiting = self.results.get((key, value)) if isinstance(value, str) else None
            while waiting:
                found = waiting.popleft()
                if found > index and found not in self.used:
                    self.used.add(found)
                    return _result(self.list[found][1], self.out)
        return Result()

    def _unknown(self, index: int, line: int | None, event: Event) -> None:
        """A result whose action is not in the file; a command stands in the result itself."""
        if index in self.used:
            return
        observation = as_object(event.get("observation"))
        given = {key: observation[key] for key in ("command", "path") if isinstance(observation.get(key), str)}
        common = self._common(index, line, event) | {"call_id": self._call_id(event, index)}
        self.acts.add(_act(as_text(event.get("tool_name")) or "", given, common), _result(event, self.out))
        self.out.warn("results of an unknown call")


def _abandoned(events: list[Event], head: str | None) -> set[int]:
    """The places of events that somebody went back behind: they begin where the way to the ``head`` goes on otherwise.

    Events of versions that know no ways back have no ``parent_id``.
    """
    places = {name: index for index, event in enumerate(events) if (name := as_text(event.get("id")))}
    parents = [as_text(event.get("parent_id")) for event in events]
    at = places.get(head or "", max(places.values(), default=-1))
    way: set[int] = set()
    while at >= 0 and at not in way:
        way.add(at)
        at = places.get(parents[at] or "", -1)
    forks = {places.get(parents[index] or "", -1) for index in way} - {-1}
    abandoned: set[int] = set()
    for index, parent in enumerate(parents):
        place = places.get(parent or "", -1)
        if index not in way and (place in forks or place in abandoned):
            abandoned.add(index)
    return abandoned


def _called(event: Event) -> tuple[str, dict[str, Any]]:
    """(name of the tool, its arguments): of the action, which was checked, else of the call as the model made it."""
    action, call = event.get("action"), as_object(event.get("tool_call"))
    function = as_object(call.get("function")) or call
    name = as_text(event.get("tool_name")) or as_text(function.get("name"))
    if isinstance(action, dict):
        given = {key: value for key, value in action.items() if key != "kind" and value is not None}
        kind = as_text(action.get("kind")) or ""
        if kind == "MCPToolAction":
            given = as_object(given.get("data"))
        return name or _NAMES.get(kind) or kind.removesuffix("Action"), given
    arguments = function.get("arguments")
    parsed = inner_json(arguments)
    return name or "", parsed if isinstance(parsed, dict) else {"arguments": arguments}


def _act(name: str, given: dict[str, Any], common: Step) -> Act:
    if name in _RUNS:
        return Act("run", given, common)
    if name in _EDITS:
        return Act("read" if given.get("command") == "view" else "edit", given, common)
    return Act(name, given, common)


def _result(event: Event, out: Transcript) -> Result:
    kind = event.get("kind")
    if kind == "AgentErrorEvent":
        return Result(as_text(event.get("error")), status="failed")
    if kind == "UserRejectObservation":
        return Result(as_text(event.get("rejection_reason")), status="rejected")
    seen = as_object(event.get("observation"))
    content = seen.get("content")
    if content is None:
        content = seen.get("output")
    metadata = as_object(seen.get("metadata"))
    code = seen.get("exit_code")
    code = metadata.get("exit_code") if code is None else code
    error = as_text(seen.get("error"))
    output = text_of(content, out.warn) if content is not None else error
    before, after = seen.get("old_content"), seen.get("new_content")
    return Result(
        output=output,
        status="failed" if seen.get("is_error") is True or error else None,
        exit_code=None if code == -1 else as_int(code),
        cwd=as_text(metadata.get("working_dir")),
        before=before if isinstance(before, str) else None,
        after=after if isinstance(after, str) else None,
        is_new=seen.get("prev_exist") is False,
        note=(as_text(metadata.get("suffix")) or "").strip() or None if code == -1 else None,
        images=images_of(content),
    )
