"""Single steps, good or bad: what TRL's KTO trainer reads.

A line per step that somebody judged right or wrong: the task and all steps before it as prompt (where prompts are
limited, the task and the latest of them), the step as completion. Steps that only follow from a first error, that are
neutral or half right, teach nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from exports.cutting import cut
from exports.describe import issue_of, told_origin
from exports.formats import Format, Piece, Row, Sheet, Takes, formats, split_file
from exports.jsonline import json_line, json_text

JUDGED = ("human", "ai_changed", "ai")
# What others told the agent is no completion of it.
NOT_ITS_OWN = ("user_message", "system", "error")
# Worth as much as not: neither an example nor a counter-example.
HALF = 0.5
# Between the task and each step of a prompt: an empty line.
GAP = "\n\n"
LEFT_OUT = "[… earlier steps left out: {:,} …]"
# In less room, what is cut would be little more than the note that it was.
LEAST = 100
GAP_IN_JSON = json_text(GAP)[1:-1]


@formats.register("kto")
class Kto(Format):
    """Steps with a label each, and the task and steps before them as prompt: TRL's KTO trainer."""

    file: ClassVar[str] = "kto_steps.jsonl"
    takes: ClassVar[Takes] = "rewards"
    ignores: ClassVar[tuple[str, ...]] = ("neutral",)
    prompts_grow: ClassVar[bool] = True

    def __init__(self) -> None:
        # What was found in the row that was looked at last: it is asked for several times.
        self._held: tuple[Row, list[int], list[int]] | None = None

    def refusal(self, row: Row) -> str:
        judged, places = self._found_in(row)
        if places:
            return ""
        return "no text in what is judged right or wrong" if judged else "no step judged right or wrong"

    def places(self, row: Row) -> list[int]:
        return self._found_in(row)[1]

    def _found_in(self, row: Row) -> tuple[list[int], list[int]]:
        """The steps that are judged right or wrong, and those of them that are an example. One without a text (thinking
        that a model keeps to itself, say) is none."""
        if self._held is None or self._held[0] is not row:
            each = zip(row.steps, row.targets, strict=True)
            judged = [place for place, (step, target) in enumerate(each) if _is_judged(step, target)]
            self._held = (row, judged, [place for place in judged if _has_text(row.steps[place])])
        return self._held[1:]

    def write(self, rows: Iterable[Row], sheet: Sheet) -> Iterator[Piece]:
        yield Piece(sheet.file, b"")
        for row in rows:
            judged, places = self._found_in(row)
            for _ in range(len(judged) - len(places)):
                sheet.note("steps without a text")
            make = _lines if sheet.prompt_limit is None else _limited_lines
            for line in make(row, places, sheet):
                yield Piece(split_file(sheet.file, row.split), line)


def _is_judged(step: Mapping[str, Any], target: bool | None) -> bool:
    if step["label_source"] not in JUDGED or step["type"] in NOT_ITS_OWN or target is None:
        return False
    return step["label"] != "neutral" and step["reward"] != HALF


def _has_text(step: Mapping[str, Any]) -> bool:
    text = step["content"]
    return bool(text) and not text.isspace()


def _lines(row: Row, places: Sequence[int], sheet: Sheet) -> Iterator[bytes]:
    """A prompt is the one before and a step more, and so is its JSON: every step is encoded once, not in each prompt
    again."""
    prompt = bytearray(json_text(issue_of(row))[:-1])
    about, done = told_origin(row), 0
    for place in places:
        for text in row.steps.texts[done:place]:
            prompt += GAP_IN_JSON + json_text(text)[1:-1]
        done = place
        yield b"".join((b'{"prompt":', prompt, b'",', json_line(_behind_the_prompt(row, place, about, sheet))[1:]))


def _limited_lines(row: Row, places: Sequence[int], sheet: Sheet) -> Iterator[bytes]:
    about, texts = told_origin(row), row.steps.texts
    for place in places:
        prompt = latest(issue_of(row), texts, place, sheet.prompt_limit or 0)
        yield json_line({"prompt": prompt, **_behind_the_prompt(row, place, about, sheet)})


def latest(task: str, steps: Sequence[str], end: int, limit: int) -> str:
    """A prompt of at most ``limit`` characters (100 and more): the task, and of the steps before ``end`` the latest
    that find room, whole, with a note of how many found none.

    A task takes at most half of it. Of a last step that is too long for what is left, both ends are kept.
    """
    first, room = _with_room(steps, end, limit - len(task))
    if first == 0 and room >= 0:
        return GAP.join([task, *steps[:end]])
    if end == 0:
        return cut(task, limit)
    task = cut(task, limit // 2)
    first, room = _with_room(steps, end, limit - len(task) - len(GAP) - len(LEFT_OUT.format(end)))
    kept = list(steps[first:end])
    if not kept and room >= LEAST:
        first = end - 1
        kept = [cut(steps[first], room - len(GAP))]
    return GAP.join([task, *([LEFT_OUT.format(first)] if first else []), *kept])


def _with_room(steps: Sequence[str], end: int, room: int) -> tuple[int, int]:
    """(the first of the steps before ``end`` that are together in ``room`` characters, what is left of that)."""
    first = end
    while first and len(GAP) + len(steps[first - 1]) <= room:
        first -= 1
        room -= len(GAP) + len(steps[first])
    return first, room


def _behind_the_prompt(row: Row, place: int, about: Mapping[str, Any], sheet: Sheet) -> dict[str, Any]:
    step = row.steps[place]
    return {
        "completion": step["content"],
        "label": row.targets[place],
        **about,
        "step_idx": step["step_idx"],
        "type": step["type"],
        "n_annotators": len(row.annotators),
        # One alone agrees with what came of it; a null that stands first would be the type of the column.
        "agreement": 1.0 if row.agreement is None else row.agreement,
        "split": row.split,
        **({"p_correct": step["p_correct"]} if sheet.soft_labels else {}),
    }
