"""All that exports may read of annotation.

What counts as a label is decided here, once: the current submission of an assignment that was not voided, made in
production, by somebody who is not excluded, on an item (and a trace) that is not withdrawn. Surplus submissions (made
when the item's places were taken) are kept and paid, but only counted when asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from annotation.models import Assignment, Item, Membership, Project, Submission
from annotation.projects.find import NoProject, project_for
from annotation.projects.revisions import config_of
from annotation.projects.sections import Output
from annotation.quality.agreement import agreement_of
from annotation.quality.ratings import ratings_of
from annotation.schemes.base import ItemContext, Scheme, context_of_document
from traces.store import iter_documents

__all__ = [
    "Changed",
    "Coverage",
    "Delivering",
    "LabelMeaning",
    "LabeledPair",
    "LabeledTrace",
    "Labels",
    "LastLabels",
    "NoProject",
    "Question",
    "agreement",
    "changed_since",
    "compared_by",
    "configuration",
    "consistent_read",
    "coverage",
    "delivering",
    "delivering_projects",
    "document",
    "had_labels",
    "issues_and_repositories",
    "known_people",
    "labeled_by",
    "labeled_pairs",
    "labeled_traces",
    "last_labels",
    "project_by_id",
    "project_for",
    "questions",
    "submitted_since",
    "username_of",
]  # fmt: skip

BATCH = 500
SNAPSHOT = "snapshot"
DELIVERED = (Assignment.State.SUBMITTED, Assignment.State.REOPENED)


class LabelMeaning(NamedTuple):
    """One value a question can be answered with. ``reward`` is that of a step label, None for other choices."""

    value: str
    text: str
    description: str
    reward: float | None


@dataclass(frozen=True)
class Question:
    """One scheme as it was asked. ``mode`` is that of a process reward, else empty."""

    name: str
    type: str
    scope: str
    mode: str
    # How several people's answers become one (Scheme.merge).
    merge: str
    # A submission may leave steps without a label.
    has_gaps: bool
    labels: tuple[LabelMeaning, ...] = ()


class Labels(NamedTuple):
    """What one person submitted about one trace."""

    annotator: str
    started_at: datetime | None
    submitted_at: datetime
    active_seconds: float
    flags: tuple[str, ...]
    purpose: str
    # The schemes of the revision the person answered, by name.
    questions: dict[str, Question]
    # Scheme name → exported JSON value; None where it was not answered.
    values: dict[str, Any]
    # Scheme name → the frozen answer map.
    raw: dict[str, Any]


class LabeledTrace(NamedTuple):
    """A trace in the version that was labeled, with everything said about it, in order of submission."""

    trace_id: str
    issue_id: str
    issue_key: str
    instance_id: str
    version_id: int
    document: dict[str, Any]
    submissions: list[Labels]


@dataclass(frozen=True)
class LabeledPair:
    """Two traces that were compared, in the versions that were shown; answers name the sides ``a`` and ``b``."""

    a: LabeledTrace
    b: LabeledTrace
    submissions: list[Labels]


@dataclass(frozen=True)
class Coverage:
    """How many traces a project has, and how many of them an export cannot hold yet; the same of comparisons."""

    items: int
    labeled: int
    withdrawn: int
    pairs: int = 0
    compared: int = 0

    @property
    def known(self) -> int:
        """All traces, withdrawn or not."""
        return self.items + self.withdrawn


class Changed(NamedTuple):
    """A trace (or a pair of two) of which other labels count than at an earlier moment.

    ``version_id``: of the (first) trace. ``had_labels``: somebody had submitted something about it by then.
    """

    trace_id: str
    # "" of a single trace.
    trace_id_b: str
    issue_key: str
    version_id: int
    had_labels: bool


class LastLabels(NamedTuple):
    """When a person last submitted to a project."""

    user_id: int
    username: str
    submitted_at: datetime


class Delivering(NamedTuple):
    """A project with a folder for deliverables, and its change counter."""

    project_id: int
    seq: int
    output_path: str
    # Formats that are to be kept current in it.
    export_formats: tuple[str, ...] = ()
    # Form of the annotators' own files: jsonl or json.
    form: str = "jsonl"


def consistent_read() -> AbstractContextManager[None]:
    """Everything read inside through the ``snapshot`` alias belongs to one moment, and no save waits for it."""
    return transaction.atomic(using=SNAPSHOT)


def project_by_id(pk: int, *, using: str = SNAPSHOT) -> Project:
    """Raises Project.DoesNotExist."""
    return Project.objects.using(using).get(pk=pk)


def username_of(user_id: int) -> str:
    """Raises User.DoesNotExist."""
    return get_user_model().objects.only("username").get(pk=user_id).get_username()


def known_people(project: Project, names: Collection[str], *, using: str = SNAPSHOT) -> set[str]:
    """Those of these names that are of people who have, or had, something of the project to label."""
    mine = Assignment.objects.using(using).filter(project=project, annotator__username__in=names)
    return set(mine.values_list("annotator__username", flat=True).distinct()) if names else set()


def delivering_projects(*, using: str = SNAPSHOT) -> list[Delivering]:
    """Every project that has a folder for deliverables."""
    rows = Project.objects.using(using).exclude(output_path="").order_by("pk")
    found = rows.values_list("pk", "seq", "output_path", "revision_id")
    return [Delivering(pk, seq, path, *_output(revision)) for pk, seq, path, revision in found]


def delivering(project: Project) -> Delivering:
    """The same of one project."""
    return Delivering(project.pk, project.seq, project.output_path, *_output(project.revision_id))


def _output(revision_id: int | None) -> tuple[tuple[str, ...], str]:
    """The formats to keep current, and the form of the annotators' own files."""
    output = config_of(revision_id).output if revision_id else Output()
    return tuple(dict.fromkeys(output.export_formats)), output.format


