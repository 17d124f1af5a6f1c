"""Trajectories in Harbor's interchange format (ATIF): what a step of it means, both ways.

Read: versions 1.0 to 1.8. Written: 1.7, one ATIF step for each answer of the model, with its thought, its words and
its calls. What the format has no field for stands in the ``extra`` objects that it leaves to its writers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from traces.document import CALL_TYPES, EDIT_TYPES, Step, TraceDocument
from traces.tooling.values import as_int, as_number, as_object, as_objects, as_text

WRITTEN = "ATIF-v1.7"
MARK = "ATIF-v"


def to_atif(doc: TraceDocument) -> dict[str, Any]:
    """The document as one ATIF trajectory, of which the converter makes the same document again, but for ``source``."""
    writer = _Writer()
    for step in doc.get("structured_turns") or []:
        writer.add(step)
    agent = doc.get("agent")
    about = agent if isinstance(agent, dict) else {"name": agent}
    version = doc.get("agent_version") or about.get("version")
    trajectory: dict[str, Any] = {
        "schema_version": WRITTEN,
        "session_id": doc["id"],
        "agent": {"name": str(about.get("name") or "unknown"), "version": str(version or "unknown")},
        "steps": writer.steps,
        "final_metrics": _final_metrics(as_object(doc.get("metrics")), len(writer.steps)),
        "extra": {"trace": {key: value for key, value in doc.items() if key not in ("structured_turns", "source")}},
    }
    if doc.get("model"):
        trajectory["agent"]["model_name"] = doc["model"]
    return trajectory


def _final_metrics(metrics: dict[str, Any], count: int) -> dict[str, Any]:
    tokens = as_object(metrics.get("tokens"))
    found = {
        "total_prompt_tokens": as_int(tokens.get("input")),
        "total_completion_tokens": as_int(tokens.get("output")),
        "total_cached_tokens": as_int(tokens.get("cache_read")),
        "total_cost_usd": as_number(metrics.get("cost")),
        "total_steps": count,
    }
    return {key: value for key, value in found.items() if value is not None}


class _Writer:
    """Puts steps together into answers: a thought, words and calls, in this order, each of the first two once."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Any]] = []
        self.answer: dict[str, Any] | None = None
        self.seen: Counter[str] = Counter()

    def add(self, step: Step) -> None:
        kind = step["type"]
        if kind in ("user_message", "system", "error"):
            self.answer = None
            self._begin("user" if kind == "user_message" else "system", step, _message(step))
            _keep(self.steps[-1], step)
            return
        if self.answer is None or not _fits(kind, self.answer):
            self.answer = self._begin("agent", step, "")
        if kind == "thinking":
            self.answer["reasoning_content"] = step.get("content") or ""
            _keep(self.answer, step)
        elif kind == "assistant_message":
            self.answer["message"] = _message(step)
            _keep(self.answer, step)
        else:
            self._call(self.answer, step)

    def _begin(self, source: str, step: Step, message: Any) -> dict[str, Any]:
        made: dict[str, Any] = {"step_id": len(self.steps) + 1}
        if isinstance(step.get("started_at"), str):
            made["timestamp"] = step["started_at"]
        made |= {"source": source, "message": message}
        self.steps.append(made)
        return made

    def _call(self, answer: dict[str, Any], step: Step) -> None:
        given = step.get("call_id")
        identity = given if isinstance(given, str) else f"step-{step['step_idx']}"
        self.seen[identity] += 1
        if self.seen[identity] > 1:  # a call shown as several steps
            identity = f"{identity}#{self.seen[identity]}"
        name, arguments = _called(step)
        result = step.get("output")
        if step["type"] == "file_read" and "output" not in step:
            result = step.get("content")
        # What the call, its result or the answer says, is not said again; what they say too much is taken back.
        said = arguments | {"call_id": identity, "output": result, "started_at": answer.get("timestamp")}
        if step["type"] in CALL_TYPES:
            said |= {"name": name, "input": arguments}
        if step["type"] == "file_read" and "output" not in step:
            said["content"] = said.pop("output")
        kept = {key: value for key, value in step.items() if key not in said or value != said[key]}
        kept |= {key: None for key, value in said.items() if key not in step and value is not None}
        if step["type"] == "file_read" and "output" in step:
            kept.setdefault("content", None)  # the result is the output
        kept = {key: value for key, value in kept.items() if key not in ("step_idx", "images")} | {"type": step["type"]}
        call = {"tool_call_id": identity, "function_name": name, "arguments": arguments}
        answer.setdefault("tool_calls", []).append(call | {"extra": {"trace": kept}})
        results = answer.setdefault("observation", {"results": []})["results"]
        results.append({"source_call_id": identity, "content": _with_images(result, step.get("images"))})


def _fits(kind: str, answer: dict[str, Any]) -> bool:
    if kind not in ("thinking", "assistant_message"):
        return True
    kept = [one["type"] for one in as_object(answer.get("extra")).get("trace", ())]
    return "tool_calls" not in answer and "assistant_message" not in kept and kind not in kept


