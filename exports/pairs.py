"""Preference pairs from process rewards: which of two attempts at one issue is the better one, and by how much.

Two rows of one issue are a pair, the one with the higher mean reward of its steps that are not neutral first. Rows are
looked at twice, so that memory holds numbers and no documents: once for the rewards, without their documents; once, an
issue after the other, to tell attempts with the same steps apart and to write the pairs.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, groupby, islice
from operator import attrgetter
from typing import Any, NamedTuple, Protocol, TypeVar

from annotation import queries
from annotation.queries import LabeledTrace, LaterDocument
from exports.changes import Changes
from exports.describe import issue_of
from exports.formats import Pair, Row
from exports.options import Options
from exports.rows import Reads, Rows
from exports.tally import Tally

USUAL = Options()
# What tells rows apart: (trace, annotators).
Name = tuple[str, tuple[str, ...]]
BATCH_PAIRS = 50
# Documents held while pairs are chosen and written; compressed, until somebody looks.
HELD = 2 * BATCH_PAIRS
# Rows without their documents, of 30 steps each 5 kB. So many of the first look are kept for the second.
KEPT = 5_000
# So many of the others are read at once: every query has its price.
ROWS = 500


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

    @property
    def traces(self) -> frozenset[str]:
        return frozenset((self.chosen.trace_id, self.rejected.trace_id))


class OfTwo(Protocol):
    """What says which two traces it is about."""

    @property
    def traces(self) -> frozenset[str]: ...


Two = TypeVar("Two", bound=OfTwo)


@dataclass
class Compared:
    """What people compared themselves: any two traces, whatever came of it, and of how many an issue has pairs."""

    traces: set[frozenset[str]] = field(default_factory=set)
    of_issue: Counter[str] = field(default_factory=Counter)


def attempt_of(place: int, row: Row, *, texts: bool) -> Attempt | None:
    """None for a row without a step that tells anything (all neutral, or unlabeled). ``texts``: they are at hand."""
    rewards = [one.reward for one in row.steps.judged if one.reward is not None and one.label != "neutral"]
    if not rewards:
        return None
    first = 1.0 if row.first_error_step is None else row.first_error_step / len(row.steps)
    score = sum(rewards) / len(rewards)
    steps_hash = hash_of_steps(row) if texts else None
    return Attempt(place, row.trace_id, row.annotators, score, row.resolved, first, len(row.steps), steps_hash)


def hash_of_steps(row: Row) -> bytes:
    """Equal for rows whose steps have the same texts."""
    text = "\0".join(row.steps.texts)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def clearest(pairs: Sequence[Two], most: int, options: Options, tally: Tally) -> list[Two]:
    """Of the pairs of one issue, the clearest first, those of the first ``most`` two traces (per annotator several may
    be of the same two)."""
    taken = set(islice(dict.fromkeys(pair.traces for pair in pairs), max(most, 0)))
    found = [pair for pair in pairs if pair.traces in taken]
    if len(found) < len(pairs):
        tally.left_out[f"pairs beyond {options.pairs_per_issue} of one issue"] += len(pairs) - len(found)
    return found


def choose(
    issue_key: str, attempts: Sequence[Attempt], options: Options, tally: Tally, compared: Compared | None = None
) -> list[Chosen]:
    """The pairs of one issue, the clearest first: with those that people ``compared`` at most ``pairs_per_issue``, and
    none of the same traces. Attempts whose steps are not known yet are taken for different ones."""
    met = compared or Compared()
    is_one_persons = options.aggregation == "per_annotator"
    found = []
    for one, other in combinations(attempts, 2):
        if one.trace_id == other.trace_id or (is_one_persons and one.annotators != other.annotators):
            continue
        if met.traces and frozenset((one.trace_id, other.trace_id)) in met.traces:
            continue
        if one.steps_hash == other.steps_hash is not None:
            tally.left_out["pairs with the same steps"] += 1
            continue
        better, worse = sorted((one, other), key=_merit, reverse=True)
        margin = round(min(max(better.score - worse.score, 0.0), 1.0), 9)
        if margin < options.min_margin:
            tally.left_out[less_than(options.min_margin)] += 1
            continue
        if _merit(better) == _merit(worse):
            tally.left_out["pairs of which neither trace is better"] += 1
            continue
        found.append(Chosen(issue_key, better, worse, margin))
    found.sort(key=lambda pair: (-pair.margin, pair.chosen.place, pair.rejected.place))
    return clearest(found, options.pairs_per_issue - met.of_issue[issue_key], options, tally)


def less_than(margin: float) -> str:
    """Why pairs of process rewards are left out for the least margin."""
    return f"pairs differing by less than {margin:g}"


def _merit(attempt: Attempt) -> tuple[float, bool, float]:
    """Mean reward; of equal ones the one that resolved its issue, then the one that went right for longer."""
    return round(attempt.score, 9), attempt.resolved is True, attempt.first_error


Makes = Callable[..., Rows]


def from_rewards(
    read: Reads,
    make_rows: Makes,
    options: Options,
    tally: Tally,
    seen: Callable[[int], None],
    compared: Compared | None = None,
    changes: Changes | None = None,
) -> Iterator[Pair]:
    """Pairs of rows of one issue (per annotator of one person's), but for those people ``compared`` themselves.

    ``read(ids)``: the labeled traces with these ids, in item order (None: all; ``documents="later"``: without them).
    ``changes``: of an issue in which something changed, all of them; of others none. ``seen`` is told how many rows
    were looked at, and that number again for every issue and every document.
    """
    issues: dict[str, list[Attempt]] = defaultdict(list)
    keys: dict[str, str] = {}
    # Texts that are cut are counted, those of rows that are in no pair as well.
    texts = options.content != "full"

    def watched() -> Iterator[LabeledTrace]:
        for trace in read(None, documents="whole" if texts else "later"):
            keys[trace.trace_id] = trace.issue_key
            yield trace

    kept: dict[Name, Row] = {}
    done = 0
    for place, row in enumerate(make_rows(tally).of(watched())):
        attempt = attempt_of(place, row, texts=texts)
        if attempt is None:
            tally.left_out["no step that is right or wrong"] += 1
        elif changes and not changes.has_issue(keys[row.trace_id]):
            tally.left_out[f"of an issue unchanged since {changes.since}"] += 1
        else:
            issues[keys[row.trace_id]].append(attempt)
            # With a row its document would be kept, where somebody looked into that.
            if len(kept) < KEPT and isinstance(row.document, LaterDocument) and not row.document.is_read:
                kept[_name(row)] = row
        done = place + 1
        seen(done)
    if options.aggregation == "per_annotator":
        alone = sum(map(_alone_of_their_annotator, issues.values()))
        tally.left_out["labeled by somebody who labeled no other attempt at the issue"] += alone
    else:
        tally.left_out["of an issue nobody labeled another attempt at"] += sum(map(_is_alone, issues.values()))

    def alive() -> None:
        seen(done)

    def each() -> Iterator[tuple[str, list[Attempt]]]:
        for issue in issues.items():
            alive()
            yield issue

    yield from _Second(read, make_rows, kept, options, tally, compared, alive).pairs(each())


class _Issue(NamedTuple):
    """An issue of the second look. ``wanted``: rows that may be written, or may have the same steps as another."""

    key: str
    attempts: list[Attempt]
    wanted: list[Name]


class _Second:
    """The second look: at the documents of attempts that are written, or that may have the same steps."""

    def __init__(
        self,
        read: Reads,
        make_rows: Makes,
        kept: dict[Name, Row],
        options: Options,
        tally: Tally,
        compared: Compared | None,
        alive: Callable[[], None],
    ) -> None:
        """``kept``: rows of the first look that need not be read again."""
        self.read, self.make_rows, self.kept, self.options, self.tally = read, make_rows, kept, options, tally
        self.compared, self.alive = compared, alive

    def pairs(self, issues: Iterable[tuple[str, list[Attempt]]]) -> Iterator[Pair]:
        """Labels are read of many rows at a time, documents of so many as can be held."""
        for batch in _batches((self._issue(key, attempts) for key, attempts in issues), ROWS):
            rows = self._rows([name for issue in batch for name in issue.wanted])
            for part in _batches(batch, HELD):
                opened = _Opened(rows, [name for issue in part for name in issue.wanted], self.alive)
                for issue in part:
                    self.alive()
                    yield from self._of(issue, opened)
                    opened.let_go(issue.wanted)

    def _issue(self, key: str, attempts: list[Attempt]) -> _Issue:
        names = {_name(one): None for one in self._alike(attempts)}
        # Where all of them are looked into, it is not chosen twice.
        if len(names) < len(attempts):
            names |= dict.fromkeys(_names_of(choose(key, attempts, self.options, Tally(), self.compared)))
        return _Issue(key, attempts, list(names))

    @staticmethod
    def _alike(attempts: Iterable[Attempt]) -> list[Attempt]:
        """Those that may have the same steps, as far as is known without their documents."""
        return _alike(attempts, lambda one: one.n_steps if one.steps_hash is None else None)

    def _of(self, issue: _Issue, opened: _Opened) -> Iterator[Pair]:
        attempts = self._told_apart(issue.attempts, opened)
        chosen = choose(issue.key, attempts, self.options, self.tally, self.compared)
        for start in range(0, len(chosen), BATCH_PAIRS):
            part = chosen[start : start + BATCH_PAIRS]
            rows = {_name(row): row for row in opened.rows(_names_of(part))}
            yield from (_pair(one, rows, self.options) for one in part)

    def _told_apart(self, attempts: list[Attempt], opened: _Opened) -> list[Attempt]:
        """With equal hashes for attempts with the same steps. Most differ in their number already, or in the last."""
        alike = self._alike(attempts)
        ends = {_name(row): hash(row.steps.last_text) for row in opened.rows(map(_name, alike))}
        alike = _alike(alike, lambda one: (one.n_steps, ends[_name(one)]))
        if not alike:
            return attempts
        hashes = {_name(row): hash_of_steps(row) for row in opened.rows(map(_name, alike))}
        return [one._replace(steps_hash=hashes.get(_name(one), one.steps_hash)) for one in attempts]

    def _rows(self, names: Sequence[Name]) -> dict[Name, Row]:
        """These and perhaps others, without their documents."""
        found = {name: self.kept.pop(name) for name in names if name in self.kept}
        lacking = sorted({trace_id for trace_id, annotators in names if (trace_id, annotators) not in found})
        for start in range(0, len(lacking), ROWS):
            again = self.read(lacking[start : start + ROWS], documents="later")
            found |= {_name(row): row for row in self.make_rows().looking_again().of(again)}
        return found


class _Opened:
    """Rows with their documents. HELD of them are held, until they are let go; others are read whenever they are asked
    for."""

    def __init__(self, rows: dict[Name, Row], names: Iterable[Name], alive: Callable[[], None]) -> None:
        self._rows, self._alive = rows, alive
        self._held = {_name(row): row for row in self._read(islice(names, HELD))}

    def rows(self, names: Iterable[Name]) -> Iterator[Row]:
        """Each of these, in any order."""
        lacking = []
        for name in names:
            if name in self._held:
                yield self._held[name]
            else:
                lacking.append(name)
        yield from self._read(lacking)

    def let_go(self, names: Iterable[Name]) -> None:
        for name in names:
            self._held.pop(name, None)
            self._rows.pop(name, None)

    def _read(self, names: Iterable[Name]) -> Iterator[Row]:
        # Rows of one trace have one document.
        traces = [list(rows) for _, rows in groupby(map(self._rows.__getitem__, names), key=attrgetter("trace_id"))]
        documents = queries.at_hand(rows[0].document for rows in traces)
        for rows, document in zip(traces, documents, strict=True):
            self._alive()
            yield from (row._replace(document=document, steps=row.steps.of(document)) for row in rows)


def _batches(issues: Iterable[_Issue], most: int) -> Iterator[list[_Issue]]:
    """So many issues at a time that they want at most ``most`` rows, or one that wants more."""
    batch: list[_Issue] = []
    count = 0
    for issue in issues:
        if batch and count + len(issue.wanted) > most:
            yield batch
            batch, count = [], 0
        batch.append(issue)
        count += len(issue.wanted)
    if batch:
        yield batch


def _name(one: Attempt | Row) -> Name:
    return one.trace_id, one.annotators


def _names_of(pairs: Iterable[Chosen]) -> set[Name]:
    return {_name(attempt) for pair in pairs for attempt in (pair.chosen, pair.rejected)}


def _alike(attempts: Iterable[Attempt], look: Callable[[Attempt], Any]) -> list[Attempt]:
    """Those that look like another trace's attempt; None looks like nothing."""
    groups: dict[Any, list[Attempt]] = defaultdict(list)
    for one in attempts:
        groups[look(one)].append(one)
    groups.pop(None, None)
    return [one for group in groups.values() if not _is_alone(group) for one in group]


def _is_alone(attempts: Sequence[Attempt]) -> bool:
    return len({attempt.trace_id for attempt in attempts}) == 1


def _alone_of_their_annotator(attempts: Iterable[Attempt]) -> int:
    """How many attempts are the only one that their annotator labeled."""
    return sum(count == 1 for count in Counter(attempt.annotators for attempt in attempts).values())


def _pair(pair: Chosen, rows: Mapping[Name, Row], options: Options) -> Pair:
    better, worse = rows[_name(pair.chosen)], rows[_name(pair.rejected)]
    return Pair(
        pair_id=pair_id(better.trace_id, worse.trace_id, better.annotators, options),
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


def pair_id(chosen: str, rejected: str, annotators: Sequence[str] = (), options: Options = USUAL) -> str:
    """Of the two traces; per annotator, of whose pair it is as well."""
    by = annotators if options.aggregation == "per_annotator" else ()
    return hashlib.sha256("|".join((chosen, rejected, *by)).encode("utf-8", "surrogatepass")).hexdigest()[:16]
