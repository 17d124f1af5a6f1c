"""Preference pairs from what people chose between two traces."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from annotation import queries
from annotation.queries import LabeledPair, LabeledTrace, Labels, LaterDocument
from exports.changes import Changes
from exports.describe import issue_of
from exports.formats import Pair, Row
from exports.options import Options
from exports.pairs import Compared, clearest, issue_id_of, pair_id
from exports.rows import ADJUDICATION, Reads, Rows
from exports.tally import Tally

COMPARISON = "pairwise"
# Pairs whose documents are held, compressed, until they are written.
BATCH = 20


@dataclass(frozen=True)
class Preferred:
    """What people chose between two traces."""

    winner: LabeledTrace
    loser: LabeledTrace
    margin: float
    strength: float
    annotators: tuple[str, ...]

    @property
    def traces(self) -> frozenset[str]:
        return frozenset((self.winner.trace_id, self.loser.trace_id))


def from_comparisons(
    pairs: Iterable[LabeledPair],
    read: Reads | None,
    make_rows: Callable[[Tally], Rows],
    options: Options,
    tally: Tally,
    changes: Changes | None = None,
    compared: Compared | None = None,
) -> Iterator[Pair]:
    """What more than half of the people chose between two traces; draws are no preference. Of an issue at most
    ``pairs_per_issue``.

    ``pairs`` come without their documents, which are read of those that are written. ``read(ids)``: the labeled traces
    with these ids; the steps have the labels people gave them there (per annotator those of whoever compared them).
    None: no step needs a label. ``changes``: only of issues in which something changed. ``compared`` takes what was
    compared.
    """
    # Of the labels of steps it is counted what was done to them, and no more: the rows are pairs.
    sides = make_rows(Tally(changed=tally.changed))
    met = Compared() if compared is None else compared
    found = _clearest(list(_preferences(pairs, make_rows(tally), options, tally, changes, met)), options, tally, met)
    for start in range(0, len(found), BATCH):
        batch = found[start : start + BATCH]
        said: dict[int, list[Labels]] = {}
        if read:
            ids = sorted({trace.trace_id for one in batch for trace in (one.winner, one.loser)})
            # By version: labels of another one are about other steps.
            said = {trace.version_id: trace.submissions for trace in read(ids, documents="later")}
        documents = queries.at_hand(trace.document for one in batch for trace in (one.winner, one.loser))
        for one in batch:
            by = one.annotators if options.aggregation == "per_annotator" else None
            better, worse = (
                sides.side(
                    trace._replace(
                        document=next(documents) if isinstance(trace.document, LaterDocument) else trace.document,
                        submissions=said.get(trace.version_id, []),
                    ),
                    by,
                )
                for trace in (one.winner, one.loser)
            )
            yield _compared_pair(one, better, worse, options)


def _clearest(found: Sequence[Preferred], options: Options, tally: Tally, compared: Compared) -> list[Preferred]:
    """As many of each issue as may be, in the order in which they came."""
    issues: dict[str, list[Preferred]] = defaultdict(list)
    for one in found:
        issues[one.winner.issue_key].append(one)
    kept: set[int] = set()
    for issue_key, each in issues.items():
        each.sort(key=lambda one: (-one.margin, -one.strength))
        taken = clearest(each, options.pairs_per_issue, options, tally)
        compared.of_issue[issue_key] = len({one.traces for one in taken})
        kept.update(map(id, taken))
    return [one for one in found if id(one) in kept]


def _preferences(
    pairs: Iterable[LabeledPair],
    rows: Rows,
    options: Options,
    tally: Tally,
    changes: Changes | None,
    compared: Compared,
) -> Iterator[Preferred]:
    # All of them are held: a trace of several comparisons once.
    traces: dict[tuple[str, int], LabeledTrace] = {}
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
            compared.traces.add(frozenset((pair.a.trace_id, pair.b.trace_id)))
            a, b = (traces.setdefault((one.trace_id, one.version_id), one) for one in (pair.a, pair.b))
            found = _preferred(a, b, voters, votes)
            if found is None:
                tally.left_out["comparisons without a winner"] += 1
            else:
                yield found


def _votes(voters: Sequence[Labels]) -> list[float]:
    """As ``vote_of`` each. A reviewer's final answer decides alone, but not what was first asked after it."""
    final = [labels for labels in voters if labels.purpose == ADJUDICATION and _was_asked(labels)]
    return [vote for labels in (final[-1:] or voters) if (vote := vote_of(labels)) is not None]


def _was_asked(labels: Labels) -> bool:
    return any(question.type == COMPARISON for question in labels.questions.values())


def _preferred(a: LabeledTrace, b: LabeledTrace, voters: Sequence[Labels], votes: Sequence[float]) -> Preferred | None:
    """The trace that is preferred; None where neither is, or the votes are tied. A vote for neither trace is one."""
    sides = [(vote > 0) - (vote < 0) for vote in votes]
    sign = queries.aggregate.preferred(sides)
    if not sign:
        return None
    winner, loser = (a, b) if sign > 0 else (b, a)
    share = sides.count(sign) / len(sides)
    # Few strong votes may weigh more than the many that decide.
    margin = max(sign * sum(votes) / len(votes), 0.0)
    annotators = tuple(dict.fromkeys(labels.annotator for labels in voters))
    return Preferred(winner, loser, margin, share, annotators)


def _compared_pair(preferred: Preferred, better: Row, worse: Row, options: Options) -> Pair:
    return Pair(
        pair_id=pair_id(better.trace_id, worse.trace_id, preferred.annotators, options),
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
        told = labels.values.get(name) if question.type == COMPARISON else None
        if told and told.get("side"):
            sign = {"a": 1.0, "b": -1.0}.get(told["side"], 0.0)
            grade, grades = told.get("strength"), told.get("grades")
            return sign * (grade / grades if grade and grades else 1.0)
    return None