def submitted_since(project: Project | int, seq: int, *, using: str = SNAPSHOT) -> int:
    """How many submissions that count came after that change counter."""
    pk = project if isinstance(project, int) else project.pk
    counted = _counted(project_by_id(pk, using=using), using, adjudicated=True, kinds=Item.Kind.values)
    return counted.filter(seq__gt=seq).count()


def changed_since(project: Project, seq: int, *, using: str = SNAPSHOT) -> list[Changed]:
    """What an export that was made at that change counter may hold otherwise now, in item order: labels were submitted,
    changed or invalidated, a trace was withdrawn or restored, a person was left out or taken in again."""
    mine = Submission.objects.using(using).filter(project=project, assignment__item=OuterRef("pk"))
    items = Item.objects.using(using).filter(project=project).order_by("position", "pk")
    items = items.filter(Q(changed_seq__gt=seq) | Exists(mine.filter(seq__gt=seq)))
    rows = items.annotate(had_labels=Exists(mine.filter(seq__lte=seq))).values_list(
        "trace_a__external_id", "trace_b__external_id", "trace_a__issue_key", "a_id", "had_labels"
    )
    return [Changed(a, b or "", key, version, had) for a, b, key, version, had in rows]


def had_labels(project: Project, issue_keys: Collection[str], seq: int, *, using: str = SNAPSHOT) -> dict[str, bool]:
    """Every trace of these issues → whether somebody had submitted something about it, or about it and another one, by
    that change counter."""
    mine = Submission.objects.using(using).filter(project=project, assignment__item=OuterRef("pk"), seq__lte=seq)
    items = Item.objects.using(using).filter(project=project).order_by("position", "pk").annotate(had=Exists(mine))
    rows = items.values_list("trace_a__external_id", "trace_b__external_id", "trace_a__issue_key", "had")
    found: dict[str, bool] = {}
    for a, b, key, had in rows.iterator(chunk_size=2000):
        if key in issue_keys:
            found.update({name: had or found.get(name, False) for name in (a, b) if name})
    return found


def questions(project: Project, *, using: str = SNAPSHOT) -> list[Question]:
    """The project's questions in their order, then those only older submissions answered.

    A question counts as having gaps when any revision that was answered allows them.
    """
    used = Submission.objects.using(using).filter(project=project, is_current=True)
    revisions = list(used.values_list("revision_id", flat=True).distinct().order_by("-revision_id"))
    found: dict[str, Question] = {}
    gaps: set[str] = set()
    for pk in dict.fromkeys([project.revision_id, *revisions]):
        for question in _questions_of(pk).values() if pk else ():
            found.setdefault(question.name, question)
            gaps |= {question.name} if question.has_gaps and pk in revisions else set()
    return [Question(**{**vars(question), "has_gaps": question.name in gaps}) for question in found.values()]


def coverage(
    project: Project, *, using: str = SNAPSHOT, only: Sequence[str] | None = None, include_surplus: bool = False
) -> Coverage:
    """Counts of items; one is labeled when a label of it counts (a surplus one alone only where asked for).

    ``only``: of the traces with these ids, and of the pairs of two of them.
    """
    found = Item.objects.using(using).filter(project=project)
    if only is not None:
        both = Q(kind=Item.Kind.TRACE) | Q(trace_b__external_id__in=only)
        found = found.filter(both, trace_a__external_id__in=only)
    counted = _counted(project, using, include_surplus, adjudicated=True, kinds=Item.Kind.values)
    labeled = Exists(counted.filter(assignment__item=OuterRef("pk")))
    items, pairs = found.filter(kind=Item.Kind.TRACE), found.filter(_PRESENT, kind=Item.Kind.PAIR)
    pairs = pairs.exclude(trace_b__is_withdrawn=True)
    present = items.filter(_PRESENT)
    return Coverage(
        items=present.count(),
        labeled=present.filter(labeled).count(),
        withdrawn=items.count() - present.count(),
        pairs=pairs.count(),
        compared=pairs.filter(labeled).count(),
    )


