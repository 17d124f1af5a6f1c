"""Logs of requests to Anthropic's Messages API: which requests are one conversation, and what was answered.

Each request repeats the whole conversation before it. Of a conversation the longest request is kept, and the answer to
it; what earlier answers used up is kept by the place of their message.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from potato_site.canonical import digest, loads_leniently
from traces.tooling.values import as_int, as_object, as_objects, as_text, inner_json


@dataclass
class Exchange:
    """One request, and its response where that was logged."""

    line: int
    body: dict[str, Any]
    response: dict[str, Any]
    at: str | None = None

    @cached_property
    def messages(self) -> list[dict[str, Any]]:
        return as_objects(self.body.get("messages"))

    @property
    def id(self) -> str:
        """What a record that is a run of its own is called; requests of the API have no id."""
        given = self.body.get("id")
        return str(given) if type(given) is int else as_text(given) or as_text(self.body.get("instance_id")) or ""

    @cached_property
    def marks(self) -> list[str]:
        """A digest of each message."""
        return [_mark(message) for message in self.messages]


@dataclass
class Log:
    """Requests that go on from each other: the last one, with what all of them say of the messages."""

    last: Exchange
    responses: dict[int, tuple[dict[str, Any], str | None]] = field(default_factory=dict)  # by the message's place
    repeated: int = 0

    def takes(self, exchange: Exchange) -> bool:
        """Take a request that goes on from this conversation, or repeats a part of it; none that is another run."""
        if exchange.id != self.last.id:
            return False
        marks, known = exchange.marks, self.last.marks
        shared = min(len(marks), len(known))
        if marks[shared - 1] != known[shared - 1] or marks[:shared] != known[:shared]:
            return False
        if len(marks) >= len(known):
            self.repeated += len(marks) == len(known)
            self.last = exchange
        else:
            self.repeated += 1
        self.note(exchange)
        return True

    def note(self, exchange: Exchange) -> None:
        if exchange.response:
            self.responses[len(exchange.messages)] = (exchange.response, exchange.at)


class Logs:
    """The conversations of one file."""

    def __init__(self) -> None:
        self.all: list[Log] = []
        self._by_start: dict[str, list[Log]] = defaultdict(list)
        self._waiting: list[Log] = []  # for the next exchange: that of a file with one is compared with nothing

    def add(self, exchange: Exchange) -> None:
        if exchange.messages and self.all:
            for log in self._waiting:
                self._by_start[log.last.marks[0]].append(log)
            self._waiting.clear()
            if any(log.takes(exchange) for log in reversed(self._by_start[exchange.marks[0]])):
                return
        log = Log(exchange)
        log.note(exchange)
        self.all.append(log)
        if exchange.messages:
            self._waiting.append(log)


def _mark(message: dict[str, Any]) -> str:
    said = [as_text(message.get("role")), _plain(message.get("content"))]
    try:
        return digest(*said)
    except (TypeError, ValueError):
        return json.dumps(said, sort_keys=True)  # lone surrogates, which no canonical JSON holds


def _plain(content: Any) -> Any:
    """The content as it means the same in every request: without marks for the cache, which move."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [{key: value for key, value in block.items() if key != "cache_control"} for block in as_objects(content)]


def read_exchange(line: int, record: dict[str, Any]) -> Exchange | None:
    """A request with its response, as loggers write them; None for a record of another kind.

    ``{messages, …}``, ``{request, response}``, and claude-trace's ``{request: {body}, response: {body | body_raw}}``.
    """
    request = as_object(record.get("request"))
    body = as_object(inner_json(request.get("body"))) if "body" in request else request or record
    if not isinstance(body.get("messages"), list):
        return None
    response = as_object(record.get("response"))
    if "body_raw" in response:
        answer = read_stream(as_text(response.get("body_raw")) or "")
    elif "body" in response:
        answer = as_object(inner_json(response.get("body")))
    else:
        answer = response
    at = as_text(record.get("logged_at")) or as_text(record.get("timestamp")) or as_text(record.get("created_at"))
    return Exchange(line, body, answer, at)


def read_stream(text: str) -> dict[str, Any]:
    """The message that a stream of server-sent events adds up to; {} for a text without one."""
    message: dict[str, Any] = {}
    parts: dict[int, tuple[dict[str, Any], list[str]]] = {}
    for event in _events(text):
        kind, index = event.get("type"), as_int(event.get("index")) or 0
        if kind == "message_start":
            message = dict(as_object(event.get("message")))
        elif kind == "content_block_start":
            parts[index] = (dict(as_object(event.get("content_block"))), [])
        elif kind == "content_block_delta" and index in parts:
            delta = as_object(event.get("delta"))
            values = (delta.get(key) for key in ("text", "thinking", "partial_json"))
            parts[index][1].extend(value for value in values if isinstance(value, str))
        elif kind == "message_delta":
            usage = as_object(message.get("usage")) | as_object(event.get("usage"))
            message |= as_object(event.get("delta")) | {"usage": usage}
        elif kind == "error":
            message = message or event
    if parts:
        message["content"] = [_joined(*parts[index]) for index in sorted(parts)]
    return message


def _events(text: str) -> Iterator[dict[str, Any]]:
    for line in text.split("\n"):
        if line.startswith("data:"):
            try:
                event = loads_leniently(line[5:].encode("utf-8", "surrogatepass"))
            except (ValueError, RecursionError):
                continue
            if isinstance(event, dict):
                yield event


def _joined(block: dict[str, Any], deltas: list[str]) -> dict[str, Any]:
    text = "".join(deltas)
    kind = block.get("type")
    if kind in ("text", "thinking"):
        return block | {kind: (as_text(block.get(kind)) or "") + text}
    if text and isinstance(kind, str) and kind.endswith("tool_use"):
        given = inner_json(text)
        return block | {"input": given if isinstance(given, dict) else text}
    return block
