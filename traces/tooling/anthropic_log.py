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
from hashlib import sha256
from typing import Any

from potato_site.canonical import digest, loads_leniently
from traces.tooling.values import as_int, as_object, as_objects, as_text, inner_json


@dataclass
class Exchange:
    """One request, and its response where that was logged. ``record``: all that the log says of it."""

    line: int
    body: dict[str, Any]
    response: dict[str, Any]
    at: str | None = None
    record: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def messages(self) -> list[dict[str, Any]]:
        return as_objects(self.body.get("messages"))

    @cached_property
    def id(self) -> str:
        """What the log calls a run, or this one request; "" where it has no ids, which requests of the API lack."""
        given = self.told("id")
        return str(given) if type(given) is int else as_text(given) or as_text(self.told("instance_id")) or ""

    def told(self, key: str) -> Any:
        """What stands beside the request, or else within it."""
        given = self.record.get(key)
        return self.body.get(key) if given is None else given

    @cached_property
    def marks(self) -> list[bytes]:
        """Of each message a digest of it and all before it."""
        mark, marks = b"", []
        for message in self.messages:
            mark = sha256(mark + _mark(message).encode()).digest()
            marks.append(mark)
        return marks

    def is_begun_by(self, other: Exchange) -> bool:
        """Whether it goes on from the other's answer, or from a request of which none is known.

        Its messages begin with the other's, and are more. What ends with an answer in its messages is a run by itself.
        """
        if answer := _answer(other.response):
            return _answer(self.messages[len(other.messages)]) == answer
        return other.messages[-1].get("role") != "assistant"


@dataclass(eq=False)
class Log:
    """Requests that go on from each other: the last one, with what all of them say of the messages."""

    first: Exchange
    last: Exchange
    responses: dict[int, tuple[dict[str, Any], str | None]] = field(default_factory=dict)  # by the message's place
    ids: set[str] = field(default_factory=set)
    repeated: int = 0

    def takes(self, exchange: Exchange) -> bool:
        """Take a request that goes on from this conversation, or repeats a part of it; none that is another run.

        One begins with the other's messages, and is longer unless their ids are the same. Ids are those of runs in some
        logs, of requests in others: one with another id that goes on from an answer is the same conversation.
        """
        place, end = len(exchange.messages), len(self.last.messages)
        if exchange.id not in self.ids:
            earlier, later = (self.last, exchange) if place > end else (exchange, self.last)
            if not later.is_begun_by(earlier):
                return False
        self.repeated += place <= end
        if place >= end:
            self.last = exchange
        self.note(exchange)
        return True

    def note(self, exchange: Exchange) -> None:
        self.ids.add(exchange.id)
        if exchange.response:
            self.responses[len(exchange.messages)] = (exchange.response, exchange.at)


class Logs:
    """The conversations of one file."""

    def __init__(self) -> None:
        self.all: list[Log] = []
        self._ending: dict[bytes, list[Log]] = defaultdict(list)  # by their last mark
        self._passing: dict[bytes, list[Log]] = defaultdict(list)  # by marks between, where no request ended
        self._asked: dict[tuple[bytes, str], Log] = {}  # by the last mark of each request, and its id
        self._waiting: list[Log] = []  # for the next exchange: that of a file with one is compared with nothing

    def add(self, exchange: Exchange) -> None:
        if exchange.messages and self.all:
            for log in self._waiting:
                self._keep(log, 0)
            self._waiting.clear()
            if self._is_taken(exchange):
                return
        log = Log(exchange, exchange)
        log.note(exchange)
        self.all.append(log)
        if exchange.messages:
            self._waiting.append(log)

    def _is_taken(self, exchange: Exchange) -> bool:
        """Whether a conversation takes it: one with its id first, then the latest."""
        *before, mark = exchange.marks
        if log := self._asked.get((mark, exchange.id)):
            return log.takes(exchange)
        near = [log for begin in before for log in self._ending.get(begin, ())] + self._passing.get(mark, [])
        for is_own in (True, False):
            for log in reversed(near):
                end = log.last.marks
                if (exchange.id in log.ids) == is_own and log.takes(exchange):
                    self._move(log, end, exchange)
                    return True
        return False

    def _move(self, log: Log, end: list[bytes], exchange: Exchange) -> None:
        """Find a log by what it has taken since its last marks were these."""
        if log.last is exchange:
            self._ending[end[-1]].remove(log)
            self._keep(log, len(end))
        else:
            self._passing[exchange.marks[-1]].remove(log)
            self._asked[exchange.marks[-1], exchange.id] = log

    def _keep(self, log: Log, begin: int) -> None:
        """Find a log by its marks from there on."""
        *between, mark = log.last.marks[begin:]
        for passed in between:
            self._passing[passed].append(log)
        self._ending[mark].append(log)
        self._asked[mark, log.last.id] = log


def _mark(message: dict[str, Any]) -> str:
    said = [as_text(message.get("role")), _plain(message.get("content"))]
    try:
        return digest(*said)
    except (TypeError, ValueError):
        return json.dumps(said, sort_keys=True)  # lone surrogates, which no canonical JSON holds


def _answer(message: dict[str, Any]) -> list[str]:
    """What an answer said and called, which later requests repeat: thoughts and other keys are changed by some."""
    answer = list[str]()
    for block in _plain(message.get("content")) if message.get("role", "assistant") == "assistant" else []:
        said = block.get("text") if block.get("type") == "text" else block.get("id")
        answer += [text] if (text := (as_text(said) or "").strip()) else []
    return answer


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
    return Exchange(line, body, answer, at, record)


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
