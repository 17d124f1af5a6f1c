"""How many tokens an answer or a run took, in the same words whoever counted them."""

from __future__ import annotations

from typing import Any

# The Messages API, the Chat Completions and Responses APIs and what LiteLLM and DeepSeek make of them, the Gemini API,
# Codex, Gemini CLI, OpenHands, Inspect, ATIF.
_NAMES = {
    "input": "input_tokens prompt_tokens promptTokenCount input total_prompt_tokens",
    "output": "output_tokens completion_tokens candidatesTokenCount output total_completion_tokens",
    "cache_read": "cache_read_input_tokens cached_input_tokens cache_read_tokens input_tokens_cache_read cached_tokens"
    " prompt_cache_hit_tokens cachedContentTokenCount cached total_cached_tokens",
    "cache_write": "cache_creation_input_tokens cache_write_tokens input_tokens_cache_write",
    "thinking": "reasoning_tokens reasoning_output_tokens thoughtsTokenCount thoughts",
    "tool": "toolUsePromptTokenCount tool",
}
_KINDS = {name: kind for kind, names in _NAMES.items() for name in names.split()}
_DETAILS = frozenset(
    {"prompt_tokens_details", "completion_tokens_details", "input_tokens_details", "output_tokens_details"}
)


def tokens_of(usage: object) -> dict[str, int]:
    """``{"input", "output", "cache_read", "cache_write", "thinking", "tool"}``, those that ``usage`` counts.

    Whether "input" includes what was read from a cache, and "output" the thoughts, is as the API that counted has it:
    the Messages API leaves the former out. Sums of these (``total_tokens``) are not taken.
    """
    found: dict[str, int] = {}
    if isinstance(usage, dict):
        for name, count in usage.items():
            if type(count) is int:
                if kind := _KINDS.get(name):
                    found.setdefault(kind, count)
            elif name in _DETAILS:
                found = tokens_of(count) | found
    return found


def add_tokens(total: dict[str, int], tokens: dict[str, int]) -> None:
    """Add those of an answer to those of the run."""
    for kind, count in tokens.items():
        total[kind] = total.get(kind, 0) + count


def metrics_of(**values: Any) -> dict[str, Any] | None:
    """A document's ``metrics``: what is known of cost (US dollars), seconds, tokens and the like; None for nothing."""
    return {name: value for name, value in values.items() if value not in (None, {})} or None
