"""OpenHands' events of 2024 and 2025: ``action`` and ``observation``, joined by ``cause``.

They come in a list, in pairs (2024), or flat, without ids, each observation right after its action (older still).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from traces.document import Step
from traces.tooling.contents import images_of
from traces.tooling.openhands_calls import Act, Events, Result
from traces.tooling.openhands_skills import read_skill
from traces.tooling.transcript import Transcript
from traces.tooling.usage import add_tokens, metrics_of, tokens_of
from traces.tooling.values import as_int, as_number, as_object, as_objects, as_text, inner_json

Event = dict[str, Any]

# Of the frame around the agent, not of the agent: counted, not shown.
_STATE = frozenset({"null", "change_agent_state", "agent_state_changed", "condensation_request", "start", "initialize"})
_ABOUT = frozenset(
    {"thought", "impl_source", "translated_ipython_code", "confirmation_state", "is_confirmed", "hidden"}
)
_FLAT = frozenset({"action", "observation", "keep_prompt", "action_risk", "kernel_init_code", "is_confirmed"})


class PlainEvents(Events):
    """The events of one run."""

    def __init__(self, events: Iterable[tuple[int | None, object]]) -> None:
        self.pairs: dict[int, int] = {}  # index of an action: that of its observation
        self.responses: set[str] = set()
        self.parents: list[tuple[int, int]] = []  # (index of the observation that ends it, step)
        self.usage: dict[str, Any] = {}  # of the run so far, as the last event told it
        super().__init__(events)
        self._join()

    def take(self, line: int | None, event: object) -> None:
        """One event, or an action and its observation in a list."""
        if not isinstance(event, list):
            super().take(line, event)
            return
        first = len(self.list)
        for part in event[:2]:
            super().take(line, part)
        if len(self.list) == first + 2 and _is_result(self.list[-1][1]):
            self.pairs[first] = first + 1

    def _join(self) -> None:
        """Observations by the ids of their causes; one without a cause belongs to the action right before it."""
        by_cause: dict[int, deque[int]] = {}
        for index, (_, event) in enumerate(self.list):
            cause = event.get("cause")
            if _is_result(event) and type(cause) is int:
                by_cause.setdefault(cause, deque()).append(index)
        for index, (_, event) in enumerate(self.list):
            if "action" not in event or index in self.pairs:
                continue
            waiting = by_cause.get(event["id"]) if type(event.get("id")) is int else None
            while waiting and index not in self.pairs:
                found = waiting.popleft()
                if found > index:
                    self.pairs[index] = found
            follower = self.list[index + 1][1] if index + 1 < len(self.list) else {}
            is_free = _is_result(follower) and type(follower.get("cause")) is not int
            if index not in self.pairs and is_free:
                self.pairs[index] = index + 1
        self.used = set(self.pairs.values())

    def read(self) -> Transcript:
        for index, (line, event) in enumerate(self.list):
            while self.parents and self.parents[-1][0] <= index:
                self.parents.pop()
            self._look(event)
            if "action" in event:
                self._action(index, line, event)
            elif index not in self.used:
                self._observation(index, line, event)
        used = as_object(self.usage.get("accumulated_token_usage"))
        self.metrics = totals_of(self.usage.get("accumulated_cost"), used)
        return self.out

    def _look(self, event: Event) -> None:
        """What events tell of the run: its cost and tokens so far, the agent's state."""
        if usage := as_object(event.get("llm_metrics")):
            self.usage = usage
            named = as_text(as_object(usage.get("accumulated_token_usage")).get("model"))
            self.model = named if named and named != "default" else self.model
        if event.get("observation") == "agent_state_changed":
            self.agent_state = as_text(as_object(event.get("extras")).get("agent_state")) or self.agent_state

    # --- actions ------------------------------------------------------------------------------------------

    def _action(self, index: int, line: int | None, event: Event) -> None:
        name, args = as_text(event.get("action")) or "", _args(event)
        found = self.pairs.get(index)
        if name in _STATE:
            self.out.warn("events of the agent's state")
        elif name == "message":
            self._message(line, event, args)
        elif name in ("system", "recall", "condensation"):
            self._context(name, line, args, self.list[found][1] if found is not None else {})
        else:
            observation = self.list[found][1] if found is not None else None
            steps = self.acts.add(self._act(index, line, event, name, args), self._result(observation, args))
            if name == "delegate" and steps and found is not None:
                self.parents.append((found, steps[0]["step_idx"]))

    def _common(self, line: int | None, event: Event) -> Step:
        common: Step = {} if line is None else {"source_line": line}
        if time := as_text(event.get("timestamp")):
            common["started_at"] = time
        if self.parents:
            common["parent"] = self.parents[-1][1]
        return common

    def _message(self, line: int | None, event: Event, args: dict[str, Any]) -> None:
        content = as_text(args.get("content")) or as_text(event.get("message")) or ""
        urls = args.get("image_urls") or args.get("images_urls")
        urls = urls if isinstance(urls, list) else []
        images = images_of([{"image_url": url} for url in urls])
        if len(images or []) < len(urls):
            self.out.warn("images that are not in the file", len(urls) - len(images or []))
        source = event.get("source")
        if source is None:  # not recorded: the first speaks the user, later one waits for the other
            source = "agent" if args.get("wait_for_response") and self.out.steps else "user"
        kind = {"user": "user_message", "agent": "assistant_message"}.get(str(source), "system")
        if content.strip() or images:
            self.out.add(kind, content=content, images=images, **self._common(line, event))

    def _context(self, name: str, line: int | None, args: dict[str, Any], observation: Event) -> None:
        """What the frame tells the model: its instructions, what it recalled of the workspace, a summary."""
        common = {"source_line": line}
        if name == "system":
            self.definitions = as_objects(args.get("tools")) or self.definitions
            self.out.text("system", as_text(args.get("content")), **common)
        elif name == "condensation":
            if not self.out.text("system", as_text(args.get("summary")), **common):
                self.out.warn("condensations without a summary")
        else:
            extras = as_object(observation.get("extras"))
            knowledge = [as_text(item.get("content")) for item in as_objects(extras.get("microagent_knowledge"))]
            told = [as_text(extras.get("repo_instructions")), *knowledge]
            said = as_text(observation.get("content"))
            if text := "\n\n".join(text for text in told if text):
                self.out.text("system", text, **common | ({"output": said} if said else {}))
            elif not self.out.text("system", said, **common):
                self.out.warn("recalls of nothing")

    def _act(self, index: int, line: int | None, event: Event, name: str, args: dict[str, Any]) -> Act:
        given = {key: value for key, value in args.items() if key not in _ABOUT}
        thought = as_text(args.get("thought"))
        thoughts = [("thinking", text) for text in self._reasoning(event)]
        if name == "think":
            given["thought"] = thought
        elif thought:
            thoughts.append(("thinking", thought))
        common = self._common(line, event) | {"call_id": self._call_id(event.get("id"), index)}
        tokens = self._tokens(event)
        if name == "edit":
            given = _editor_arguments(event, args) or given
        if name == "read" and "impl_source" in args:
            given["impl_source"] = args["impl_source"]
        return Act(name, given, common | ({"tokens": tokens} if tokens else {}), thoughts)

    def _call_id(self, id: object, index: int) -> str:
        """By the event's id: the ids of the model's calls are null or repeat."""
        return self.out.call_id(f"event-{id if type(id) is int else index}")

    def _response(self, event: Event) -> dict[str, Any]:
        return as_object(as_object(event.get("tool_call_metadata")).get("model_response"))

    def _reasoning(self, event: Event) -> list[str]:
        """The model's own reasoning, once for all calls of one response."""
        response = self._response(event)
        choices = as_objects(response.get("choices"))
        message = as_object(choices[0].get("message")) if choices else {}
        text = as_text(message.get("reasoning_content"))
        return [text] if text and f"reasoning {response.get('id')}" not in self.responses else []

    def _tokens(self, event: Event) -> dict[str, Any]:
        response = self._response(event)
        key = f"usage {response.get('id')}"
        if not response or key in self.responses:
            return {}
        self.responses |= {key, f"reasoning {response.get('id')}"}
        self.model = self.model or as_text(response.get("model"))
        tokens = tokens_of(response.get("usage"))
        add_tokens(self.tokens, tokens)
        return tokens

    # --- observations -------------------------------------------------------------------------------------

    def _result(self, observation: Event | None, args: dict[str, Any]) -> Result:
        status = "rejected" if args.get("confirmation_state") == "rejected" else None
        if observation is None:
            return Result(status=status)
        extras = observation.get("extras")
        extras = extras if isinstance(extras, dict) else observation
        metadata = as_object(extras.get("metadata"))
        kind = observation.get("observation")
        if kind in ("error", "user_rejected"):
            status = "failed" if kind == "error" else "rejected"
        code = metadata.get("exit_code", extras.get("exit_code"))
        is_running = code == -1
        content = observation.get("content")
        screenshot = as_text(extras.get("screenshot"))
        return Result(
            output=content if isinstance(content, str) else None,
            status=status,
            exit_code=None if is_running else as_int(code),
            cwd=as_text(metadata.get("working_dir")),
            before=_maybe(extras.get("old_content")),
            after=_maybe(extras.get("new_content")),
            is_new=extras.get("prev_exist") is False,
            diff=_diff(extras.get("diff")),
            note=(as_text(metadata.get("suffix")) or "").strip() or None if is_running else None,
            images=images_of([{"image_url": screenshot}]) if screenshot else None,
        )

    def _observation(self, index: int, line: int | None, event: Event) -> None:
        """One that belongs to no action."""
        kind = as_text(event.get("observation")) or ""
        content = as_text(event.get("content")) or as_text(event.get("message"))
        common = self._common(line, event)
        if kind in _STATE:
            self.out.warn("events of the agent's state")
        elif kind == "error":
            self.out.text("error", content, **common)
        elif kind in ("recall", "system", "condense", "loop_detection", "success"):
            self.out.text("system", content, **common)
        elif kind:
            call_id = self._call_id(event.get("id"), index)
            result = event.get("content")
            output = result if isinstance(result, str) else None
            self.out.add("tool_call", name=kind, output=output, call_id=call_id, **common)
            self.out.warn("results of an unknown call")
        else:
            self.out.warn("events of an unknown kind")