def labeled_traces(
    project: Project,
    *,
    using: str = SNAPSHOT,
    include_surplus: bool = False,
    only: Sequence[str] | None = None,
    most: int | None = None,
) -> Iterator[LabeledTrace]:
    """Every labeled trace (``only``: those with these ids; ``most``: so many first ones) in item order, what
    adjudicators decided among the labels.

    Memory stays flat; call it inside ``consistent_read()``.
    """
    counted = _counted(project, using, include_surplus, adjudicated=True)
    if only is not None:
        counted = counted.filter(assignment__item__trace_a__external_id__in=only)
    yield from _traces(_about_first(project, counted, most), using)


def labeled_pairs(
    project: Project, *, using: str = SNAPSHOT, include_surplus: bool = False, most: int | None = None
) -> Iterator[LabeledPair]:
    """Every pair of traces that was compared (``most``: so many first ones), in item order. Call it inside
    ``consistent_read()``."""
    counted = _counted(project, using, include_surplus, adjudicated=True, kinds=[Item.Kind.PAIR])
    yield from _pairs(_about_first(project, counted, most), using)


def _about_first(project: Project, submissions: QuerySet[Submission], most: int | None) -> QuerySet[Submission]:
    """Those about the first items alone, so that not all have to be put in order for a few."""
    if most is None:
        return submissions
    has_one = Exists(submissions.filter(assignment__item=OuterRef("pk")))
    items = Item.objects.using(submissions.db).filter(project=project).filter(has_one).order_by("position", "pk")
    return submissions.filter(assignment__item__in=list(items.values_list("pk", flat=True)[:most]))


def _pairs(submissions: QuerySet[Submission], using: str) -> Iterator[LabeledPair]:
    asked = _Asked()
    for items in _item_batches(submissions, "a", "b"):
        documents = iter_documents([side.version_id for item in items for side in item.sides], using=using)
        for item in items:
            a, b = (_trace(side, next(documents)) for side in item.sides)
            context = context_of_document(a.document)
            yield LabeledPair(a, b, [_labels(row, context, asked) for row in item.said])


def document(version_id: int, *, using: str = SNAPSHOT) -> dict[str, Any]:
    """The document of one trace version. Raises Document.DoesNotExist."""
    return next(iter_documents([version_id], using=using))


def issues_and_repositories(project: Project, *, using: str = SNAPSHOT) -> Iterator[tuple[str, str]]:
    """(issue key, repository or "") of every trace of the project, without reading its document."""
    items = Item.objects.using(using).filter(project=project, kind=Item.Kind.TRACE).order_by("position", "pk")
    for key, meta in items.values_list("trace_a__issue_key", "a__meta").iterator(chunk_size=2000):
        yield key, meta.get("repo") or ""


def configuration(project: Project) -> dict[str, Any]:
    """The revision people answer now: its number, its digest, and its questions as they are configured."""
    revision = project.revision
    if revision is None:
        return {}
    asked = config_of(revision.pk).model_dump(mode="json", include={"annotation_schemes"}, exclude_none=True)
    return {"revision": revision.number, "digest": revision.digest, **asked}


def agreement(project: Project, *, using: str = SNAPSHOT) -> list[dict[str, Any]]:
    """What annotators agree on, for each measure of each question. Call it inside ``consistent_read()``."""
    return agreement_of(project, ratings_of(project, using=using)).as_json()["results"]


def labeled_by(project: Project, user_id: int, *, using: str = SNAPSHOT) -> Iterator[LabeledTrace]:
    """Everything one person submitted about traces, whatever its purpose, excluded or not: their own record, in item
    order."""
    yield from _traces(_delivered(project, using).filter(assignment__annotator_id=user_id), using)


def compared_by(project: Project, user_id: int, *, using: str = SNAPSHOT) -> Iterator[LabeledPair]:
    """The same about pairs."""
    made = _delivered(project, using, [Item.Kind.PAIR]).filter(assignment__annotator_id=user_id)
    yield from _pairs(made, using)


def last_labels(project_id: int, *, since_seq: int = -1, using: str = SNAPSHOT) -> list[LastLabels]:
    """Everybody with a submission after ``since_seq`` in their own record, and the time of their latest one."""
    recent = _delivered(project_id, using, Item.Kind.values).filter(seq__gt=since_seq)
    people = recent.values_list("assignment__annotator_id", "assignment__annotator__username")
    return [LastLabels(*row) for row in people.annotate(last=Max("submitted_at")).order_by("assignment__annotator_id")]


