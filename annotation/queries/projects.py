"""What exports ask about a project and its people, beside the labels."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q

from annotation.models import Assignment, Item, Membership, Project
from annotation.projects.revisions import config_of
from annotation.projects.sections import Output
from annotation.quality.agreement import agreement_of
from annotation.quality.ratings import ratings_of
from annotation.queries.shapes import Delivering
from annotation.queries.snapshot import SNAPSHOT


def project_by_id(pk: int, *, using: str = SNAPSHOT) -> Project:
    """Raises Project.DoesNotExist, also for one that is being deleted."""
    return Project.objects.using(using).exclude(state=Project.State.PURGING).get(pk=pk)


def is_gone(pk: int) -> bool:
    """Whether the project is deleted, or about to be: nobody needs its files any more."""
    return not Project.objects.filter(pk=pk).exclude(state=Project.State.PURGING).exists()


def username_of(user_id: int) -> str:
    """Raises User.DoesNotExist."""
    return get_user_model().objects.only("username").get(pk=user_id).get_username()


def people_of(project_id: int, *, using: str = SNAPSHOT) -> list[str]:
    """The names of all who have, or had, something of the project to label, or are in it."""
    labeling = Assignment.objects.using(using).filter(project=project_id).values("annotator")
    members = Membership.objects.using(using).filter(project=project_id).values("user")
    people = get_user_model().objects.using(using).filter(Q(pk__in=labeling) | Q(pk__in=members))
    return list(people.order_by("pk").values_list("username", flat=True))


def known_people(project: Project, names: Collection[str], *, using: str = SNAPSHOT) -> set[str]:
    """Those of these names that are of people who have, or had, something of the project to label."""
    mine = Assignment.objects.using(using).filter(project=project, annotator__username__in=names)
    return set(mine.values_list("annotator__username", flat=True).distinct()) if names else set()


def delivering_projects(*, using: str = SNAPSHOT) -> list[Delivering]:
    """Every project that has a folder for deliverables."""
    kept = Project.objects.using(using).exclude(state=Project.State.PURGING)
    rows = kept.exclude(output_path="").order_by("pk")
    found = rows.values_list("pk", "seq", "output_path", "revision_id")
    return [Delivering(pk, seq, path, *_output(revision)) for pk, seq, path, revision in found]


def delivering(project: Project) -> Delivering:
    """The same of one project."""
    return Delivering(project.pk, project.seq, project.output_path, *_output(project.revision_id))


def _output(revision_id: int | None) -> tuple[tuple[str, ...], str, bool]:
    """The formats to keep current, the form of the annotators' own files, and whether traces are compared."""
    if revision_id is None:
        return (), Output().format, False
    config = config_of(revision_id)
    return tuple(dict.fromkeys(config.output.export_formats)), config.output.format, config.labels_pairs


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
    # Each as the kind of question that it is, and not as what all kinds share.
    asked = [scheme.model_dump(mode="json", exclude_none=True) for scheme in config_of(revision.pk).annotation_schemes]
    return {"revision": revision.number, "digest": revision.digest, "annotation_schemes": asked}


def agreement(
    project: Project, *, using: str = SNAPSHOT, check: Callable[[], None] = lambda: None
) -> list[dict[str, Any]]:
    """What annotators agree on, for each measure of each question. Call it inside ``consistent_read()``.

    ``check`` is called between batches of what is read, and before each measure.
    """
    return agreement_of(project, ratings_of(project, using=using, check=check), check=check).as_json()["results"]