def _keep(made: dict[str, Any], step: Step) -> None:
    """What the format has no field for, and the type of our step."""
    rest = {key: value for key, value in step.items() if key not in ("step_idx", "content", "images")}
    if rest.setdefault("started_at", None) == made.get("timestamp"):
        del rest["started_at"]
    made.setdefault("extra", {}).setdefault("trace", []).append(rest)


def _message(step: Step) -> Any:
    return _with_images(step.get("content") or "", step.get("images"))


def _with_images(text: str | None, images: object) -> Any:
    if not isinstance(images, list) or not images:
        return text
    parts = [{"type": "image", "source": _source(as_object(image))} for image in images]
    return [*([{"type": "text", "text": text}] if text is not None else []), *parts]


def _source(image: dict[str, Any]) -> dict[str, Any]:
    """Its bytes are part of the file: an address of its own."""
    return {"media_type": image.get("media_type"), "path": f"data:{image.get('media_type')};base64,{image.get('data')}"}


def _called(step: Step) -> tuple[str, dict[str, Any]]:
    """The name and the arguments of a call: those of the agent where they are known."""
    kind = step["type"]
    if kind in CALL_TYPES:
        given = step.get("input")
        return str(step.get("name") or kind), given if isinstance(given, dict) else {}
    if kind == "bash_command":
        return "bash", _present({"command": step.get("command"), "cwd": step.get("cwd")})
    if kind in EDIT_TYPES:
        return kind, _present({"path": step.get("path"), "diff": step.get("diff")})
    keys = ("path", "start_line", "end_line")
    return kind, _present({key: step.get(key) for key in keys})


def step_ids(trajectory: dict[str, Any]) -> list[int]:
    """Of each step of the document that became this trajectory, the number of the ATIF step that holds it."""
    return [step["step_id"] for step in trajectory["steps"] for _ in own_steps(step)]


# --- back --------------------------------------------------------------------------------------------------


def is_ours(trajectory: dict[str, Any]) -> bool:
    """Whether ``to_atif`` wrote it: then its steps are given back as they were."""
    return isinstance(as_object(trajectory.get("extra")).get("trace"), dict)


def own_fields(trajectory: dict[str, Any]) -> dict[str, Any]:
    """The document's own keys, of a trajectory that ``to_atif`` wrote."""
    return as_object(as_object(trajectory.get("extra")).get("trace"))


def own_steps(step: dict[str, Any]) -> Iterator[Step]:
    """The steps that ``to_atif`` made an ATIF step of, without their numbers."""
    kept = as_object(step.get("extra")).get("trace")
    for one in as_objects(kept):
        is_thought = one.get("type") == "thinking"
        text, images = content_of(step.get("reasoning_content") if is_thought else step.get("message"))
        yield _present({"content": text or "", "images": images, "started_at": step.get("timestamp")} | one)
    results = as_objects(as_object(step.get("observation")).get("results"))
    for number, call in enumerate(as_objects(step.get("tool_calls"))):
        yield _called_again(call, results[number] if number < len(results) else {}, step)


def _called_again(call: dict[str, Any], result: dict[str, Any], step: dict[str, Any]) -> Step:
    kept = as_object(as_object(call.get("extra")).get("trace"))
    kind, arguments = as_text(kept.get("type")), as_object(call.get("arguments"))
    text, images = content_of(result.get("content"))
    made: Step = {"call_id": call.get("tool_call_id"), "images": images, "started_at": step.get("timestamp")}
    made |= {"name": call.get("function_name"), "input": arguments} if kind in CALL_TYPES else arguments
    is_content = kind == "file_read" and "output" not in kept and "content" not in kept
    made["content" if is_content else "output"] = text
    return _present(made | kept)


def _present(step: Step) -> Step:
    return {key: value for key, value in step.items() if value is not None}


def content_of(
    content: object, warn: Callable[[str], None] = lambda what: None
) -> tuple[str | None, list[dict[str, str]] | None]:
    """(text, images) of a message or a result; parts stand on lines of their own, what is neither ``warn`` is told."""
    if isinstance(content, str) or content is None:
        return content, None
    texts: list[str] = []
    images: list[dict[str, str]] = []
    for part in content if isinstance(content, list) else [content]:
        about = as_object(part)
        image = _image(as_object(about.get("source"))) if about.get("type") == "image" else None
        if image:
            images.append(image)
        elif isinstance(about.get("text"), str):
            texts.append(about["text"])
        else:
            kind = as_text(about.get("type")) or "unknown"
            warn("images in files that are not here" if kind == "image" else f"parts that are no text ({kind[:40]})")
    return "\n".join(texts) if texts else None, images or None


def _image(source: dict[str, Any]) -> dict[str, str] | None:
    """An image that is part of the file; one in a file beside it is only named there."""
    media_type, data = as_text(source.get("media_type")), as_text(source.get("data"))
    path = as_text(source.get("path")) or ""
    if data is None and path.startswith("data:"):
        named, found, packed = path.removeprefix("data:").partition(";base64,")
        media_type, data = named or media_type, packed if found else None
    return {"media_type": media_type, "data": data} if data and media_type else None
