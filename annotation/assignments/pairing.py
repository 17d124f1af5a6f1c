"""Pairs of attempts at one issue: which are compared, and when.

Where traces are labeled one by one as well, a pair is made once both of its traces have all their labels: then the best
attempt is known. Elsewhere pairs are made at once.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby
from operator import attrgetter
from statistics import fmean
from typing import Any

from django.db.models import Exists, Max, OuterRef

from annotation.answers.context import context_of_version
from annotation.assignments import overlap
from annotation.assignments.queue import queue_key
from annotation.models import Item, Project, Slot
from annotation.models.querysets import labeled_place
from annotation.projects.config import ProjectConfig
from annotation.projects.counter import bump
from annotation.projects.revisions import config_of
from annotation.queries.counted import counted_submissions
from traces.models import Trace

# Of one issue, whatever the strategy. More attempts than that are drawn from, like pairs.
MAX_ATTEMPTS = 100
MAX_PAIRS = 2000
BATCH = 500


@dataclass(frozen=True, order=True)
class Attempt:
    """One trace of an issue. ``done``: it has all the labels it shall have, of people whose labels count, or needs
    none."""

    trace: int
    version: int
    name: str
    agent: str
    issue: str
    done: bool = True


Chosen = tuple[Attempt, Attempt]


def choose(attempts: Sequence[Attempt], config: ProjectConfig, seed: str, best: Attempt | None = None) -> list[Chosen]:
    """The pairs of one issue, the smaller id first in each. The same attempts give the same pairs on every machine.

    ``best`` is compared with each of the others where the strategy asks for it.
    """
    drawn = sorted(attempts, key=lambda one: _rank(seed, one.name))[:MAX_ATTEMPTS]
    ordered = sorted(drawn if best is None else {*drawn, best})
    if config.pairs.strategy == "best_against_rest":
        if best is None:
            return []
        return [(min(best, other), max(best, other)) for other in ordered if other != best][:MAX_PAIRS]
    limit = config.pairs.per_issue if config.pairs.strategy == "sampled" else MAX_PAIRS
    pairs = list(combinations(ordered, 2))
    if len(pairs) > limit:
        pairs = sorted(pairs, key=lambda pair: _rank(seed, pair[0].name, pair[1].name))[:limit]
    return sorted(pairs)


def _rank(*words: str) -> str:
    return hashlib.sha256("\x00".join(words).encode()).hexdigest()


def make_missing(
    project: Project, config: ProjectConfig, check: Callable[[], None] = lambda: None
) -> Iterator[list[Item]]:
    """The pairs that are due, in batches for :func:`save`. ``check`` is called once for so many issues."""
    if not config.labels_pairs:
        return
    batch: list[Item] = []
    for number, attempts in enumerate(_issues(project, config)):
        if number % BATCH == 0:
            check()
        batch += _due(project, config, attempts)
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def save(project: Project, items: list[Item]) -> list[Item]:
    """Put those that are new at the end of the list, and return them. The caller keeps others from planning."""
    known = _known(project, [item.trace_a_id for item in items])
    items = [item for item in items if (item.trace_a_id, item.trace_b_id) not in known]
    last = Item.objects.filter(project=project).aggregate(position=Max("position"))["position"]
    for place, item in enumerate(items, 0 if last is None else last + 1):
        item.position = place
    Item.objects.bulk_create(items)
    if items:
        # What is left to label is part of an export's manifest.
        project.seq = bump(project.pk)
    return items


def after_submit(item_id: int, config: ProjectConfig) -> None:
    """A trace has one label more: make the pairs, with their places, that this was the last one missing for.

    Runs in the submission's transaction, behind the change of the project's counter: that keeps two submissions of one
    project apart, so that the later one sees what the earlier one completed.
    """
    if not (config.labels_pairs and config.labels_traces):
        return
    item = Item.objects.select_related("trace_a", "project").get(pk=item_id)
    if item.kind != Item.Kind.TRACE:
        return
    project = item.project
    attempts = list(_labeled_attempts(project, item.trace_a.issue_key))
    due = _due(project, config, attempts)
    new = save(project, due) if due else []
    if new:
        _open_places(project, config, new)


def _open_places(project: Project, config: ProjectConfig, items: list[Item]) -> None:
    quality = config.quality_control
    there = Item.objects.filter(project=project, kind=Item.Kind.PAIR)
    n_items, n_picked = there.count() - len(items), there.filter(in_overlap=True).count()
    for item in items:
        # The quota is met exactly after every pair, so planning has nothing to mend later.
        n_items += 1
        item.in_overlap = overlap.quota(quality.overlap_share, n_items) > n_picked
        n_picked += item.in_overlap
    Item.objects.bulk_update(items, ["in_overlap"])
    Slot.objects.bulk_create(
        Slot(
            item=item,
            project=project,
            number=number,
            queue_key=queue_key(config.hand_out.order, project.slug, item, number),
        )
        for item in items
        for number in range(1, quality.places(item.in_overlap) + 1)
    )


def _due(project: Project, config: ProjectConfig, attempts: list[Attempt]) -> list[Item]:
    """The items of the pairs of one issue that are due, those that are there already among them."""
    best = None
    if config.pairs.strategy == "best_against_rest":
        # Once compared, the best one stays: labels that change later make no second round. Withdrawn, it makes one.
        there = Item.objects.present().filter(project=project, kind=Item.Kind.PAIR)
        if not all(one.done for one in attempts) or there.filter(trace_a__in=[one.trace for one in attempts]).exists():
            return []
        best = _best(project, attempts)
    pairs = [pair for pair in choose(attempts, config, project.slug, best) if pair[0].done and pair[1].done]
    return [
        Item(
            project=project,
            kind=Item.Kind.PAIR,
            trace_a_id=first.trace,
            trace_b_id=second.trace,
            a_id=first.version,
            b_id=second.version,
            position=0,
            stratum=overlap.pair_stratum(first.agent, second.agent),
        )
        for first, second in pairs
    ]


def _known(project: Project, firsts: Iterable[int]) -> set[tuple[int, int | None]]:
    items = Item.objects.filter(project=project, kind=Item.Kind.PAIR, trace_a__in=set(firsts))
    return set(items.values_list("trace_a", "trace_b"))


def _issues(project: Project, config: ProjectConfig) -> Iterator[list[Attempt]]:
    """The attempts at each issue that has several, issue by issue."""
    found = _labeled_attempts(project) if config.labels_traces else _attempts(project)
    for _, group in groupby(found, key=attrgetter("issue")):
        attempts = list(group)
        if len(attempts) > 1:
            yield attempts


_COLUMNS = ("pk", "current", "external_id", "current__agent", "issue_key")


def _attempts(project: Project) -> Iterator[Attempt]:
    """Every trace of the project's dataset, by issue."""
    traces = Trace.objects.filter(dataset=project.dataset_id, is_withdrawn=False).order_by("issue_key", "pk")
    for row in traces.values_list(*_COLUMNS).iterator(chunk_size=2000):
        yield Attempt(*row)


