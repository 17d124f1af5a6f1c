"""Known answers: what an item's label ought to be, as the people who run a project decided.

A gold answer has the shape of a submission's: a flat map from key to value, checked by the scheme. Items with one are
handed out to check people (``assignments.known_items``), whose answers are compared with it (``quality.checked``).
Annotators never see one, but of the calibration set: there it is shown to whoever has submitted the item.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Count, QuerySet

from annotation.answers.context import OF_A_PAIR, context_of, context_of_version, is_pair
from annotation.models import Assignment, Gold, Item, Project, SchemeVersion, Submission
from annotation.models.querysets import present
from annotation.projects.counter import bump
from annotation.projects.revisions import config_of, current, meaning_key, scheme_version
from annotation.schemes.base import Refused, Scheme, text_of
from potato_site.accounts.models import AuditEntry, User
from potato_site.canonical import digest

AT_ONCE = 2000


class NotGold(ValueError):
    """The value is no answer to the question. ``problems`` are (key, sentence)."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(message for _, message in problems))
        self.problems = problems


@transaction.atomic
def set_gold(
    project: Project,
    item: Item,
    scheme_name: str,
    value: object,
    *,
    rationale: str = "",
    use: str = Gold.Use.HIDDEN,
    taken_from: Assignment | None = None,
    user: User | None,
) -> Gold:
    """Keep ``value`` as the known answer of ``item``, replacing an earlier one. Raises NotGold.

    It answers the present meaning of the scheme, for the trace version the item has now and from now on keeps. The
    caller has made sure that ``user`` manages the project and that the item is the project's.
    """
    scheme = _scheme(project, scheme_name)
    # Alone with the project, so that the item does not move to another version of its trace meanwhile.
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    item = Item.objects.get(pk=item.pk, project=project)
    if scheme not in current(project).asked_of(pair=item.kind == Item.Kind.PAIR):
        raise NotGold([("scheme", f"is not asked of a {item.get_kind_display().lower()}")])
    clean = _clean(scheme, value, item)
    if use not in Gold.Use.values:
        raise NotGold([("use", f"must be one of {', '.join(Gold.Use.values)}")])
    meaning = scheme_version(project, scheme)
    earlier = Gold.objects.filter(item=item, scheme__name=scheme_name).order_by("-pk").first()
    after = {"value": clean, "rationale": _rationale(rationale), "use": use}
    if earlier is not None and earlier.scheme_id == meaning.pk and _content(earlier) == after:
        return earlier
    # An answer to what the question used to mean is replaced as well: one known answer per question.
    Gold.objects.filter(item=item, scheme__name=scheme_name).exclude(scheme=meaning).delete()
    gold, _ = Gold.objects.update_or_create(item=item, scheme=meaning, defaults={**after, "taken_from": taken_from})
    _record(project, "gold.set", gold, _audited(earlier), _audited(gold), user)
    return gold


@transaction.atomic
def keep_submission(project: Project, submission: Submission, user: User | None) -> list[Scheme]:
    """Keep what a current submission says as the known answers of its item. Returns the questions it answers.

    Only answers that others can be compared with are kept (``Scheme.likeness``). What does not answer a question as it
    is asked now is left out; raises NotGold where nothing is left. What an earlier known answer was for stays, and why.
    """
    # Before the project, as who invalidates it does: a known answer names it, which locks its key at the commit.
    Assignment.objects.select_for_update(of=("self",)).get(pk=submission.assignment_id)
    if not Submission.objects.filter(pk=submission.pk, is_current=True).exists():
        raise NotGold([("", "It counts no more: it was invalidated, or submitted again, meanwhile.")])
    there = Gold.objects.filter(item=submission.assignment.item_id).select_related("scheme").order_by("pk")
    earlier = {gold.scheme.name: gold for gold in there}
    context = context_of(submission.assignment.item_id)
    kept = []
    for scheme in current(project).asked_of(pair=is_pair(submission.assignment.item_id)):
        given = submission.values.get(scheme.name)
        if not given or not _is_of(scheme, submission) or scheme.likeness(given, given, context) is None:
            continue
        before = earlier.get(scheme.name)
        about = {"use": before.use, "rationale": before.rationale} if before else {}
        assignment = submission.assignment
        set_gold(project, assignment.item, scheme.name, given, taken_from=assignment, user=user, **about)
        kept.append(scheme)
    if not kept:
        raise NotGold([("", "It holds no answer that others could be compared with.")])
    return kept


