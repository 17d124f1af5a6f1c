"""Read a conversation of messages with tool calls, as OpenAI's API and its kin write it, into steps.

``{role, content, tool_calls | function_call}`` and ``{role: "tool", tool_call_id, content}``; also calls inside the
text, with their results as the user's words.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from traces.document import Step
from traces.tooling.calls import Call
from traces.tooling.contents import images_of, text_of
from traces.tooling.swe_tools import SweTools
from traces.tooling.text_calls import TextCall, has_calls, read_fence, read_text, result_in
from traces.tooling.transcript import Transcript
from traces.tooling.usage import tokens_of
from traces.tooling.values import as_object, as_objects, as_text, inner_json

_ROLES = {"ai": "assistant", "model": "assistant", "human": "user", "developer": "system", "function": "tool"}
_ENDED = re.compile(r"\[(?:The c|C)ommand (?:completed|finished) with exit code (-?\d{1,9})\.?\]\s*(?:\n\[|\Z)")
_CWD = re.compile(r"^\[Current working directory: ([^\]\n]+)\]$", re.MULTILINE)
_PROMPT = re.compile(r"\(Open file: ([^\n]*)\)\s*\n\(Current directory: ([^\n]*)\)\s*(?:\nbash-\$)?\s*\Z")
_WINDOW = re.compile(r"\((?:Open file|Current directory): ")
_THOUGHT = re.compile(r"\s*<think(?:ing)?>\n?(.*?)\n?</think(?:ing)?>\n*", re.DOTALL)
_RESPONSE = re.compile(r"<tool_response>.*?(?:</tool_response>|\Z)", re.DOTALL)
_TIMES = frozenset({str, int, float})
_REASONING = ("reasoning_content", "reasoning", "thinking")


@dataclass
class Result:
    """The answer to a call."""

    output: str | None = None
    failed: bool | None = None
    images: list[dict[str, str]] | None = None
    error: str | None = None  # what is said of a failure beside the output


class Asked(NamedTuple):
    """A call as a message makes it. ``id`` is "" where it has none."""

    id: str
    name: str
    input: dict[str, Any]
    in_text: bool = False


class Chat:
    """One conversation, read once."""

    def __init__(self, out: Transcript, messages: list[dict[str, Any]]) -> None:
        self.out = out
        self.messages = messages = list(_one_result_each(messages))
        self.used: set[int] = set()
        self.by_id: dict[str, deque[int]] = {}
        contents = [_content(message) for message in messages]
        texts = [content for content in contents if isinstance(content, str)]
        self.is_swe = any(text.startswith("OBSERVATION:") or _WINDOW.search(text) for text in texts)
        self.tools = SweTools(has_window=self.is_swe)
        self.in_fences = self.is_swe and not any(map(calls_of, messages)) and not any(map(_has_calls_in_text, messages))
        for index, message in enumerate(messages):
            if (call_id := as_text(message.get("tool_call_id"))) and _role(message) == "tool":
                self.by_id.setdefault(call_id, deque()).append(index)

    @cached_property
    def marks_results(self) -> bool:
        """Whether the user's words that hand back a result are marked as such."""
        return any(_role(one) == "user" and result_in(_plain(one)) is not None for one in self.messages)

    def read(self) -> None:
        for index, message in enumerate(self.messages):
            if index in self.used:
                continue
            role = _role(message)
            if role == "assistant":
                self._answer(index, message)
            elif role == "tool":
                self._orphan(index, message)
            else:
                self._told("user_message" if role == "user" else "system", message)

    def _told(self, kind: str, message: dict[str, Any]) -> None:
        content = _content(message)
        text, images = text_of(content, self.out.warn), images_of(content)
        if text.strip() or images:
            self.out.add(kind, content=text, images=images, **_common(message))
        self._follow(text)

    def _answer(self, index: int, message: dict[str, Any]) -> None:
        """Thoughts, words and calls, in this order; calls in the text where they stand. Its tokens on the first one."""
        common, first = _common(message), len(self.out.steps)
        for thought in thoughts_of(message):
            self.out.text("thinking", thought, **common)
        content = _content(message)
        text, images = text_of(_without_thoughts(content), self.out.warn), images_of(content)
        if tagged := _THOUGHT.match(text):
            self.out.text("thinking", tagged[1], **common)
            text = text[tagged.end() :]
        asked = calls_of(message)
        pieces: list[str | Asked] = []
        if asked or not (has_calls(text) or self.in_fences):
            pieces = [text]  # left out where it is blank
        else:
            found = read_fence(text) if self.in_fences else read_text(text)
            pieces = [_in_text(piece) if isinstance(piece, TextCall) else piece for piece in found]
        if images:
            self.out.add("assistant_message", content="", images=images, **common)
        self.out.text("assistant_message", as_text(message.get("refusal")), **common)
        for part in [*pieces, *asked]:
            if isinstance(part, str):
                self.out.text("assistant_message", part, **common)
            else:
                self._call(index, part, common)
        if (tokens := tokens_of(message.get("usage"))) and len(self.out.steps) > first:
            self.out.steps[first]["tokens"] = tokens

    def _call(self, index: int, asked: Asked, common: Step) -> None:
        result = self._result(index, asked)
        call_id = self.out.call_id(asked.id or f"message-{index}")
        call = Call(asked.name, asked.input, result.output, result.failed, common={"call_id": call_id} | common)
        steps = self.tools.steps(call)
        for step in steps:
            if step["type"] == "bash_command" and result.output:
                self._ended(step, result.output)
        if result.images:
            steps[0]["images"] = result.images
        if result.error:
            steps[0]["error"] = result.error
        self.out.extend(steps)
        self._follow(result.output or "")

    def _ended(self, step: Step, output: str) -> None:
        """OpenHands writes below the output how the command ended, and where."""
        tail = output[-2000:]
        ended = _ENDED.search(tail) if "with exit code" in tail else None
        if ended:
            step["exit_code"] = int(ended[1])
        if not step.get("cwd") and self.tools.cwd:
            step["cwd"] = self.tools.cwd
        if ended and (cwd := _CWD.search(tail, tail.find("[Current working directory: "))):
            self.tools.cwd = cwd[1]

    def _follow(self, text: str) -> None:
        """SWE-agent's prompt below an observation names the open file and the folder."""
        if not self.is_swe:
            return
        tail = text[-2000:]
        if "(Open file: " in tail and (found := _PROMPT.search(tail)):
            self.tools.open_file = found[1] if found[1] not in ("", "n/a") else self.tools.open_file
            self.tools.cwd = found[2]

    # --- results ------------------------------------------------------------------------------------------

    def _result(self, index: int, asked: Asked) -> Result:
        """The result with the call's id that comes next; else the next one without an id, before the next answer."""
        place = self._place(index, asked)
        if place is None:
            return Result()
        self.used.add(place)
        return self._read_result(self.messages[place], may_be_marked=asked.in_text or self.is_swe)

    def _read_result(self, message: dict[str, Any], *, may_be_marked: bool) -> Result:
        content = _content(message)
        text = text_of(content, self.out.warn) if content is not None else None
        handed = result_in(text) if text and may_be_marked else None
        error = message.get("error")
        said = as_text(as_object(error).get("message")) if isinstance(error, dict) else as_text(error)
        failed = True if error or message.get("status") == "error" or message.get("is_error") is True else None
        output = handed if handed is not None else text
        if said and not output:
            return Result(said, failed, images_of(content))
        return Result(output, failed, images_of(content), said if said and said not in (output or "") else None)

    def _place(self, index: int, asked: Asked) -> int | None:
        waiting = self.by_id.get(asked.id)
        while waiting:
            place = waiting.popleft()
            if place > index and place not in self.used:
                return place
        for place in range(index + 1, len(self.messages)):
            message = self.messages[place]
            role = _role(message)
            if role == "assistant":
                return None
            if place not in self.used and self._answers(message, role, asked):
                return place
        return None

    def _answers(self, message: dict[str, Any], role: str, asked: Asked) -> bool:
        if role == "tool":
            name = as_text(message.get("name"))
            return not as_text(message.get("tool_call_id")) and (asked.in_text or name in (None, asked.name))
        if role != "user" or not asked.in_text:
            return False
        return not self.marks_results or result_in(_plain(message)) is not None

    def _orphan(self, index: int, message: dict[str, Any]) -> None:
        """A result whose call is not here."""
        self.used.add(index)
        self.out.warn("results of an unknown call")
        result = self._read_result(message, may_be_marked=self.is_swe)
        self.out.add(
            "tool_call",
            name=as_text(message.get("name")) or as_text(message.get("function")) or "unknown",
            input={},
            output=result.output,
            status="failed" if result.failed else None,
            images=result.images,
            error=result.error,
            call_id=self.out.call_id(as_text(message.get("tool_call_id")) or f"message-{index}"),
            **_common(message),
        )


