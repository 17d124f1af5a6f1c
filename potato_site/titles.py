"""What people read where only a name was given: ``prm_per_step`` is shown as “PRM per step”."""

from __future__ import annotations

import re

# Of the field, of code and of the web; none of them is also an English word that a question may be named after.
ABBREVIATIONS = frozenset(
    "ai api ast ci cli cpu css csv db dpo gpu grpo gui html http https id ide io ipo json jsonl kto llm mcp ml nlp ok"  # noqa: SIM905
    " orm orpo os pdf ppo pr prm qa rlaif rlhf rlvr sdk sft sql swe tdd ui url ux xml yaml".split()
)
_WORD = re.compile(r"[^\W_]+")


def title_of(name: str) -> str:
    """The words of a name, the first with a capital, known abbreviations in capitals. What has capitals keeps them."""
    words = _WORD.sub(lambda word: word[0].upper() if word[0].lower() in ABBREVIATIONS else word[0], name)
    words = words.replace("_", " ").strip()
    return words[:1].upper() + words[1:]
