"""What DPO and reward trainers load as it is, twice.

The main file is *standard*: three texts, the completions being the final patches (short enough for a trainer's default
length). Beside it lies a *conversational* one with the whole runs as messages and tool calls. Both have ``margin``,
which reward trainers subtract in their loss, as a float of 0 or more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any, ClassVar

from exports.chat import messages, tools
from exports.describe import text_or_none
from exports.formats import Format, Pair, Piece, Row, Sheet, Takes, formats, sibling, split_file
from exports.jsonline import json_line

Messages = list[dict[str, Any]]


@formats.register("dpo")
class Dpo(Format):
    """Pairs of texts (final patches), and beside them pairs of conversations: TRL's DPO and reward trainers."""

    file: ClassVar[str] = "dpo.jsonl"
    takes: ClassVar[Takes] = "pairs"
    ignores: ClassVar[tuple[str, ...]] = ("soft_labels", "neutral", "post_error=mask")
    tells_outcome: ClassVar[bool] = True
    step_texts: ClassVar[bool] = False

    def __init__(self) -> None:
        # The messages of the pair that was looked at last.
        self._held: tuple[Pair, Messages, Messages] | None = None

    def refusal(self, pair: Pair) -> str:
        if not pair.prompt:
            return "pairs without a task text"
        if not self.only_beside(pair):
            return ""
        better, worse = self._conversations(pair)
        return "pairs of equal conversations" if better == worse else ""

    def only_beside(self, pair: Pair) -> str:
        better, worse = patch_of(pair.chosen), patch_of(pair.rejected)
        is_standard = better and worse and better != worse
        return "" if is_standard else "pairs without two different final patches (in the conversational file only)"

    def write(self, rows: Iterable[Pair], sheet: Sheet) -> Iterator[Piece]:
        conversational = sibling(sheet.file, f"conversational{PurePosixPath(sheet.file).suffix}")
        yield Piece(sheet.file, b"")
        yield Piece(conversational, b"")
        for pair in rows:
            if not self.only_beside(pair):
                yield Piece(split_file(sheet.file, pair.split), json_line(_standard(pair)))
            if line := self._conversational_line(pair):
                yield Piece(split_file(conversational, pair.split), line)
            else:
                sheet.note("pairs of equal conversations (in the standard file only)")

    def _conversational_line(self, pair: Pair) -> bytes:
        """Empty for two equal conversations."""
        better, worse = self._conversations(pair)
        self._held = None
        return b"" if better == worse else json_line(_conversational(pair, better, worse))

    def _conversations(self, pair: Pair) -> tuple[Messages, Messages]:
        if self._held is None or self._held[0] is not pair:
            self._held = (pair, _messages(pair.chosen), _messages(pair.rejected))
        return self._held[1:]


def patch_of(row: Row) -> str:
    return text_or_none(row.document, "final_patch") or ""


def _standard(pair: Pair) -> dict[str, Any]:
    chosen, rejected = patch_of(pair.chosen), patch_of(pair.rejected)
    return {"prompt": pair.prompt, "chosen": chosen, "rejected": rejected, **_about(pair)}


def _conversational(pair: Pair, better: Messages, worse: Messages) -> dict[str, Any]:
    return {
        "prompt": [{"role": "user", "content": pair.prompt}],
        "chosen": better,
        "rejected": worse,
        "tools": tools(better, worse),
        **_about(pair),
    }


def _messages(row: Row) -> Messages:
    """The run; one that begins with the task in the agent's own words does not repeat the prompt."""
    turns = list(row.document.get("structured_turns") or [])
    task = (text_or_none(row.document, "issue_description") or "").strip()
    while turns and turns[0].get("type") == "user_message" and str(turns[0].get("content") or "").strip() == task:
        turns = turns[1:]
    return messages(turns, row.steps.limit)


def _about(pair: Pair) -> dict[str, Any]:
    return {
        "margin": float(pair.margin),
        "pair_id": pair.pair_id,
        "issue_id": pair.issue_id,
        "chosen_trace_id": pair.chosen.trace_id,
        "rejected_trace_id": pair.rejected.trace_id,
        "source": pair.source,
        "preference_strength": float(pair.preference_strength),
        "split": pair.split,
    }