def _is_of(scheme: Scheme, submission: Submission) -> bool:
    """Whether the submission answered what the question means now."""
    schemes = config_of(submission.revision_id).annotation_schemes
    return any(one.name == scheme.name and meaning_key(one) == meaning_key(scheme) for one in schemes)


@transaction.atomic
def delete_gold(project: Project, gold: Gold, user: User | None) -> None:
    """Forget a known answer. Nothing happens if it is gone already."""
    # First, as in set_gold: else one waits for the answer and the other for the project.
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    found = Gold.objects.select_related("scheme").filter(pk=gold.pk, item__project=project).first()
    if found is None:
        return
    Gold.objects.filter(pk=found.pk).delete()
    _record(project, "gold.delete", found, _audited(found), None, user)


def known_answers(item_id: int, schemes: Sequence[Scheme]) -> list[tuple[Scheme, Gold]]:
    """What is known of an item, to those of the questions that mean the same still, in their order."""
    there = Gold.objects.filter(item=item_id).select_related("scheme")
    found = {(gold.scheme.name, gold.scheme.digest): gold for gold in there}
    named = ((scheme, found.get((scheme.name, meaning_key(scheme)))) for scheme in schemes)
    return [(scheme, gold) for scheme, gold in named if gold is not None]


def in_use(rows: QuerySet[Gold]) -> QuerySet[Gold]:
    """Those of them that answers are compared with: to questions as they are asked now, of items that are not
    withdrawn."""
    versions = SchemeVersion.objects.using(rows.db).filter(pk__in=rows.order_by().values("scheme"))
    asked = [version.pk for version in versions.select_related("project") if _is_asked(version)]
    return rows.filter(present("item__"), scheme__in=asked)


def _is_asked(version: SchemeVersion) -> bool:
    revision_id = version.project.revision_id
    schemes = config_of(revision_id).annotation_schemes if revision_id else []
    return any((scheme.name, meaning_key(scheme)) == (version.name, version.digest) for scheme in schemes)


class Among(NamedTuple):
    """What some assignments have to do with known answers: from how many of them how many are taken that people are
    compared with, and how many were made for no label, to check the person alone."""

    sources: int
    taken: int
    checks: int


def among(assignments: Sequence[int]) -> Among:
    """Of those that were submitted and stand."""
    sources = taken = checks = 0
    for start in range(0, len(assignments), AT_ONCE):
        rows = Assignment.objects.delivered().filter(pk__in=assignments[start : start + AT_ONCE])
        known = in_use(Gold.objects.filter(taken_from__in=rows.values("pk")))
        counts = known.aggregate(sources=Count("taken_from", distinct=True), taken=Count("pk"))
        sources, taken = sources + counts["sources"], taken + counts["taken"]
        checks += rows.filter(purpose=Assignment.Purpose.GOLD).count()
    return Among(sources, taken, checks)


def audit_name(gold: Gold) -> str:
    """What a known answer is called in the record of changes."""
    return f"gold of item {gold.item_id}, {gold.scheme.name}"


def _content(gold: Gold) -> dict[str, Any]:
    return {"value": gold.value, "rationale": gold.rationale, "use": gold.use}


def _audited(gold: Gold | None) -> dict[str, Any] | None:
    """That it changed, not to what: the record of changes is no second place to read it."""
    return {"sha256": digest(_content(gold)), "use": gold.use} if gold else None


def _scheme(project: Project, name: str) -> Scheme:
    try:
        return current(project).scheme(name)
    except KeyError:
        raise NotGold([("scheme", "the project asks no such question")]) from None


def _clean(scheme: Scheme, value: object, item: Item) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise NotGold([("value", "must be an object: the answer's keys and their values")])
    context = context_of_version(item.a_id) if item.b_id is None else OF_A_PAIR
    clean, problems = {}, []
    for key, part in value.items():
        try:
            if part is None:
                raise Refused("has no value")
            clean[key] = scheme.clean(key, part, context)
        except Refused as error:
            problems.append((f"value.{key[:40]}", str(error)))
    if not problems:
        problems = [("value", gap.message) for gap in scheme.missing(clean, context)]
    if not problems and not clean:
        problems = [("value", "is empty")]
    if problems:
        raise NotGold(problems)
    return clean


def _rationale(text: object) -> str:
    try:
        return text_of(text, "the rationale")
    except Refused as error:
        raise NotGold([("rationale", str(error))]) from None


def _record(project: Project, action: str, gold: Gold, before: Any, after: Any, user: User | None) -> None:
    AuditEntry.objects.create(
        user=user, project=project, action=action, object=audit_name(gold), before=before, after=after
    )
    bump(project.pk)
