"""What ``gemini --output-format stream-json`` prints: ``init``, messages in pieces, calls, results, ``result``."""

from __future__ import annotations

from collections import deque
from typing import Any

from traces.document import TraceDocument
from traces.tooling.gemini_talk import Talk
from traces.tooling.usage import metrics_of, tokens_of
from traces.tooling.values import as_number, as_object, as_text

_WITH_SESSION = frozenset({"session_id", "model"})
_OF_CALL = frozenset({"tool_name", "tool_id", "parameters"})
_OF_RESULT = frozenset({"tool_id", "status"})


def is_event(record: dict[str, Any]) -> bool:
    """Whether it is one of those that nothing else prints."""
    kind, keys = record.get("type"), record.keys()
    return (kind == "init" and keys >= _WITH_SESSION) or (kind == "tool_use" and keys >= _OF_CALL)


def is_any_event(record: dict[str, Any]) -> bool:
    """Whether it may be one, in a file that has some."""
    kind = record.get("type")
    return is_event(record) or (
        (kind == "message" and isinstance(record.get("role"), str) and "content" in record)
        or (kind == "tool_result" and record.keys() >= _OF_RESULT)
        or (kind == "result" and "status" in record)
        or (kind == "error" and "message" in record)
    )


class StreamedRun:
    """The events of one run. ``add`` them, then ``document``."""

    def __init__(self) -> None:
        self.events: list[tuple[int | None, dict[str, Any]]] = []
        self.results: dict[str, deque[dict[str, Any]]] = {}  # by call; models repeat their ids
        # By place in ``events``: the pieces of what the model said in one go.
        self.pieces: dict[int, list[str]] = {}
        self.session: str | None = None

    def add(self, line: int | None, event: dict[str, Any]) -> None:
        if event.get("type") == "tool_result" and (call := as_text(event.get("tool_id"))):
            self.results.setdefault(call, deque()).append(event)
        elif _is_piece(event) and (pieces := self.pieces.get(len(self.events) - 1)):
            pieces.append(event["content"])
        else:
            if _is_piece(event):
                self.pieces[len(self.events)] = [event["content"]]
            self.events.append((line, event))
        self.session = self.session or as_text(event.get("session_id"))

    def begins_another(self, event: dict[str, Any]) -> bool:
        """Several runs may have been written to one file."""
        return event.get("type") == "init" and bool(self.events)

    def document(self, name: str) -> TraceDocument:
        talk, end, model = Talk(), dict[str, Any](), None
        for place, (line, event) in enumerate(self.events):
            kind, common = event.get("type"), _common(line, event)
            pieces = self.pieces.get(place)
            content = "".join(pieces) if pieces else as_text(event.get("content"))
            if kind == "init":
                model = model or as_text(event.get("model"))
            elif kind == "message" and event.get("role") == "assistant":
                talk.out.text("assistant_message", content, **common)
            elif kind == "message":
                talk.user([{"text": content}] if content else [], common)
            elif kind == "tool_use":
                self._call(talk, event, common)
            elif kind == "error":
                talk.out.text("error", as_text(event.get("message")), **common)
            elif kind == "result":
                end = event
                talk.out.text("error", as_text(as_object(event.get("error")).get("message")), **common)
            else:
                talk.out.warn(f"events that have no step ({str(kind)[:40]})")
        for call, result in ((call, result) for call, results in self.results.items() for result in results):
            talk.call("unknown", {}, call, _parts(result), _common(None, result), status=as_text(result.get("status")))
        stats = as_object(end.get("stats"))
        milliseconds = as_number(stats.get("duration_ms"))
        return talk.out.document(
            self.session or name,
            agent="gemini-cli",
            model=model,
            started_at=next((time for _, event in self.events if (time := as_text(event.get("timestamp")))), None),
            exit_status=as_text(end.get("status")),
            metrics=metrics_of(tokens=tokens_of(stats), seconds=None if milliseconds is None else milliseconds / 1000),
        )

    def _call(self, talk: Talk, event: dict[str, Any], common: dict[str, Any]) -> None:
        call = as_text(event.get("tool_id"))
        results = self.results.get(call) if call else None
        result = results.popleft() if results else None
        talk.call(
            as_text(event.get("tool_name")) or "unknown",
            event.get("parameters"),
            call,
            _parts(result) if result else None,
            common,
            status=as_text(result.get("status")) if result else None,
        )


def _is_piece(event: dict[str, Any]) -> bool:
    is_models = event.get("type") == "message" and event.get("role") == "assistant"
    return is_models and event.get("delta") is True and isinstance(event.get("content"), str)


def _common(line: int | None, event: dict[str, Any]) -> dict[str, Any]:
    known = {"source_line": line, "started_at": as_text(event.get("timestamp"))}
    return {key: value for key, value in known.items() if value is not None}


def _parts(result: dict[str, Any]) -> list[dict[str, Any]]:
    """The result as the API's content has it; "" where nothing was printed."""
    message = as_text(as_object(result.get("error")).get("message"))
    answer = {"error": message} if message else {"output": as_text(result.get("output")) or ""}
    return [{"functionResponse": {"response": answer}}]
