"""What has come since a moment of a project's change counter."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from annotation.models import Assignment, Item, Project, Submission
from annotation.models.querysets import BEFOREHAND
from annotation.queries.counted import counted_submissions, delivered_submissions
from annotation.queries.projects import project_by_id
from annotation.queries.shapes import Changed, LastLabels
from annotation.queries.snapshot import SNAPSHOT


def submitted_since(project: Project | int, seq: int, *, using: str = SNAPSHOT) -> int:
    """How many submissions that count came after that change counter."""
    pk = project if isinstance(project, int) else project.pk
    counted = counted_submissions(project_by_id(pk, using=using), using, adjudicated=True, kinds=Item.Kind.values)
    return counted.filter(seq__gt=seq).count()


def changed_since(project: Project, seq: int, *, using: str = SNAPSHOT) -> list[Changed]:
    """What an export that was made at that change counter may hold otherwise now, in item order: labels were submitted,
    changed or invalidated, a trace was withdrawn or restored, a person was left out or taken in again."""
    mine = _labels(project, using).filter(assignment__item=OuterRef("pk"))
    items = Item.objects.using(using).filter(project=project).order_by("position", "pk")
    items = items.filter(Q(changed_seq__gt=seq) | Exists(mine.filter(seq__gt=seq)))
    rows = items.annotate(had_labels=Exists(mine.filter(seq__lte=seq))).values_list(
        "trace_a__external_id", "trace_b__external_id", "trace_a__issue_key", "a_id", "had_labels"
    )
    return [Changed(a, b or "", key, version, had) for a, b, key, version, had in rows]


def _labels(project: Project, using: str) -> QuerySet[Submission]:
    """All that was ever submitted and may be in an export: what only checks or lets in a person is in none."""
    found = Submission.objects.using(using).filter(project=project)
    return found.exclude(assignment__purpose__in=[Assignment.Purpose.GOLD, *BEFOREHAND])


def had_labels(project: Project, issue_keys: Collection[str], seq: int, *, using: str = SNAPSHOT) -> dict[str, bool]:
    """Every trace of these issues → whether somebody had submitted something about it, or about it and another one, by
    that change counter."""
    mine = _labels(project, using).filter(assignment__item=OuterRef("pk"), seq__lte=seq)
    items = Item.objects.using(using).filter(project=project).order_by("position", "pk").annotate(had=Exists(mine))
    rows = items.values_list("trace_a__external_id", "trace_b__external_id", "trace_a__issue_key", "had")
    found: dict[str, bool] = {}
    for a, b, key, had in rows.iterator(chunk_size=2000):
        if key in issue_keys:
            found.update({name: had or found.get(name, False) for name in (a, b) if name})
    return found


def last_labels(project_id: int, *, since_seq: int = -1, using: str = SNAPSHOT) -> list[LastLabels]:
    """Everybody with a submission after ``since_seq`` in their own record, and the time of their latest one."""
    recent = delivered_submissions(project_id, using, Item.Kind.values).filter(seq__gt=since_seq)
    people = recent.values_list("assignment__annotator_id", "assignment__annotator__username")
    return [LastLabels(*row) for row in people.annotate(last=Max("submitted_at")).order_by("assignment__annotator_id")]
