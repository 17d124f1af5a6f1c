"""Labeled traces and compared pairs, as streams in item order."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby, islice, repeat
from operator import itemgetter
from typing import Any, Literal, NamedTuple

from django.db.models import Exists, F, Func, OuterRef, QuerySet, TextField

from annotation.models import Item, Project, Submission
from annotation.models.querysets import with_surplus
from annotation.queries.asked import Asked
from annotation.queries.counted import counted_submissions, delivered_submissions
from annotation.queries.later import LaterContext, LaterDocument, LaterValues
from annotation.queries.shapes import LabeledPair, LabeledTrace, Labels
from annotation.queries.snapshot import SNAPSHOT
from annotation.schemes.base import ItemContext, context_of_document
from potato_site.canonical import loads
from traces.models import TraceVersion
from traces.store import iter_documents, iter_opened


class AsStored(Func):
    """A column as the database's driver gives it: to convert it for each of many rows costs more than to read it."""

    template = "%(expressions)s"
    output_field = TextField()


BATCH = 500
Documents = Literal["whole", "heads", "later"]
# Of a submission; where it is read, the columns of the item's sides follow.
_COLUMNS = (
    F("assignment__item_id"), F("assignment__annotator__username"), AsStored("assignment__opened_at"),
    AsStored("submitted_at"), F("active_ms"), AsStored("flags"), AsStored("assignment__is_surplus"),
    F("assignment__purpose"), F("revision_id"), AsStored("values"),
)  # fmt: skip
_TRACE_COLUMNS = ("external_id", "issue_id", "issue_key", "instance_id")
_IN_ITEM_ORDER = ("assignment__item__position", "assignment__item_id", "submitted_at", "seq")


def labeled_traces(
    project: Project,
    *,
    using: str = SNAPSHOT,
    include_surplus: bool = False,
    only: Sequence[str] | None = None,
    most: int | None = None,
    documents: Documents = "whole",
) -> Iterator[LabeledTrace]:
    """Every labeled trace (``only``: those with these ids; ``most``: so many first ones) in item order, what
    adjudicators decided among the labels.

    ``documents``: "heads" for whoever seldom looks at steps, "later" for whoever looks into few of them; each is a
    ``LaterDocument`` then. Memory stays flat; call it inside ``consistent_read()``.
    """
    counted = counted_submissions(project, using, include_surplus, adjudicated=True)
    if only is not None:
        # With the data set, which is that of all traces of the project, Postgres finds them in an index.
        counted = counted.filter(
            assignment__item__trace_a__dataset=project.dataset_id, assignment__item__trace_a__external_id__in=only
        )
    submissions = _about_first(project, counted, most)
    if documents == "whole":
        yield from _traces(submissions, using)
    else:
        yield from _traces_alone(submissions, using, with_heads=documents == "heads")


def labeled_pairs(
    project: Project,
    *,
    using: str = SNAPSHOT,
    include_surplus: bool = False,
    most: int | None = None,
    documents: Literal["whole", "later"] = "whole",
) -> Iterator[LabeledPair]:
    """Every pair of traces that was compared (``most``: so many first ones), in item order. ``documents``: as for
    ``labeled_traces``. Call it inside ``consistent_read()``."""
    counted = counted_submissions(project, using, include_surplus, adjudicated=True, kinds=[Item.Kind.PAIR])
    submissions = _about_first(project, counted, most)
    yield from _pairs(submissions, using) if documents == "whole" else _pairs_alone(submissions, using)


def labeled_by(project: Project, user_id: int, *, using: str = SNAPSHOT) -> Iterator[LabeledTrace]:
    """Everything one person submitted about traces, whatever its purpose, excluded or not: their own record, in item
    order."""
    yield from _traces(delivered_submissions(project, using).filter(assignment__annotator_id=user_id), using)


def compared_by(project: Project, user_id: int, *, using: str = SNAPSHOT) -> Iterator[LabeledPair]:
    """The same about pairs."""
    made = delivered_submissions(project, using, [Item.Kind.PAIR]).filter(assignment__annotator_id=user_id)
    yield from _pairs(made, using)


def document(version_id: int, *, using: str = SNAPSHOT) -> dict[str, Any]:
    """The document of one trace version. Raises Document.DoesNotExist."""
    return next(iter_documents([version_id], using=using))


def _about_first(project: Project, submissions: QuerySet[Submission], most: int | None) -> QuerySet[Submission]:
    """Those about the first items alone, so that not all have to be put in order for a few."""
    if most is None:
        return submissions
    has_one = Exists(submissions.filter(assignment__item=OuterRef("pk")))
    items = Item.objects.using(submissions.db).filter(project=project).filter(has_one).order_by("position", "pk")
    return submissions.filter(assignment__item__in=list(items.values_list("pk", flat=True)[:most]))


def _traces(submissions: QuerySet[Submission], using: str) -> Iterator[LabeledTrace]:
    asked = Asked()
    for items in _item_batches(submissions, "a"):
        documents = iter_documents([item.sides[0].version_id for item in items], using=using)
        for item, document in zip(items, documents, strict=True):
            context = LaterContext(document, len(document.get("structured_turns") or ()))
            yield _trace(item.sides[0], document, [_labels(row, context, asked) for row in item.said])