def _is_result(event: Event) -> bool:
    kind = event.get("observation")
    return isinstance(kind, str) and kind not in _STATE


def _args(event: Event) -> dict[str, Any]:
    args = event.get("args")
    if isinstance(args, dict):
        return args
    return {key: value for key, value in event.items() if key not in _FLAT}


def _editor_arguments(event: Event, args: dict[str, Any]) -> dict[str, Any] | None:
    """The arguments of the editor's call, wherever the version put them; None where there was no such call."""
    if isinstance(args.get("command"), str):
        return {key: value for key, value in args.items() if key not in _ABOUT}
    code = as_text(args.get("translated_ipython_code"))
    skill = read_skill(code) if code else None
    if skill and isinstance(skill.arguments.get("path"), str):
        return skill.arguments
    metadata = as_object(event.get("tool_call_metadata"))
    choices = as_objects(as_object(metadata.get("model_response")).get("choices"))
    for call in as_objects(as_object(choices[0].get("message")).get("tool_calls")) if choices else []:
        function = as_object(call.get("function"))
        given = inner_json(function.get("arguments"))
        is_it = call.get("id") == metadata.get("tool_call_id")
        if is_it and isinstance(given, dict) and isinstance(given.get("command"), str) and "path" in given:
            return given
    return None


def _maybe(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _diff(value: object) -> str:
    return value if isinstance(value, str) and value.startswith("--- ") else ""


def totals_of(cost: object, usage: dict[str, Any]) -> dict[str, Any]:
    """The metrics of a run, of its accumulated cost and tokens; a zero is what was not counted."""
    tokens = {kind: count for kind, count in tokens_of(usage).items() if count}
    return metrics_of(cost=as_number(cost) or None, tokens=tokens) or {}
