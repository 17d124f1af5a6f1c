"""Tool calls that a model writes into its text, and how their results come back: as the words of the user.

Three ways to write them: ``<function=NAME><parameter=KEY>…</parameter></function>`` (OpenHands, SWE-agent, Qwen),
``<tool_call>{"name": …, "arguments": …}</tool_call>`` (Hermes, Qwen), and one fenced command (SWE-agent).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from traces.tooling.swe_tools import read_action
from traces.tooling.values import inner_json

_FUNCTION = re.compile(r"<function=([\w.:-]+)>")
_PARAMETER = re.compile(r"<parameter=([\w.:-]+)>")
_FENCE = re.compile(r"^```(?:bash|sh|shell|mswea_bash_command)?[ \t]*\n(.*?)^```[ \t]*$", re.DOTALL | re.MULTILINE)
_RESULT = re.compile(
    r"\s*(?:OBSERVATION:\n?|EXECUTION RESULT of \[[^\]\n]*\]:\n?|<tool_response>\n?|Observation: ?\n?)(?P<text>.*)",
    re.DOTALL,
)


class TextCall(NamedTuple):
    """A call that stands in a text."""

    name: str
    input: dict[str, Any]


def has_calls(text: str) -> bool:
    return bool(_FUNCTION.search(text)) or "<tool_call>" in text


def read_text(text: str) -> Iterator[str | TextCall]:
    """The text and the calls in it, in order; a call that was cut at its end is one."""
    at = 0
    while True:
        function, tagged = _FUNCTION.search(text, at), text.find("<tool_call>", at)
        if function is None and tagged < 0:
            break
        start = min(place for place in (function.start() if function else -1, tagged) if place >= 0)
        yield from _said(text[at:start])
        if function and start == function.start():
            end = _end(text, "</function", function.end())
            yield TextCall(function[1], _parameters(text[function.end() : end]))
            at = _after(text, "</function", end)
        else:
            end = _end(text, "</tool_call>", start)
            inside = text[start + len("<tool_call>") : end]
            yield from read_text(inside) if _FUNCTION.search(inside) else [_json_call(inside)]
            at = _after(text, "</tool_call", end)
    yield from _said(text[at:])


def _said(text: str) -> list[str]:
    return [text.strip("\n")] if text.strip() else []


def _end(text: str, mark: str, at: int) -> int:
    found = text.find(mark, at)
    return len(text) if found < 0 else found


def _after(text: str, mark: str, at: int) -> int:
    """The place after the closing tag at ``at``, of which a stop word may have cut the last character."""
    at += len(mark) if text.startswith(mark, at) else 0
    return at + text.startswith(">", at)


def _parameters(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    at = 0
    while match := _PARAMETER.search(text, at):
        at = _end(text, "</parameter>", match.end())
        # A long value stands on lines of its own.
        value = text[match.end() : at].removeprefix("\n").removesuffix("\n")
        found[match[1]] = _typed(match[1], value)
    return found


def _typed(key: str, value: str) -> Any:
    """Numbers and lists where the tools take them; everything else is text."""
    if (
        key in ("view_range", "insert_line", "line_number", "start", "end", "timeout")
        and value.strip()[:1] in "[-0123456789"
    ):
        typed = inner_json(value)
        return value if typed is None else typed
    return value


def _json_call(text: str) -> TextCall:
    value = inner_json(text.strip())
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        given = value.get("arguments", value.get("parameters"))
        given = inner_json(given) if isinstance(given, str) else given
        return TextCall(value["name"], given if isinstance(given, dict) else {})
    return TextCall("unknown", {"input": text.strip("\n")})


def read_fence(text: str) -> Iterator[str | TextCall]:
    """The text around the one fenced command and the command; of several fences the last one is meant."""
    fences = list(_FENCE.finditer(text))
    if not fences:
        yield from _said(text)
        return
    last = fences[-1]
    yield from _said(text[: last.start()])
    action = read_action(last[1].removesuffix("\n"))
    yield TextCall(action.name, action.input)
    yield from _said(text[last.end() :])


def result_in(text: str) -> str | None:
    """What a message of the user hands back of a call; None for the user's own words."""
    match = _RESULT.match(text)
    return match["text"].removesuffix("\n</tool_response>").removesuffix("</tool_response>") if match else None
