"""What OpenRLHF's process reward trainer (up to 0.9.5) reads: a placeholder behind each step, ``+`` or ``-`` for each.

There are exactly as many values as placeholders: surplus ones would be dropped silently. A step that is masked keeps
its text and gets no placeholder. Run it with ``--input_key input --label_key value --placeholder_token "<|step|>"
--reward_tokens + -``; the placeholder must be one token of the tokenizer, so add it there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from exports.describe import issue_of, lines, told_origin
from exports.formats import Format, Piece, Row, Sheet, Takes, formats

PLACEHOLDER = "<|step|>"
# A placeholder inside a log would break the row.
ESCAPED = "<| step |>"


@formats.register("openrlhf_prm")
class OpenRlhfPrm(Format):
    """A text with a placeholder behind each step, and + or - for each: OpenRLHF up to 0.9.5."""

    file: ClassVar[str] = "openrlhf_prm.jsonl"
    takes: ClassVar[Takes] = "rewards"
    ignores: ClassVar[tuple[str, ...]] = ("soft_labels",)

    def refusal(self, row: Row) -> str:
        return "" if any(target is not None for target in row.targets) else "no labeled steps"

    def write(self, rows: Iterable[Row], sheet: Sheet) -> Iterator[Piece]:
        return lines(rows, sheet, _object)


def _object(row: Row) -> dict[str, Any]:
    parts = [_escaped(issue_of(row)), "\n"]
    for text, target in zip(row.steps.texts, row.targets, strict=True):
        parts += [_escaped(text), "\n" if target is None else f" {PLACEHOLDER}\n"]
    return {
        "input": "".join(parts),
        "value": ["+" if target else "-" for target in row.targets if target is not None],
        **told_origin(row),
        "split": row.split,
    }


def _escaped(text: str) -> str:
    # Most texts lack one of its characters, which is seen at once.
    return text.replace(PLACEHOLDER, ESCAPED) if "|" in text and "<" in text else text