_PRESENT = Q(is_withdrawn=False, trace_a__is_withdrawn=False)
# Of a submission; where it is read, the columns of the item's sides follow.
_COLUMNS = (
    "assignment__item_id", "assignment__annotator__username", "assignment__opened_at", "submitted_at", "active_ms",
    "flags", "assignment__purpose", "revision_id", "values",
)  # fmt: skip
_IN_ITEM_ORDER = ("assignment__item__position", "assignment__item_id", "submitted_at", "seq")


def _delivered(project: Project | int, using: str, kinds: Sequence[str] = (Item.Kind.TRACE,)) -> QuerySet[Submission]:
    """Valid submissions about items of these kinds."""
    found = Submission.objects.using(using).filter(
        project=project,
        is_current=True,
        assignment__state__in=DELIVERED,
        assignment__item__kind__in=kinds,
        assignment__item__is_withdrawn=False,
        assignment__item__trace_a__is_withdrawn=False,
    )
    return found.exclude(assignment__item__trace_b__is_withdrawn=True) if Item.Kind.PAIR in kinds else found


def _counted(
    project: Project,
    using: str,
    include_surplus: bool = False,
    *,
    adjudicated: bool = False,
    kinds: Sequence[str] = (Item.Kind.TRACE,),
) -> QuerySet[Submission]:
    """The submissions that make labels; ``adjudicated``: and those that decide between them."""
    purposes = [Assignment.Purpose.PRODUCTION, *([Assignment.Purpose.ADJUDICATION] if adjudicated else [])]
    excluded = Membership.objects.using(using).filter(project=project, is_excluded=True).values("user_id")
    made = _delivered(project, using, kinds).filter(assignment__purpose__in=purposes)
    made = made.exclude(assignment__annotator_id__in=excluded)
    # The lookup encodes its value like the column, so this finds the element "surplus" with its quotes.
    return made if include_surplus else made.exclude(flags__contains="surplus")


def _traces(submissions: QuerySet[Submission], using: str) -> Iterator[LabeledTrace]:
    asked = _Asked()
    for items in _item_batches(submissions, "a"):
        documents = iter_documents([item.sides[0].version_id for item in items], using=using)
        for item, document in zip(items, documents, strict=True):
            context = context_of_document(document)
            yield _trace(item.sides[0], document, [_labels(row, context, asked) for row in item.said])


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


_TRACE_COLUMNS = ("external_id", "issue_id", "issue_key", "instance_id")


class _Item(NamedTuple):
    sides: list[_Side]
    # Rows that begin with ``_COLUMNS``.
    said: list[tuple[Any, ...]]


def _trace(side: _Side, document: dict[str, Any], submissions: Sequence[Labels] = ()) -> LabeledTrace:
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


class _Revision(NamedTuple):
    schemes: tuple[Scheme, ...]
    questions: dict[str, Question]


class _Asked(dict[int, _Revision]):
    """Revision id → what it asks, looked up once per read."""

    def __missing__(self, revision_id: int) -> _Revision:
        found = self[revision_id] = _Revision(tuple(_schemes_of(revision_id)), _questions_of(revision_id))
        return found


def _labels(row: tuple[Any, ...], context: ItemContext, asked: _Asked) -> Labels:
    _, annotator, started_at, submitted_at, active_ms, flags, purpose, revision, raw = row[: len(_COLUMNS)]
    schemes, questions = asked[revision]
    return Labels(
        annotator=annotator,
        started_at=started_at,
        submitted_at=submitted_at,
        active_seconds=active_ms / 1000,
        flags=tuple(flags),
        purpose=purpose,
        questions=questions,
        values={scheme.name: scheme.export(raw.get(scheme.name, {}), context) for scheme in schemes},
        raw=raw,
    )


def _schemes_of(revision_id: int) -> Iterable[Scheme]:
    return config_of(revision_id).annotation_schemes


def _questions_of(revision_id: int) -> dict[str, Question]:
    return {scheme.name: _question(scheme) for scheme in _schemes_of(revision_id)}


def _question(scheme: Scheme) -> Question:
    return Question(
        name=scheme.name,
        type=scheme.annotation_type,
        scope=scheme.scope,
        mode=getattr(scheme, "mode", ""),
        merge=scheme.merge,
        has_gaps=scheme.has_gaps,
        labels=tuple(_meanings(scheme)),
    )


def _meanings(scheme: Scheme) -> Iterator[LabelMeaning]:
    """The labels of a process reward, else the options of a choice."""
    if hasattr(scheme, "reward"):
        for name, label in getattr(scheme, "labels", {}).items():
            yield LabelMeaning(name, label.text, label.description, scheme.reward(name))
        return
    for option in getattr(scheme, "options", ()):
        yield LabelMeaning(str(option.value), option.text, getattr(option, "description", ""), None)
