"""Preference pairs from process rewards: which of two attempts at one issue is the better one, and by how much.

Two rows of one issue are a pair, the one with the higher mean reward of its steps that are not neutral first. Rows are
looked at twice, so that memory holds numbers and no documents: once for the rewards, without their documents; once, an
issue after the other, to tell attempts with the same steps apart and to write the pairs.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

from annotation.queries import LabeledTrace
from exports.changes import Changes
from exports.describe import issue_of
from exports.formats import Pair, Row
from exports.options import Options
from exports.rows import Rows
from exports.tally import Tally
from traces.document import step_texts

# What tells rows apart: (trace, annotators).
Name = tuple[str, tuple[str, ...]]
BATCH_PAIRS = 50
# Documents held while pairs are chosen and written.
HELD = 2 * BATCH_PAIRS


class Attempt(NamedTuple):
    """What decides between two traces of an issue. ``place``: the order in which the rows came."""

    place: int
    trace_id: str
    annotators: tuple[str, ...]
    score: float
    resolved: bool | None
    # Where the first error lies, as a share of the steps; 1.0 without one.
    first_error: float
    n_steps: int
    # None: not known yet.
    steps_hash: bytes | None


@dataclass(frozen=True)
class Chosen:
    """A pair that will be written."""

    issue_key: str
    chosen: Attempt
    rejected: Attempt
    margin: float


def attempt_of(place: int, row: Row) -> Attempt | None:
    """None for a row without a step that tells anything (all neutral, or unlabeled)."""
    rewards = [step["reward"] for step in row.steps if step["reward"] is not None and step["label"] != "neutral"]
    if not rewards:
        return None
    first = 1.0 if row.first_error_step is None else row.first_error_step / len(row.steps)
    score = sum(rewards) / len(rewards)
    steps_hash = hash_of_steps(row) if "content" in row.steps[0] else None
    return Attempt(place, row.trace_id, row.annotators, score, row.resolved, first, len(row.steps), steps_hash)


def hash_of_steps(row: Row) -> bytes:
    """Equal for rows whose steps have the same texts."""
    text = "\0".join(texts_of(row))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def texts_of(row: Row, *, last: bool = False) -> list[str]:
    """Of its steps (``last``: of the last one), though the format does not write them."""
    start = len(row.steps) - 1 if last else 0
    if "content" in row.steps[0]:
        return [step["content"] for step in row.steps[start:]]
    return step_texts(row.document["structured_turns"][start : len(row.steps)])


def choose(issue_key: str, attempts: Sequence[Attempt], options: Options, tally: Tally) -> list[Chosen]:
    """The pairs of one issue, the clearest first, at most ``pairs_per_issue``. Attempts whose steps are not known yet
    are taken for different ones."""
    found = []
    for one, other in combinations(attempts, 2):
        if one.trace_id == other.trace_id:
            continue
        if one.steps_hash == other.steps_hash is not None:
            tally.left_out["pairs with the same steps"] += 1
            continue
        better, worse = sorted((one, other), key=_merit, reverse=True)
        margin = round(min(max(better.score - worse.score, 0.0), 1.0), 9)
        if margin < options.min_margin or _merit(better) == _merit(worse):
            tally.left_out[f"pairs differing by less than {options.min_margin:g}"] += 1
            continue
        found.append(Chosen(issue_key, better, worse, margin))
    found.sort(key=lambda pair: (-pair.margin, pair.chosen.place, pair.rejected.place))
    beyond = len(found) - options.pairs_per_issue
    if beyond > 0:
        tally.left_out[f"pairs beyond {options.pairs_per_issue} of one issue"] += beyond
    return found[: options.pairs_per_issue]


def _merit(attempt: Attempt) -> tuple[float, bool, float]:
    """Mean reward; of equal ones the one that resolved its issue, then the one that went right for longer."""
    return round(attempt.score, 9), attempt.resolved is True, attempt.first_error


Reads = Callable[..., Iterable[LabeledTrace]]
Makes = Callable[..., Rows]


def from_rewards(
    read: Reads,
    make_rows: Makes,
    options: Options,
    tally: Tally,
    seen: Callable[[int], None],
    compared: Container[frozenset[str]] = frozenset(),
    changes: Changes | None = None,
) -> Iterator[Pair]:
    """Pairs of rows of one issue, but for those people ``compared`` themselves.

    ``read(ids)``: the labeled traces with these ids, in item order (None: all; ``documents="later"``: without them).
    ``changes``: of an issue in which something changed, all of them; of others none. ``seen`` is told how many rows
    were looked at, and that number again for every issue.
    """
    issues: dict[str, list[Attempt]] = defaultdict(list)
    keys: dict[str, str] = {}
    # Texts that are cut are counted, those of rows that are in no pair as well.
    texts = options.content != "full"

    def watched() -> Iterator[LabeledTrace]:
        for trace in read(None, documents="whole" if texts else "later"):
            keys[trace.trace_id] = trace.issue_key
            yield trace

    done = 0
    for place, row in enumerate(make_rows(tally, texts=texts).of(watched())):
        attempt = attempt_of(place, row)
        if attempt is None:
            tally.left_out["no step that is right or wrong"] += 1
        elif changes and not changes.has_issue(keys[row.trace_id]):
            tally.left_out[f"of an issue unchanged since {changes.since}"] += 1
        else:
            issues[keys[row.trace_id]].append(attempt)
        done = place + 1
        seen(done)
    tally.left_out["of an issue nobody labeled another attempt at"] += sum(map(_is_alone, issues.values()))

    def each() -> Iterator[tuple[str, list[Attempt]]]:
        for issue in issues.items():
            seen(done)
            yield issue

    yield from _Second(read, make_rows, options, tally, compared).pairs(each())


class _Second:
    """The second look: at the documents of attempts that are written, or that may have the same steps."""

    def __init__(
        self, read: Reads, make_rows: Makes, options: Options, tally: Tally, compared: Container[frozenset[str]]
    ) -> None:
        self.read, self.make_rows, self.options, self.tally = read, make_rows, options, tally
        self.compared = compared

    def pairs(self, issues: Iterable[tuple[str, list[Attempt]]]) -> Iterator[Pair]:
        """Of so many issues at a time that the documents of their attempts can be held."""
        batch: list[tuple[str, list[Attempt]]] = []
        wanted: set[str] = set()
        for key, attempts in issues:
            batch.append((key, attempts))
            alike = _alike(attempts, lambda one: one.n_steps if one.steps_hash is None else None)
            wanted |= _traces_of(choose(key, attempts, self.options, Tally())) | {one.trace_id for one in alike}
            if len(wanted) >= HELD:
                yield from self._of(batch, wanted)
                batch, wanted = [], set()
        yield from self._of(batch, wanted)

    def _of(self, issues: Sequence[tuple[str, list[Attempt]]], wanted: set[str]) -> Iterator[Pair]:
        held: dict[Name, Row] = {}
        ends: dict[Name, int] = {}
        for row in self._rows(wanted):
            ends[_name(row)] = hash(texts_of(row, last=True)[-1])
            if len(held) < HELD:
                held[_name(row)] = row
        chosen = [
            pair
            for key, attempts in issues
            for pair in choose(key, self._told_apart(attempts, ends, held), self.options, self.tally)
            if frozenset((pair.chosen.trace_id, pair.rejected.trace_id)) not in self.compared
        ]
        for start in range(0, len(chosen), BATCH_PAIRS):
            part = chosen[start : start + BATCH_PAIRS]
            rows = self._held_or_read(_names_of(part), held)
            yield from (_pair(one, rows) for one in part)

    def _told_apart(
        self, attempts: Sequence[Attempt], ends: Mapping[Name, int], held: Mapping[Name, Row]
    ) -> list[Attempt]:
        """With equal hashes for attempts with the same steps. Most differ in their number already, or in the last."""
        alike = _alike(attempts, lambda one: (one.n_steps, ends.get(_name(one))) if one.steps_hash is None else None)
        rows = self._held_or_read({_name(one) for one in alike}, held) if alike else {}
        return [one._replace(steps_hash=hash_of_steps(rows[_name(one)])) if one in alike else one for one in attempts]

    def _held_or_read(self, names: set[Name], held: Mapping[Name, Row]) -> Mapping[Name, Row]:
        lacking = {trace_id for trace_id, _ in names - held.keys()}
        return {**held, **{_name(row): row for row in self._rows(lacking)}} if lacking else held

    def _rows(self, ids: set[str]) -> Iterator[Row]:
        """Counted when they were seen first: a second look counts nothing and leaves nothing out."""
        every = sorted(ids)
        for start in range(0, len(every), HELD):
            rows = self.make_rows(Tally())
            rows.duplicates = None
            yield from rows.of(self.read(every[start : start + HELD]))


def _name(one: Attempt | Row) -> Name:
    return one.trace_id, one.annotators


def _names_of(pairs: Iterable[Chosen]) -> set[Name]:
    return {_name(attempt) for pair in pairs for attempt in (pair.chosen, pair.rejected)}


def _traces_of(pairs: Iterable[Chosen]) -> set[str]:
    return {trace_id for trace_id, _ in _names_of(pairs)}


def _alike(attempts: Iterable[Attempt], look: Callable[[Attempt], Any]) -> set[Attempt]:
    """Those that look like another trace's attempt; None looks like nothing."""
    groups: dict[Any, list[Attempt]] = defaultdict(list)
    for one in attempts:
        groups[look(one)].append(one)
    groups.pop(None, None)
    return {one for group in groups.values() if not _is_alone(group) for one in group}


def _is_alone(attempts: Sequence[Attempt]) -> bool:
    return len({attempt.trace_id for attempt in attempts}) == 1


def _pair(pair: Chosen, rows: Mapping[Name, Row]) -> Pair:
    better, worse = rows[_name(pair.chosen)], rows[_name(pair.rejected)]
    return Pair(
        pair_id=pair_id(better.trace_id, worse.trace_id),
        prompt=issue_of(better) or issue_of(worse),
        issue_id=issue_id_of(better, worse),
        source="prm",
        chosen=better,
        rejected=worse,
        margin=round(pair.margin, 6),
        preference_strength=round(0.5 + pair.margin / 2, 6),
        annotators=tuple(dict.fromkeys([*better.annotators, *worse.annotators])),
        split=better.split,
    )


def issue_id_of(better: Row, worse: Row) -> str:
    """What made the two a pair, as far as it has a name."""
    return better.issue_id or worse.issue_id or better.instance_id or worse.instance_id


def pair_id(chosen: str, rejected: str) -> str:
    return hashlib.sha256(f"{chosen}|{rejected}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
