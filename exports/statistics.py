"""The counts of an export: for the manifest, the page, and what the command says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from operator import attrgetter
from typing import Any

from annotation.queries import Coverage
from exports.formats import Format, Pair, Row
from exports.tally import Tally

_LABEL = attrgetter("label")
NAMES = {True: "positive", False: "negative", None: "masked"}


def note(tally: Tally, row: Row | Pair, writer: Format) -> None:
    """Count a row (or pair) that goes into the file: what that holds of it."""
    places = writer.places(row)
    count = writer.n_rows(row) if places is None else len(places)
    tally.rows += count
    tally.splits[row.split] += count
    if reason := writer.only_beside(row):
        tally.only_beside += count
        tally.left_out[reason] += count
    elif row.split == "train":
        tally.in_main += count
    tally.several += len(row.annotators) > 1
    for one in (row.chosen, row.rejected) if isinstance(row, Pair) else (row,):
        _note_labels(tally, one)
    if isinstance(row, Pair):
        tally.traces |= {row.chosen.trace_id, row.rejected.trace_id}
        tally.sources[row.source] += 1
        return
    tally.traces.add(row.trace_id)
    if row.outcome is not None:
        tally.met_outcomes.add(str(row.outcome))
    if writer.is_raw:
        return
    tally.ties += row.needs_adjudication
    if row.outcome is not None:
        tally.outcomes[str(row.outcome)] += 1
    judged, targets = row.steps.judged, row.targets
    if places is not None:
        judged, targets = [judged[place] for place in places], [targets[place] for place in places]
    tally.labels.update(map(_LABEL, judged))
    tally.targets.update(targets)


def mixture(rewards: Iterable[float]) -> str:
    """Several rewards in words."""
    *some, last = (f"{reward:g}" for reward in rewards)
    return f"{', '.join(some)} and {last}"


def _note_labels(tally: Tally, row: Row) -> None:
    """What its steps are called, and what that is worth."""
    for judged in set(row.steps.judged):
        tally.met_labels.add(judged.label)
        if judged.label is not None and judged.reward is not None:
            tally.met_rewards.setdefault(judged.label, set()).add(judged.reward)


def counts_of(tally: Tally, coverage: Coverage, *, traces: bool = True, comparisons: bool = True) -> dict[str, Any]:
    """``items`` traces and ``pairs`` of them there are, ``rows`` in the files (``only_beside`` of them not in the main
    ones of their splits, ``in_main`` in the main one of all), of ``traces`` traces; what was left out and why; labels.

    ``traces``, ``comparisons``: whether such an export reads labels of the one, and of the other. What it does not read
    lacks nothing. ``mixed_rewards``: labels that are worth this and that, as revisions of the question said.
    """
    labels: Counter[str] = Counter()
    for label, number in tally.labels.items():
        labels[label or "none"] += number
    left_out = {reason: number for reason, number in sorted(tally.left_out.items()) if number}
    return {
        "items": coverage.items,
        "rows": tally.rows,
        "only_beside": tally.only_beside,
        "in_main": tally.in_main,
        "traces": len(tally.traces),
        "by_several": tally.several,
        "ties": tally.ties,
        "unlabeled": max(coverage.items - coverage.labeled, 0) if traces else 0,
        "pairs": coverage.pairs,
        "uncompared": max(coverage.pairs - coverage.compared, 0) if comparisons else 0,
        "withdrawn": coverage.withdrawn,
        "left_out": left_out,
        "answers_left_out": dict(sorted(tally.answers_left_out.items())),
        "changed": dict(sorted(tally.changed.items())),
        "labels": dict(sorted(labels.items())),
        "hard_labels": dict(sorted((NAMES[target], count) for target, count in tally.targets.items())),
        "mixed_rewards": {
            label: sorted(rewards) for label, rewards in sorted(tally.met_rewards.items()) if len(rewards) > 1
        },
        "outcomes": dict(sorted(tally.outcomes.items())),
        "splits": dict(sorted(tally.splits.items())),
        "pair_sources": dict(sorted(tally.sources.items())),
    }
