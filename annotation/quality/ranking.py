"""The order of several attempts at one issue, from the comparisons of two of them at a time.

The Bradley-Terry model (Bradley and Terry 1952): attempt i beats j with probability ``p_i / (p_i + p_j)``. A tie counts
half a win for each. Fitted by Hunter's MM iteration (2004), with one tie against an imagined attempt of strength 1 for
everybody: without it an attempt that won all its comparisons would be infinitely strong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from annotation.models import Assignment, Item, Membership, Project, Submission
from annotation.models.querysets import DELIVERED
from annotation.projects.revisions import config_of

ROUNDS = 200
ENOUGH = 1e-9
TIE = "tie"


@dataclass
class Record:
    """An attempt in the comparisons of its issue. ``score``: its share of wins against an average one, 0 to 1."""

    trace: str
    agent: str
    wins: int = 0
    losses: int = 0
    ties: int = 0
    score: float = 0.5
    place: int = 0


@dataclass(frozen=True)
class Ranking:
    """The attempts at one issue, the best first; equal scores share a place."""

    issue: str
    title: str
    attempts: list[Record]
    comparisons: int


def strengths(wins: Mapping[tuple[Any, Any], float], names: Sequence[Any]) -> dict[Any, float]:
    """Attempt → strength, 1 being average. ``wins[i, j]``: how often i beat j, a tie being half a win for both."""
    games: dict[Any, dict[Any, float]] = {name: defaultdict(float) for name in names}
    won = dict.fromkeys(names, 0.5)
    for (winner, loser), count in wins.items():
        games[winner][loser] += count
        games[loser][winner] += count
        won[winner] += count
    found = dict.fromkeys(names, 1.0)
    for _ in range(ROUNDS):
        after = {}
        for name in names:
            met = sum(count / (found[name] + found[other]) for other, count in games[name].items())
            after[name] = won[name] / (met + 1 / (found[name] + 1))
        moved = max((abs(after[name] - found[name]) for name in names), default=0.0)
        found = after
        if moved < ENOUGH:
            break
    return found


def rankings(project: Project, *, behind: str = "", limit: int = 50) -> list[Ranking]:
    """The issues with comparisons that count, in the order of their keys from the one behind ``behind``."""
    compared = _compared(project)
    keys = compared.filter(assignment__item__trace_a__issue_key__gt=behind).order_by(
        "assignment__item__trace_a__issue_key"
    )
    chosen = list(keys.values_list("assignment__item__trace_a__issue_key", flat=True).distinct()[:limit])
    grouped: dict[str, list[tuple[Any, ...]]] = {key: [] for key in chosen}
    for issue, *row in _rows(compared.filter(assignment__item__trace_a__issue_key__in=chosen)):
        grouped[issue].append(tuple(row))
    return [_ranking(issue, rows) for issue, rows in grouped.items()]


def _compared(project: Project) -> Any:
    """The comparisons that count: no surplus ones, and where somebody adjudicated, that answer alone."""
    excluded = Membership.objects.filter(project=project, is_excluded=True).values("user_id")
    made = Submission.objects.filter(
        project=project,
        is_current=True,
        assignment__state__in=DELIVERED,
        assignment__item__in=Item.objects.present().filter(project=project, kind=Item.Kind.PAIR),
    )
    made = made.exclude(assignment__annotator_id__in=excluded)
    decided = made.filter(assignment__purpose=Assignment.Purpose.ADJUDICATION)
    labels = made.filter(assignment__purpose=Assignment.Purpose.PRODUCTION).exclude(
        Q(flags__contains="surplus")
        | Q(assignment__is_surplus=True)
        | Q(assignment__item__in=decided.values("assignment__item"))
    )
    return made.filter(Q(pk__in=decided.values("pk")) | Q(pk__in=labels.values("pk")))


def _rows(submissions: Any) -> Iterator[tuple[Any, ...]]:
    columns = ("issue_key", "external_id", "current__agent", "current__meta")
    first = [f"assignment__item__trace_a__{column}" for column in columns]
    second = [f"assignment__item__trace_b__{column}" for column in columns[1:3]]
    for *row, revision, values in submissions.order_by("seq").values_list(*first, *second, "revision", "values"):
        side = _side(revision, values)
        if side:
            yield (*row, side)


def _side(revision: int, values: dict[str, Any]) -> str | None:
    """The side that the first comparing question was answered with."""
    scheme = next((one for one in config_of(revision).annotation_schemes if one.unit == "pair"), None)
    choice = values.get(scheme.name, {}).get("choice") if scheme else None
    return choice["side"] if choice else None


def _ranking(issue: str, rows: list[tuple[Any, ...]]) -> Ranking:
    records: dict[str, Record] = {}
    wins: dict[tuple[Any, Any], float] = defaultdict(float)
    title = ""
    for name, agent, meta, other, other_agent, side in rows:
        title = title or str(meta.get("title", ""))
        first, second = (
            records.setdefault(name, Record(name, agent)),
            records.setdefault(other, Record(other, other_agent)),
        )
        if side == TIE:
            first.ties, second.ties = first.ties + 1, second.ties + 1
            wins[name, other] += 0.5
            wins[other, name] += 0.5
        else:
            winner, loser = (first, second) if side == "a" else (second, first)
            winner.wins, loser.losses = winner.wins + 1, loser.losses + 1
            wins[winner.trace, loser.trace] += 1
    found = strengths(wins, list(records))
    for record in records.values():
        record.score = round(found[record.trace] / (found[record.trace] + 1), 3)
    ordered = sorted(records.values(), key=lambda record: (-record.score, record.trace))
    for number, record in enumerate(ordered):
        shared = number and ordered[number - 1].score == record.score
        record.place = ordered[number - 1].place if shared else number + 1
    return Ranking(issue, title, ordered, len(rows))