def _traces_alone(submissions: QuerySet[Submission], using: str, *, with_heads: bool) -> Iterator[LabeledTrace]:
    """Without their documents, or with what those say before their steps."""
    asked = Asked()
    for items in _item_batches(submissions, "a"):
        documents = _documents_later([item.sides[0].version_id for item in items], using, with_heads=with_heads)
        for item, document in zip(items, documents, strict=True):
            context = LaterContext(document, document.n_steps)
            yield _trace(item.sides[0], document, [_labels(row, context, asked) for row in item.said])


def _documents_later(ids: Sequence[int], using: str, *, with_heads: bool) -> Iterator[LaterDocument]:
    """Of these versions, in this order."""
    versions = TraceVersion.objects.using(using).filter(pk__in=ids).values_list("pk", "n_steps", AsStored("meta"))
    known = {pk: (n_steps, _outside(n_steps, loads(meta))) for pk, n_steps, meta in versions}
    opened = iter_opened(ids, using=using) if with_heads else repeat(None)
    for pk, one in zip(ids, opened, strict=False):
        yield LaterDocument(pk, *known[pk], using, one)


def _outside(n_steps: int, meta: Mapping[str, Any]) -> Hashable:
    """What versions with equal tasks and steps have in common: their number, the first line of the task, the place."""
    return n_steps, meta.get("title"), meta.get("repo")


def _pairs(submissions: QuerySet[Submission], using: str) -> Iterator[LabeledPair]:
    asked = Asked()
    for items in _item_batches(submissions, "a", "b"):
        documents = iter_documents([side.version_id for item in items for side in item.sides], using=using)
        for item in items:
            a, b = (_trace(side, next(documents)) for side in item.sides)
            context = context_of_document(a.document)
            yield LabeledPair(a, b, [_labels(row, context, asked) for row in item.said])


def _pairs_alone(submissions: QuerySet[Submission], using: str) -> Iterator[LabeledPair]:
    """Without their documents."""
    asked = Asked()
    for items in _item_batches(submissions, "a", "b"):
        ids = [side.version_id for item in items for side in item.sides]
        documents = _documents_later(ids, using, with_heads=False)
        for item in items:
            (a, document), (b, other) = ((side, next(documents)) for side in item.sides)
            context = LaterContext(document, document.n_steps)
            said = [_labels(row, context, asked) for row in item.said]
            yield LabeledPair(_trace(a, document), _trace(b, other), said)


class _Side(NamedTuple):
    """A trace of an item, in the version that is shown."""

    version_id: int
    trace_id: str
    issue_id: str
    issue_key: str
    instance_id: str

    @classmethod
    def columns(cls, name: str) -> list[str]:
        """Where a submission finds those of the side ``name``."""
        trace = f"assignment__item__trace_{name}"
        return [f"assignment__item__{name}_id", *(f"{trace}__{key}" for key in _TRACE_COLUMNS)]


class _Item(NamedTuple):
    sides: list[_Side]
    # Rows that begin with ``_COLUMNS``.
    said: list[tuple[Any, ...]]


def _trace(side: _Side, document: Mapping[str, Any], submissions: Sequence[Labels] = ()) -> LabeledTrace:
    return LabeledTrace(
        trace_id=side.trace_id,
        issue_id=side.issue_id,
        issue_key=side.issue_key,
        instance_id=side.instance_id,
        version_id=side.version_id,
        document=document,
        submissions=list(submissions),
    )


def _item_batches(submissions: QuerySet[Submission], *sides: str) -> Iterator[list[_Item]]:
    """The items that have such submissions, in order, with these sides and their submissions, the earliest first.

    One query, read as a stream: what asks for items first, and then for what was said of each, asks twice.
    """
    columns = [column for side in sides for column in _Side.columns(side)]
    rows = submissions.order_by(*_IN_ITEM_ORDER).values_list(*_COLUMNS, *columns).iterator(chunk_size=BATCH)
    items = (_item(list(said)) for _, said in groupby(rows, key=itemgetter(0)))
    while batch := list(islice(items, BATCH)):
        yield batch


def _item(said: list[tuple[Any, ...]]) -> _Item:
    shown, width = said[0][len(_COLUMNS) :], len(_Side._fields)
    return _Item([_Side(*shown[start : start + width]) for start in range(0, len(shown), width)], said)


def _in_utc(stored: datetime) -> datetime:
    """SQLite's are in UTC and do not say so."""
    return stored if stored.tzinfo else stored.replace(tzinfo=UTC)


def _labels(row: tuple[Any, ...], context: ItemContext, asked: Asked) -> Labels:
    _, annotator, started_at, submitted_at, active_ms, kept, surplus, purpose, revision, stored = row[: len(_COLUMNS)]
    raw = loads(stored)
    schemes, questions = asked[revision]
    return Labels(
        annotator=annotator,
        started_at=_in_utc(started_at) if started_at else None,
        submitted_at=_in_utc(submitted_at),
        active_seconds=active_ms / 1000,
        flags=tuple(with_surplus(loads(kept), surplus)),
        purpose=purpose,
        questions=questions,
        values=LaterValues(schemes, raw, context),
        raw=raw,
    )