def _labeled_attempts(project: Project, issue: str | None = None) -> Iterator[Attempt]:
    """The traces that are labeled here, in the versions that are, by issue (or only those of one).

    One of the calibration set gets no label, and the others do not wait for it.
    """
    slots = Slot.objects.filter(item=OuterRef("pk"))
    items = Item.objects.present().to_label().filter(project=project, kind=Item.Kind.TRACE)
    if issue is not None:
        items = items.filter(trace_a__issue_key=issue)
    done = Exists(slots) & ~Exists(slots.filter(~labeled_place()))
    columns = ("trace_a", "a", "trace_a__external_id", "a__agent", "trace_a__issue_key")
    rows = items.annotate(done=done).order_by("trace_a__issue_key", "trace_a").values_list(*columns, "done")
    for row in rows.iterator(chunk_size=2000):
        yield Attempt(*row)


def _best(project: Project, attempts: Sequence[Attempt]) -> Attempt | None:
    """The attempt with the best mean reward over its steps and the labels of it that count; None where none has one."""
    rewards: dict[int, list[float]] = defaultdict(list)
    counted = counted_submissions(project, "default")
    counted = counted.filter(assignment__item__trace_a__in=[one.trace for one in attempts])
    rows = counted.values_list("assignment__item__trace_a", "assignment__item__a", "revision", "values")
    for trace, version, revision, values in rows:
        reward = _reward(config_of(revision), version, values)
        if reward is not None:
            rewards[trace].append(reward)
    scored = [one for one in attempts if rewards[one.trace]]
    return max(scored, key=lambda one: (fmean(rewards[one.trace]), -one.trace), default=None)


def _reward(config: ProjectConfig, version: int, values: dict[str, Any]) -> float | None:
    scheme = next((one for one in config.annotation_schemes if one.annotation_type == "process_reward"), None)
    said = scheme and scheme.export(values.get(scheme.name, {}), context_of_version(version))
    given = [step["reward"] for step in said["steps"] if step["reward"] is not None] if said else []
    return fmean(given) if given else None
