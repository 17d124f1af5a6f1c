"""mini-swe-agent's trajectories (``.traj.json``): an agent with one tool, the shell.

Version 2 calls it as a function (through chat messages or OpenAI's Responses), version 1 writes a fenced block of bash
and is answered by a user message, version 0 has the bare list of messages.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from traces.converters import Converter, converters
from traces.document import Step, TraceDocument
from traces.jsonl import Problem, Record
from traces.keeps import Keeps
from traces.source import Source
from traces.tooling.calls import Call, steps_of
from traces.tooling.contents import images_of, text_of
from traces.tooling.files import Files
from traces.tooling.tasks import issue_in, repo_of, stem
from traces.tooling.transcript import Transcript
from traces.tooling.usage import add_tokens, tokens_of
from traces.tooling.values import as_int, as_number, as_object, as_objects, as_text, inner_json

_OPEN = re.compile(r"^```(?:bash|mswea_bash_command)[ \t]*\n", re.MULTILINE)
_CLOSE = re.compile(r"^```[ \t]*$", re.MULTILINE)
_RETURN_CODE = re.compile(r"\s*(?:<exception>.*?</exception>\s*)?<returncode>(-?\d{1,9})</returncode>\n?", re.DOTALL)
_WHOLE_OUTPUT = re.compile(r"<output>\n?(.*)</output>\s*", re.DOTALL)
_FINISH = ("COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT", "MINI_SWE_AGENT_FINAL_OUTPUT")
_REFUSALS = ("Please always provide EXACTLY ONE", "No tool calls found", "Tool call error", "Format error")


class MiniSweAgent(Converter):
    name = "mini_swe_agent"
    version = "2"
    keeps = Keeps(
        document="agent agent_version exit_status final_patch instance_id issue_description metrics.api_calls"
        " metrics.cost metrics.tokens model repo",
        steps="assistant_message bash_command error system thinking tool_call user_message",
        fields="call_id command content cost cwd exit_code images input name output started_at status tokens",
    )

    def detect(self, source: Source) -> bool:
        """An object that names its format or version; a list of messages in which a shell answers with return codes."""
        if source.shape == "list":
            return _is_conversation(source.first_records)
        return any(_is_run(record) for record in source.first_records[:3])

    def convert(self, source: Source) -> Iterator[Record | Problem]:
        if source.shape == "list":
            messages: list[dict[str, Any]] = []
            for item in source.records(lenient=True):
                if isinstance(item, Problem):
                    yield item
                else:
                    messages.append(item.value)
            yield Record(1, _document({"messages": messages}, source.name))
        elif source.shape == "object" and not source.name.endswith(".jsonl"):
            yield Record(1, _document(as_object(source.document()), source.name))
        else:
            for item in source.records(lenient=True):
                yield item if isinstance(item, Problem) else Record(item.line, _document(item.value, source.name))
                del item  # it may be long


def _is_run(record: dict[str, Any]) -> bool:
    named = record.get("trajectory_format")
    if isinstance(named, str) and named.startswith("mini-swe-agent"):
        return True
    return "mini_version" in as_object(record.get("info"))


def _is_conversation(messages: list[dict[str, Any]]) -> bool:
    """Messages of plain text: a prompt that says how to finish, or a block of bash and the answer of the shell."""
    texts = [content for message in messages if isinstance(content := message.get("content"), str)]
    if len(texts) < len(messages) or not all("role" in message for message in messages):
        return False
    is_answer = [message["role"] == "assistant" for message in messages]
    said = [text for text, is_said in zip(texts, is_answer, strict=True) if is_said]
    heard = [text for text, is_said in zip(texts, is_answer, strict=True) if not is_said]
    is_asked = any(mark in text for text in heard for mark in _FINISH)
    return any(_blocks(text) for text in said) and (is_asked or any(_RETURN_CODE.match(text) for text in heard))


def _document(run: dict[str, Any], file: str) -> TraceDocument:
    info = as_object(run.get("info"))
    config = as_object(info.get("config"))
    reader = _Run(as_objects(run.get("messages")), as_text(as_object(config.get("environment")).get("cwd")))
    out = reader.read()
    instance = as_text(run.get("instance_id"))
    given = info.get("submission")
    return out.document(
        (instance or stem(file, ".traj.json", ".traj", ".jsonl", ".json"))[:255],
        instance_id=instance,
        issue_description=issue_in(out.first_prompt()),
        repo=repo_of(instance or ""),
        agent="mini-swe-agent",
        agent_version=as_text(info.get("mini_version")),
        model=as_text(as_object(config.get("model")).get("model_name")),
        final_patch=given if isinstance(given, str) else reader.submission,
        exit_status=as_text(info.get("exit_status")) or reader.exit_status,
        metrics=_metrics(as_object(info.get("model_stats")), reader.tokens) or None,
    )


def _metrics(stats: dict[str, Any], tokens: dict[str, int]) -> dict[str, Any]:
    cost, calls = as_number(stats.get("instance_cost")), as_int(stats.get("api_calls"))
    found = {"cost": cost, "api_calls": calls, "tokens": tokens or None}
    return {key: value for key, value in found.items() if value is not None}


class _Result(NamedTuple):
    """What came back of a call: None where it was not recorded."""

    output: str | None = None
    exit_code: int | None = None
    failed: bool = False
    images: list[dict[str, str]] | None = None


class _Run:
    """The messages of one run, read in order."""

    def __init__(self, messages: list[dict[str, Any]], cwd: str | None) -> None:
        self.messages = messages
        self.cwd = cwd
        self.out = Transcript()
        self.files = Files()
        self.tokens: dict[str, int] = {}
        self.submission: str | None = None
        self.exit_status: str | None = None
        self.used: set[int] = set()  # the messages that are part of a call's step
        self.results: dict[str, deque[int]] = {}
        for index, message in enumerate(messages):
            call_id = message.get("tool_call_id") or message.get("call_id")
            if isinstance(call_id, str) and (message.get("role") == "tool" or _is_output(message)):
                self.results.setdefault(call_id, deque()).append(index)

    def read(self) -> Transcript:
        for index, message in enumerate(self.messages):
            role = message.get("role")
            if index in self.used:
                continue
            if role == "assistant":
                self._answer(index, message)
            elif isinstance(message.get("output"), list):
                self._response(index, message)
            elif role == "exit":
                self._exit(message)
            elif role == "tool" or _is_output(message):
                result = self._result(message)
                self.out.add("tool_call", name="", output=result.output, images=result.images)
                self.out.warn("results of an unknown call")
            else:
                self._told(message)
        return self.out

    def _told(self, message: dict[str, Any]) -> None:
        """A prompt, the system's or the user's; and what the agent's frame says to a reply it cannot use."""
        extra = as_object(message.get("extra"))
        kind = "system" if message.get("role") in ("system", "developer") else "user_message"
        if extra.get("interrupt_type") not in (None, "", "UserInterruption"):
            kind = "error"
        content, images = text_of(message.get("content"), self.out.warn), images_of(message.get("content"))
        if kind == "user_message" and content.startswith(_REFUSALS):
            kind = "error"
        if content.strip() or images:
            self.out.add(kind, content=content, images=images, started_at=as_number(extra.get("timestamp")))

    def _exit(self, message: dict[str, Any]) -> None:
        extra = as_object(message.get("extra"))
        content, given = text_of(message.get("content"), self.out.warn), extra.get("submission")
        self.exit_status = as_text(extra.get("exit_status"))
        self.submission = given if isinstance(given, str) else content
        if content != self.submission:
            self.out.text("system", content)

    # --- answers ------------------------------------------------------------------------------------------

    def _answer(self, index: int, message: dict[str, Any]) -> None:
        self._think(message)
        content = text_of(message.get("content"), self.out.warn)
        calls = as_objects(message.get("tool_calls"))
        if calls:
            self.out.text("thinking", content)
            self._calls(index, message, [_function(call) for call in calls])
            return
        blocks = _blocks(content)
        commands = [action["command"] for action in _actions(message) if isinstance(action.get("command"), str)]
        if not commands and len(blocks) != 1:  # refused: a reply must hold exactly one
            self.out.text("assistant_message", content)
            return
        self.out.text("thinking", _around(content, blocks[0]) if len(blocks) == 1 else content)
        self._typed(index, message, commands or [blocks[0].command])

    def _think(self, message: dict[str, Any]) -> None:
        """The model's own reasoning, where the provider gave it."""
        blocks = as_objects(message.get("thinking_blocks"))
        own = as_text(message.get("reasoning_content")) or as_text(message.get("reasoning"))
        for text in [as_text(block.get("thinking")) for block in blocks] if blocks else [own]:
            self.out.text("thinking", text)

    def _response(self, index: int, message: dict[str, Any]) -> None:
        """An answer of OpenAI's Responses: reasoning, text and calls in one list."""
        calls = []
        for item in as_objects(message.get("output")):
            kind = item.get("type")
            if kind == "reasoning":
                texts = [*as_objects(item.get("summary")), *as_objects(item.get("content"))]
                thought = "\n".join(text for part in texts if (text := as_text(part.get("text"))))
                if not self.out.text("thinking", thought):
                    self.out.warn("reasoning that is encrypted or empty")
            elif kind == "message":
                self.out.text("thinking", text_of(item.get("content"), self.out.warn))
            elif kind == "function_call":
                calls.append(_Asked(item.get("call_id") or item.get("id"), item.get("name"), item.get("arguments")))
            else:
                self.out.warn("parts of an answer of another kind")
        self._calls(index, message, calls)

    def _calls(self, index: int, message: dict[str, Any], calls: list[_Asked]) -> None:
        extra = as_object(message.get("extra"))
        commands = {
            action.get("tool_call_id"): command
            for action in _actions(message)
            if isinstance(action.get("tool_call_id"), str) and (command := as_text(action.get("command"))) is not None
        }
        spent = self._spent(extra, message)
        for number, asked in enumerate(calls):
            given = inner_json(asked.arguments)
            name = asked.name if isinstance(asked.name, str) else "bash"
            inputs = given if isinstance(given, dict) else {"arguments": asked.arguments}
            if isinstance(asked.id, str) and asked.id in commands:
                inputs = inputs | {"command": commands[asked.id]}
            result = self._taken(asked.id, index)
            common = self._common(asked.id, f"{index}-{number}", extra, spent if number == 0 else {})
            self._steps(Call(name, inputs, result.output, cwd=self.cwd, common=common), result)

    def _typed(self, index: int, message: dict[str, Any], commands: list[str]) -> None:
        """The commands of a reply without calls, in most cases one; what the shell printed are the next messages."""
        extra = as_object(message.get("extra"))
        spent = self._spent(extra, message)
        for number, command in enumerate(commands):
            at = index + 1 + number
            follower = self.messages[at] if at < len(self.messages) else {}
            result = _Result()
            if follower.get("role") == "user" and "interrupt_type" not in as_object(follower.get("extra")):
                result = self._result(follower)
                self.used.add(at)
            is_last = at + 1 >= len(self.messages)
            if is_last and result.exit_code is None and any(mark in command for mark in _FINISH):
                self.submission = result.output
            common = self._common(None, f"{index}-{number}", extra, spent if number == 0 else {})
            self._steps(Call("bash", {"command": command}, result.output, cwd=self.cwd, common=common), result)

    def _steps(self, call: Call, result: _Result) -> None:
        steps = steps_of(call, self.files)
        for step in steps:
            if step["type"] == "bash_command":
                step["exit_code"] = result.exit_code
            if result.failed:
                step["status"] = "failed"
        if steps and result.images:
            steps[0]["images"] = result.images
        self.out.extend(steps)

    def _common(self, id: object, otherwise: str, extra: dict[str, Any], spent: Step) -> Step:
        started_at = as_number(extra.get("timestamp"))
        common: Step = {"call_id": self.out.call_id(as_text(id) or f"call-{otherwise}")}
        if started_at is not None:
            common["started_at"] = started_at
        return common | spent

    def _spent(self, extra: dict[str, Any], message: dict[str, Any]) -> Step:
        """Tokens and cost of one answer, for its first step; the tokens are added to those of the run."""
        found = tokens_of(as_object(extra.get("response")).get("usage") or message.get("usage"))
        add_tokens(self.tokens, found)
        cost = as_number(extra.get("cost"))
        return ({"tokens": found} if found else {}) | ({"cost": cost} if cost is not None else {})

    # --- results ------------------------------------------------------------------------------------------

    def _taken(self, id: object, after: int) -> _Result:
        """The result of a call: the first one with its id that no call has had."""
        waiting = self.results.get(id) if isinstance(id, str) else None
        while waiting:
            found = waiting.popleft()
            if found > after:
                self.used.add(found)
                return self._result(self.messages[found])
        return _Result()

    def _result(self, message: dict[str, Any]) -> _Result:
        extra = as_object(message.get("extra"))
        body = message.get("output") if _is_output(message) else message.get("content")
        content, images = text_of(body, self.out.warn), images_of(body)
        code = as_int(extra.get("returncode"))
        raw = extra.get("raw_output")
        if isinstance(raw, str) and not extra.get("exception_info"):
            return _Result(raw, code, images=images)
        match = _RETURN_CODE.match(content)
        text = content[match.end() :] if match and "<exception>" not in match[0] else content
        whole = _WHOLE_OUTPUT.fullmatch(text)
        said = whole[1] if whole else text
        code = int(match[1]) if code is None and match else code
        return _Result(said, code, failed=bool(extra.get("exception_info")), images=images)


