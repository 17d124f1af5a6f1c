"""Gemini's contents: messages of parts, which are text, thoughts, calls of functions and what these answered."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from typing import Any

from potato_site.canonical import canonical
from traces.document import EDIT_TYPES, Step
from traces.tooling.calls import Call
from traces.tooling.files import Files
from traces.tooling.gemini_tools import gemini_steps, is_refused
from traces.tooling.transcript import Transcript
from traces.tooling.values import as_object, as_objects, as_text

_NOTICES = ("<session_context>", "<state_snapshot>", "<loaded_context>", "This is the Gemini CLI. We are setting up")

_FILES = frozenset({"inlineData", "inline_data", "fileData"})


def parts_of(content: object) -> list[dict[str, Any]]:
    """The parts of a content: a text is one, and so is a part that stands alone."""
    if isinstance(content, str):
        return [{"text": content}]
    if isinstance(content, dict):
        return [content]
    items = content if isinstance(content, list) else []
    return [{"text": item} if isinstance(item, str) else item for item in items if isinstance(item, str | dict)]


class Talk:
    """Steps of a conversation with Gemini."""

    def __init__(self) -> None:
        self.out = Transcript()
        self.files = Files()
        self._calls = 0
        self._taken: dict[str, int] = {}
        self.asked_by = ""  # "agent" where the other side is no person

    # --- contents of the API ---

    def contents(self, contents: list[dict[str, Any]]) -> None:
        """The messages of a request, with the answers of functions beside their calls."""
        answers: dict[str, deque[dict[str, Any]]] = defaultdict(deque)
        messages = [(content.get("role"), parts_of(content.get("parts"))) for content in contents]
        for _, parts in messages:
            for part in parts:
                if isinstance(answer := part.get("functionResponse"), dict):
                    answers[_key(answer)].append(answer)
        for role, parts in messages:
            if role == "model":
                self._model(parts, answers)
            else:
                self.user(parts, {}, answers)

    def user(self, parts: list[dict[str, Any]], common: dict[str, Any], answers: Any = None) -> None:
        """What a person said: one message, whatever number of texts and pictures it has."""
        texts = [text for part in parts if (text := as_text(part.get("text")))]
        images = self._images(parts)
        notices = [text for text in texts if text.lstrip().startswith(_NOTICES)]
        for text in notices:
            self.out.text("system", text, **common)
        said = "\n".join(text for text in texts if text not in notices)
        if said.strip() or images:
            about = {"by": self.asked_by} if self.asked_by else {}
            self.out.add("system" if about else "user_message", content=said, images=images, **about, **common)
        for part in parts:
            answer = part.get("functionResponse")
            waiting = (answers or {}).get(_key(answer)) if isinstance(answer, dict) else None
            if waiting and waiting[0] is answer:
                # No call before it took it.
                waiting.popleft()
                name = as_text(answer.get("name")) or "unknown"
                self.call(name, {}, answer.get("id"), [{"functionResponse": answer}], common)

    def _model(self, parts: list[dict[str, Any]], answers: dict[str, deque[dict[str, Any]]]) -> None:
        for part in parts:
            call = part.get("functionCall")
            if isinstance(call, dict):
                waiting = answers.get(_key(call))
                result = [{"functionResponse": waiting.popleft()}] if waiting else None
                self.call(as_text(call.get("name")) or "unknown", call.get("args"), call.get("id"), result, {})
            else:
                self.said(part, {})

    def said(self, part: dict[str, Any], common: dict[str, Any]) -> None:
        """One part of what the model said."""
        text = as_text(part.get("text"))
        if text is not None:
            self.out.text("thinking" if part.get("thought") is True else "assistant_message", text, **common)
        elif images := self._images([part]):
            self.out.add("assistant_message", content="", images=images, **common)
        elif isinstance(code := part.get("executableCode"), dict):
            self.out.add("tool_call", name="code_execution", input=code, output=None, call_id=self._id(None), **common)
        elif isinstance(done := part.get("codeExecutionResult"), dict):
            self._executed(as_text(done.get("output")) or "")
        elif "text" not in part and "functionResponse" not in part:
            self.out.warn(f"parts that are not shown ({next(iter(part), 'empty')[:40]})")

    def _executed(self, output: str) -> None:
        last = next((step for step in reversed(self.out.steps) if step.get("name") == "code_execution"), None)
        if last is not None and last.get("output") is None:
            last["output"] = output
        else:
            self.out.add("tool_call", name="code_execution", output=output, call_id=self._id(None))

    # --- a call ---

    def call(
        self,
        name: str,
        given: object,
        call_id: object,
        result: list[dict[str, Any]] | None,
        common: dict[str, Any],
        *,
        status: str | None = None,
        shown: object = None,
    ) -> list[Step]:
        """One call and what it answered. ``status``: as Gemini CLI says it, where it does."""
        output, failed, images = self._result(result)
        if status in ("error", "cancelled"):
            failed = True
        has_run = result is not None or status in ("success", "error")
        call = Call(
            name=name,
            input=given if isinstance(given, dict) else {"input": given},
            output=output,
            failed=failed if has_run else True,
            common=common | {"call_id": self._id(call_id)},
        )
        steps = gemini_steps(call, shown, self.files)
        for step in steps:
            if status == "cancelled" or is_refused(output):
                step["status"] = "rejected"
            elif not has_run:
                step.pop("status", None)
                step |= {"status": "suggested"} if step["type"] in EDIT_TYPES else {}
        if images:
            steps[0]["images"] = images
        return self.out.extend(steps)

    def _result(self, result: list[dict[str, Any]] | None) -> tuple[str | None, bool, Any]:
        if result is None:
            return None, False, None
        texts: list[str] = []
        failed = False
        images = self._images(result) or []
        for part in result:
            answer = as_object(part.get("functionResponse"))
            response = as_object(answer.get("response"))
            images += self._images(as_objects(answer.get("parts"))) or []
            failed = failed or "error" in response
            value = next((response[key] for key in ("output", "error", "result", "content") if key in response), None)
            if value is None and isinstance(part.get("text"), str):
                value = part["text"]
            if value is None and response:
                value = response
            if value is not None:
                texts.append(value if isinstance(value, str) else _json(value))
        return "\n".join(texts), failed, images or None

    def _images(self, parts: list[dict[str, Any]]) -> list[dict[str, str]] | None:
        found = []
        for part in parts:
            if _FILES.isdisjoint(part):
                continue
            inline = as_object(part.get("inlineData") or part.get("inline_data"))
            kind, data = as_text(inline.get("mimeType") or inline.get("mime_type")), as_text(inline.get("data"))
            if kind and data and kind.startswith("image/"):
                found.append({"media_type": kind, "data": data})
            elif inline or "fileData" in part:
                self.out.warn("files that are not shown")
        return found or None

    def _id(self, given: object) -> str:
        wanted = as_text(given)
        if wanted is None:
            self._calls += 1
            wanted = f"call-{self._calls}"
        count = self._taken[wanted] = self._taken.get(wanted, 0) + 1
        return wanted if count == 1 else f"{wanted}~{count}"


def _key(call: dict[str, Any]) -> str:
    """What pairs a call with its answer: the id, or the name in order."""
    return as_text(call.get("id")) or f"name:{as_text(call.get('name'))}"


def _json(value: object) -> str:
    try:
        return canonical(value).decode()
    except (TypeError, ValueError):
        return json.dumps(value)  # lone surrogates
