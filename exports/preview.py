"""Looking at an export before it is made: its first rows, counts, and what may be wrong with them for a trainer.

Only the first labeled traces are read, so that a page costs the same at any size; what it says of them it says as such.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from annotation import queries
from exports.build import Source
from exports.duplicates import OTHERWISE
from exports.formats import Format, Row, formats
from exports.options import Options
from exports.pairs import less_than
from exports.statistics import mixture
from potato_site.counts import plural

LOOKED_AT = 200
SHOWN_ROWS = 3
SHOWN_CHARACTERS = 3000
# A rough measure for code and English; the trainer's own tokenizer counts exactly.
CHARACTERS_PER_TOKEN = 4
CONTEXTS = (1024, 4096, 32_768, 131_072)
# Below this share of a class, trainers learn the other one.
RARE = 0.1


@dataclass(frozen=True)
class Preview:
    """``files`` are (name, first lines); ``counts`` those of exports.statistics over what was ``looked_at``: so many
    labeled traces and ``compared`` pairs, of each the first ones unless it ``is_whole``."""

    files: list[tuple[str, str]]
    counts: dict[str, Any]
    warnings: list[str]
    looked_at: int
    compared: int
    is_whole: bool
    tokens: list[tuple[int, int]]
    # Of the texts of the rows that were looked at, about.
    megabytes: float

    @property
    def in_main_file(self) -> int:
        return int(self.counts["rows"] - self.counts["only_beside"])

    @property
    def what(self) -> str:
        """``12 labeled traces and 3 comparisons``: without the kind of which there is none, if there is the other."""
        traces = plural(self.looked_at, "labeled trace")
        pairs = plural(self.compared, "comparison")
        return " and ".join([traces] * bool(self.looked_at or not self.compared) + [pairs] * bool(self.compared))


def preview(project: Any, format_name: str, options: Options) -> Preview:
    """Of the first labeled traces. Raises UnknownPlugin, UnknownScheme, UnknownReward."""
    writer = formats.get(format_name)()
    sizes: list[list[int]] = []
    with queries.consistent_read():
        source = Source(project.pk, options, writer, most_traces=LOOKED_AT, format_name=format_name)
        kept: list[Any] = []
        for row in source.rows():
            sizes += _sizes(row, writer, options.prompt_limit)
            if len(kept) < SHOWN_ROWS:
                kept.append(row)
        sheet = source.sheet(writer.file)
        files = _shown(writer.write_readable(kept, sheet))
        coverage = source.coverage()
        counts, idle = source.counts(), [*source.warnings(), *source.without_effect()]
    tokens = [(limit, sum(max(sides) > limit * CHARACTERS_PER_TOKEN for sides in sizes)) for limit in CONTEXTS]
    there = (coverage.labeled * source.reads_traces, coverage.compared * source.reads_comparisons)
    looked_at, compared = (min(LOOKED_AT, number) for number in there)
    megabytes = sum(map(sum, sizes)) / 1e6
    warnings = [*idle, *_warnings(counts, tokens, len(sizes)), *_close(counts, options.min_margin)]
    return Preview(files, counts, warnings, looked_at, compared, (looked_at, compared) == there, tokens, megabytes)


def _sizes(row: Any, writer: Format, prompt_limit: int | None) -> list[list[int]]:
    """Characters of what a trainer gets of a row, about: of each example (both sides of a pair, each single step with
    what stands before it). Answers are for no trainer."""
    if writer.takes == "answers":
        return []
    rows = [row] if isinstance(row, Row) else [row.chosen, row.rejected]
    issue = len(str(rows[0].document.get("issue_description") or ""))
    texts = [list(accumulate(map(len, one.steps.texts), initial=issue)) for one in rows]
    if (places := writer.places(row)) is not None:
        lengths, most = texts[0], prompt_limit or texts[0][-1]
        return [[min(lengths[place], most) + lengths[place + 1] - lengths[place]] for place in places]
    return [[lengths[-1] for lengths in texts]]


def _shown(pieces: Any) -> list[tuple[str, str]]:
    files: dict[str, bytes] = {}
    for name, data, _ in pieces:
        if not name.endswith(".tar"):
            files[name] = (files.get(name, b"") + data)[: SHOWN_CHARACTERS * 4]
    return [(name, _clipped(data.decode("utf-8", "replace"))) for name, data in files.items() if data]


def _clipped(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


def _close(counts: dict[str, Any], margin: float) -> list[str]:
    """Of pairs of process rewards, where more are too close than are in it."""
    close = counts["left_out"].get(less_than(margin), 0)
    if close <= counts["pair_sources"].get("prm", 0):
        return []
    told = "pair differs" if close == 1 else "pairs differ"
    return [
        f"{close:,} {told} by less than {margin:g} in the mean reward of their steps: of long traces a few wrong steps "
        "change it little. A lower min_margin lets them in."
    ]


def _warnings(counts: dict[str, Any], tokens: list[tuple[int, int]], examples: int) -> list[str]:
    found = []
    if not counts["rows"]:
        found.append("There would be no row in it.")
    elif counts["rows"] == counts["only_beside"]:
        found.append("There would be no row in its main file.")
    labels, total = counts["hard_labels"], sum(counts["hard_labels"].values())
    for name in ("positive", "negative"):
        share = labels.get(name, 0) / total if total else 1
        if share < RARE:
            found.append(f"Only {share:.1%} of the step labels are {name}: a trainer will learn the others.")
    for label, rewards in counts["mixed_rewards"].items():
        found.append(f"Steps labeled {label} are worth {mixture(rewards)}, as revisions of the question said.")
    if counts["ties"]:
        ties = counts["ties"]
        told = "trace is tied; it is" if ties == 1 else "traces are tied; they are"
        found.append(f"{ties:,} {told} in it as the options say.")
    if contrary := counts["left_out"].get(OTHERWISE):
        told = "trace has" if contrary == 1 else "traces have"
        found.append(
            f"{contrary:,} {told} the same task and steps as an earlier one, and other labels, which are not in it."
        )
    if counts["unlabeled"]:
        have = "has" if counts["unlabeled"] == 1 else "have"
        found.append(f"{counts['unlabeled']:,} of {plural(counts['items'], 'trace')} {have} no label yet: not in it.")
    if counts["uncompared"]:
        are = "is" if counts["uncompared"] == 1 else "are"
        found.append(
            f"{counts['uncompared']:,} of {plural(counts['pairs'], 'pair')} {are} not compared yet: not in it."
        )
    for limit, beyond in tokens:
        if beyond:
            are = "is" if beyond == 1 else "are"
            found.append(f"{beyond:,} of {plural(examples, 'example')} {are} longer than {limit:,} tokens (about).")
    return found