class _Asked(NamedTuple):
    """A function call as the model made it: values of any type."""

    id: object
    name: object
    arguments: object


def _function(call: dict[str, Any]) -> _Asked:
    function = as_object(call.get("function"))
    return _Asked(call.get("id"), function.get("name"), function.get("arguments"))


def _actions(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The commands as the agent's frame read them out of the reply."""
    return as_objects(as_object(message.get("extra")).get("actions"))


def _is_output(message: dict[str, Any]) -> bool:
    return message.get("type") == "function_call_output"


class _Block(NamedTuple):
    """A fenced command and where it stands."""

    start: int
    command: str
    end: int


def _blocks(content: str) -> list[_Block]:
    """The fenced commands of a reply."""
    found: list[_Block] = []
    while (begin := _OPEN.search(content, found[-1].end if found else 0)) and (
        end := _CLOSE.search(content, begin.end())
    ):
        found.append(_Block(begin.start(), content[begin.end() : end.start()].removesuffix("\n"), end.end()))
    return found


def _around(content: str, block: _Block) -> str:
    """The text around the fenced command."""
    before, after = content[: block.start].rstrip("\n"), content[block.end :].strip("\n")
    return f"{before}\n\n{after}" if before and after else before or after


converters.register("mini_swe_agent")(MiniSweAgent())