# --- messages ----------------------------------------------------------------------------------------------


def _role(message: dict[str, Any]) -> str:
    role = message.get("role")
    return _ROLES.get(role, role) if isinstance(role, str) else "system"


def _content(message: dict[str, Any]) -> Any:
    """The content; nebius calls it ``text``, and ``system_prompt`` in the first message."""
    content = message.get("content")
    return content if content is not None else message.get("text") or message.get("system_prompt")


def _one_result_each(messages: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The messages, one that hands back several results in parts: one for each."""
    for message in messages:
        content = _content(message)
        if not isinstance(content, str) or message.get("role") == "assistant" or "<tool_response>" not in content:
            yield message
            continue
        found = _RESPONSE.findall(content)
        if len(found) > 1 and not _RESPONSE.sub("", content).strip():
            yield from (message | {"content": part} for part in found)
        else:
            yield message


def _plain(message: dict[str, Any]) -> str:
    content = _content(message)
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in as_objects(content) if isinstance(part.get("text"), str))


def _has_calls_in_text(message: dict[str, Any]) -> bool:
    return _role(message) == "assistant" and has_calls(_plain(message))


def _common(message: dict[str, Any]) -> Step:
    time = message.get("timestamp")
    return {"started_at": time} if type(time) in _TIMES else {}


def _without_thoughts(content: Any) -> Any:
    if not isinstance(content, list):
        return content
    return [part for part in content if not (isinstance(part, dict) and part.get("type") in ("reasoning", "thinking"))]


def thoughts_of(message: dict[str, Any]) -> Iterator[str]:
    """The reasoning of an answer, under the names that providers have for it."""
    for key in _REASONING:
        if text := as_text(message.get(key)):
            yield text
            break
    content = message.get("content")
    for part in as_objects(content) if isinstance(content, list) else ():
        if part.get("type") in ("reasoning", "thinking"):
            text = as_text(part.get("reasoning")) or as_text(part.get("thinking")) or as_text(part.get("text"))
            if text:
                yield text


def calls_of(message: dict[str, Any]) -> list[Asked]:
    """The calls of an answer, in all spellings; arguments that are no JSON stay as they are."""
    found = [_asked(call) for call in as_objects(message.get("tool_calls"))]
    legacy = message.get("function_call")
    if not found and isinstance(legacy, dict) and legacy:
        found.append(_asked({"function": legacy}))
    return found


def _asked(call: dict[str, Any]) -> Asked:
    function = call.get("function")
    about = function if isinstance(function, dict) else as_object(call.get("custom")) or call
    name = as_text(function) or as_text(about.get("name")) or "unknown"
    raw = about.get("arguments", about.get("input", about.get("args")))
    given = inner_json(raw)
    if not isinstance(given, dict):
        given = {} if raw in (None, "") else {"input": raw}
    return Asked(as_text(call.get("id")) or "", name, given)


def _in_text(call: TextCall) -> Asked:
    return Asked("", call.name, call.input, in_text=True)
