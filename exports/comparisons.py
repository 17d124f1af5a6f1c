"""Preference pairs from what people chose between two traces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from annotation.queries import LabeledPair, LabeledTrace, Labels
from exports.changes import Changes
from exports.describe import issue_of
from exports.formats import Pair, Row
from exports.options import Options
from exports.pairs import Reads, issue_id_of, pair_id
from exports.rows import ADJUDICATION, Rows
from exports.tally import Tally

COMPARISON = "pairwise"
# Pairs whose documents are held while their traces' own labels are read.
BATCH = 20


@dataclass(frozen=True)
class Preferred:
    """What people chose between two traces."""

    winner: LabeledTrace
    loser: LabeledTrace
    margin: float
    strength: float
    annotators: tuple[str, ...]


def from_comparisons(
    pairs: Iterable[LabeledPair],
    read: Reads | None,
    make_rows: Callable[[Tally], Rows],
    options: Options,
    tally: Tally,
    changes: Changes | None = None,
    compared: set[frozenset[str]] | None = None,
) -> Iterator[Pair]:
    """What more than half of the people chose between two traces; draws are no preference.

    ``read(ids)``: the labeled traces with these ids, without their documents, which the pairs have; the steps have the
    labels people gave them there (per annotator those of whoever compared them). None: no step needs a label.
    ``changes``: only of issues in which something changed. ``compared`` takes the ids of any two traces that somebody
    compared, whatever came of it.
    """
    # Of the labels of steps it is counted what was done to them, and no more: the rows are pairs.
    sides = make_rows(Tally(changed=tally.changed))
    met = set() if compared is None else compared
    found = _preferences(pairs, make_rows(tally), options, tally, changes, met)
    while batch := list(islice(found, BATCH if read else 1)):
        said: dict[int, list[Labels]] = {}
        if read:
            ids = sorted({trace.trace_id for one in batch for trace in (one.winner, one.loser)})
            # By version: labels of another one are about other steps.
            said = {trace.version_id: trace.submissions for trace in read(ids, documents="later")}
        for one in batch:
            by = one.annotators if options.aggregation == "per_annotator" else None
            better, worse = (
                sides.side(trace._replace(submissions=said.get(trace.version_id, [])), by)
                for trace in (one.winner, one.loser)
            )
            yield _compared_pair(one, better, worse)


def _preferences(
    pairs: Iterable[LabeledPair],
    rows: Rows,
    options: Options,
    tally: Tally,
    changes: Changes | None,
    compared: set[frozenset[str]],
) -> Iterator[Preferred]:
    for pair in pairs:
        if changes and not changes.has_issue(pair.a.issue_key):
            tally.left_out[f"comparisons of an issue unchanged since {changes.since}"] += 1
            continue
        said = [labels for labels in pair.submissions if rows.counts(labels)]
        each = [[one] for one in said if one.purpose != ADJUDICATION]
        for voters in each if options.aggregation == "per_annotator" else [said]:
            votes = _votes(voters)
            if not votes:
                tally.left_out["comparisons nobody answered"] += 1
                continue
            compared.add(frozenset((pair.a.trace_id, pair.b.trace_id)))
            found = _preferred(pair, voters, votes)
            if found is None:
                tally.left_out["comparisons without a winner"] += 1
            else:
                yield found


def _votes(voters: Sequence[Labels]) -> list[float]:
    """As ``vote_of`` each. A reviewer's final answer decides alone."""
    final = [labels for labels in voters if labels.purpose == ADJUDICATION]
    return [vote for labels in (final[-1:] or voters) if (vote := vote_of(labels)) is not None]


def _preferred(pair: LabeledPair, voters: Sequence[Labels], votes: Sequence[float]) -> Preferred | None:
    """What more than half of the votes chose; None for a draw. A vote for neither trace is one."""
    for_a, for_b = sum(vote > 0 for vote in votes), sum(vote < 0 for vote in votes)
    share = max(for_a, for_b) / len(votes)
    if share <= 0.5:
        return None
    winner, loser, sign = (pair.a, pair.b, 1) if for_a > for_b else (pair.b, pair.a, -1)
    # Few strong votes may weigh more than the many that decide.
    margin = max(sign * sum(votes) / len(votes), 0.0)
    annotators = tuple(dict.fromkeys(labels.annotator for labels in voters))
    return Preferred(winner, loser, margin, share, annotators)


def _compared_pair(preferred: Preferred, better: Row, worse: Row) -> Pair:
    return Pair(
        pair_id=pair_id(better.trace_id, worse.trace_id),
        prompt=issue_of(better) or issue_of(worse),
        issue_id=issue_id_of(better, worse),
        source="pairwise",
        chosen=better,
        rejected=worse,
        margin=round(preferred.margin, 6),
        preference_strength=round(preferred.strength, 6),
        annotators=preferred.annotators,
        split=better.split,
    )


def vote_of(labels: Labels) -> float | None:
    """What a person chose: above 0 the first trace, below 0 the second, 0 neither; None where it was not asked.

    1 for a choice alone or of the highest grade; of a lower grade its share of the grades.
    """
    for name, question in labels.questions.items():
        told = labels.values.get(name)
        if question.type == COMPARISON and told and told.get("side"):
            sign = {"a": 1.0, "b": -1.0}.get(told["side"], 0.0)
            grade, grades = told.get("strength"), told.get("grades")
            return sign * (grade / grades if grade and grades else 1.0)
    return None
