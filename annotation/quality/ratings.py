"""The labels that agreement compares: who said what about which unit, for each measure of each scheme.

Counted are current submissions in planned slots of items of the overlap, made in production by people who are not
excluded. Adaptive slots are left out: asking again where people disagree would bias the number. Of a scheme whose
meaning changed, only answers to its present meaning are compared.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from annotation.answers.context import context_of_version
from annotation.models import Assignment, Membership, Project, Slot, Submission
from annotation.models.querysets import present
from annotation.projects.revisions import config_of
from annotation.schemes.base import ItemContext, Measure, Scheme
from potato_site.canonical import canonical
from traces.changes import Changes

CHUNK = 2000


@dataclass
class Ratings:
    """One entry per label in ``unit``, ``code`` and ``annotator``; one per unit in ``cluster`` (its trace) and
    ``n_steps`` (those of its trace)."""

    scheme: str
    measure: Measure
    unit: array[int] = field(default_factory=partial(array, "q"))
    code: array[int] = field(default_factory=partial(array, "q"))
    annotator: array[int] = field(default_factory=partial(array, "q"))
    cluster: array[int] = field(default_factory=partial(array, "q"))
    n_steps: array[int] = field(default_factory=partial(array, "q"))
    # Value → code. Of an ordinal measure the values are known and ordered; others (neutral, say) count as missing.
    codes: dict[Any, int] = field(default_factory=dict)
    # Labels that were given under an earlier meaning of the scheme to items that several people labeled.
    n_earlier: int = 0

    def __post_init__(self) -> None:
        if self.measure.level == "ordinal":
            self.codes = {value: place for place, value in enumerate(self.measure.domain)}

    def add(self, cluster: int, said: list[tuple[int, dict[str, Any]]], n_steps: int = 0) -> None:
        """What several people said of one trace of ``n_steps``: ``[(annotator, {unit key: value})]``."""
        units: dict[str, int] = {}
        for annotator, values in said:
            for key, value in values.items():
                code = self._code(value)
                if code is None:
                    continue
                if key not in units:
                    units[key] = len(self.cluster)
                    self.cluster.append(cluster)
                    self.n_steps.append(n_steps)
                self.unit.append(units[key])
                self.code.append(code)
                self.annotator.append(annotator)

    def _code(self, value: Any) -> int | None:
        key = value if isinstance(value, (str, int, float)) else canonical(value)
        if self.measure.level == "ordinal":
            return self.codes.get(key)
        return self.codes.setdefault(key, len(self.codes))


class _Row(NamedTuple):
    item: int
    version: int
    n_steps: int
    annotator: int
    revision: int
    values: dict[str, Any]


class Stored(ItemContext):
    """The shape of an item from its row. The document is only read by a scheme that asks for step types."""

    _version_id: int
    _n_steps: int

    def __init__(self, version_id: int, n_steps: int) -> None:
        # The base class is frozen, so that contexts can be shared.
        object.__setattr__(self, "_version_id", version_id)
        object.__setattr__(self, "_n_steps", n_steps)

    @property
    def n_steps(self) -> int:
        return self._n_steps

    @property
    def step_types(self) -> tuple[str, ...]:
        return context_of_version(self._version_id).step_types

    @property
    def changes(self) -> Changes:
        return context_of_version(self._version_id).changes


def ratings_of(project: Project, *, using: str, check: Callable[[], None] = lambda: None) -> list[Ratings]:
    """The ratings of every measure, in the order of the project's schemes. Empty ones are among them. ``check`` is
    called between batches."""
    schemes = _schemes(project.revision_id)
    found = {(name, m.name): Ratings(name, m) for name, scheme in schemes.items() for m in scheme.measures()}
    answered: dict[int, dict[str, Scheme]] = {}
    for cluster, (_, group) in enumerate(groupby(_rows(project, using), key=itemgetter(0))):
        if cluster % CHUNK == 0:
            check()
        rows = list(group)
        if len(rows) < 2:
            continue
        for row in rows:
            if row.revision not in answered:
                answered[row.revision] = _same_meaning(_schemes(row.revision), schemes)
        _add_item(found, cluster, rows, answered)
        for (name, _), ratings in found.items():
            ratings.n_earlier += sum(bool(row.values.get(name)) and name not in answered[row.revision] for row in rows)
    return list(found.values())


def _add_item(
    found: dict[tuple[str, str], Ratings], cluster: int, rows: list[_Row], answered: dict[int, dict[str, Scheme]]
) -> None:
    context = Stored(rows[0].version, rows[0].n_steps)
    units = [
        (row.annotator, {name: scheme.units(row.values.get(name, {}), context) for name, scheme in asked.items()})
        for row, asked in ((row, answered[row.revision]) for row in rows)
    ]
    for (name, measure), ratings in found.items():
        said = [(who, by_scheme.get(name, {}).get(measure, {})) for who, by_scheme in units]
        ratings.add(cluster, said, context.n_steps)


def _schemes(revision_id: int | None) -> dict[str, Scheme]:
    return {s.name: s for s in config_of(revision_id).annotation_schemes} if revision_id else {}


def _same_meaning(answered: dict[str, Scheme], current: dict[str, Scheme]) -> dict[str, Scheme]:
    return {
        name: scheme
        for name, scheme in answered.items()
        if name in current and scheme.meaning() == current[name].meaning()
    }


def _rows(project: Project, using: str) -> Iterator[_Row]:
    excluded = Membership.objects.using(using).filter(project=project, is_excluded=True).values("user_id")
    submissions = Submission.objects.using(using).filter(
        present("assignment__item__"),
        project=project,
        is_current=True,
        assignment__purpose=Assignment.Purpose.PRODUCTION,
        assignment__slot__purpose=Slot.Purpose.PLANNED,
        assignment__item__in_overlap=True,
    )
    rows = submissions.exclude(assignment__annotator_id__in=excluded).values_list(
        "assignment__item_id", "assignment__item__a_id", "assignment__item__a__n_steps", "assignment__annotator_id",
        "revision_id", "values",
    )  # fmt: skip
    for row in rows.order_by("assignment__item_id", "submitted_at", "seq").iterator(chunk_size=CHUNK):
        yield _Row(*row)
