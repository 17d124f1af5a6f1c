"""Every look-up of an object by a person. A thing they may not see is a 404, as if it did not exist.

Views and the API get objects from here only; each condition stands on its own line.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404

from annotation.models import Assignment, Membership, Project, Recruit
from potato_site.accounts.models import User


def memberships_of(user: Any) -> QuerySet[Membership]:
    """The active memberships of a person, projects fetched along."""
    if not user.is_authenticated or not user.is_active:
        return Membership.objects.none()
    return (
        Membership.objects.filter(user=user)
        .filter(state=Membership.State.ACTIVE)
        .exclude(project__state=Project.State.DRAFT, role=Membership.Role.ANNOTATOR)
        .select_related("project")
    )


def waits_for_a_draft(user: Any) -> bool:
    """Whether a person annotates a project that is not open yet, which they do not see."""
    annotates = Membership.objects.filter(user=user, state=Membership.State.ACTIVE, role=Membership.Role.ANNOTATOR)
    return annotates.filter(project__state=Project.State.DRAFT).exists()


def invitations_of(user: Any) -> QuerySet[Membership]:
    """The projects a person was asked to join and has not answered."""
    return Membership.objects.filter(user=user, state=Membership.State.INVITED).select_related("project")


def invitation_of(user: Any, membership_id: int) -> Membership:
    """One of them. Raises Http404."""
    found = invitations_of(user).filter(pk=membership_id).first()
    if found is None:
        raise Http404
    return found


def project_of(user: Any, slug: str) -> tuple[Project, list[Membership]]:
    """The project and what this person is in it (at least one membership). Raises Http404."""
    memberships = list(memberships_of(user).filter(project__slug=slug))
    if not memberships:
        raise Http404
    return memberships[0].project, memberships


def labeling_membership(memberships: list[Membership]) -> Membership | None:
    """The membership under which a person labels: annotator first. None for viewers and plain managers."""
    labeling = [m for m in memberships if m.role == Membership.Role.ANNOTATOR]
    return labeling[0] if labeling else None


# Roles that open the admin.
RUNNING = (Membership.Role.MANAGER, Membership.Role.ADJUDICATOR, Membership.Role.VIEWER)


# Done only to learn how well somebody labels.
CHECKS = (Assignment.Purpose.GOLD, Assignment.Purpose.SCREENING)


def runs(memberships: list[Membership]) -> bool:
    """Whether somebody with these may look into the project as a whole, in the admin."""
    return any(m.role in RUNNING for m in memberships)


def only_labels(user: Any) -> bool:
    """Whether this account was made for somebody whom a crowd platform sent: it labels in its one project and can do
    nothing else, have no password and join nothing."""
    return Recruit.objects.filter(user=user).exists()


def administered(user: Any, *roles: str) -> QuerySet[Project]:
    """The projects in which a person has one of these roles (any beyond labeling); all of them for a superuser."""
    if not user.is_authenticated or not user.is_active:
        return Project.objects.none()
    if user.is_superuser:
        return _kept()
    running = Membership.objects.filter(
        project=OuterRef("pk"), user=user, state=Membership.State.ACTIVE, role__in=roles or RUNNING
    )
    return Project.objects.filter(Exists(running))


def managed(user: Any) -> QuerySet[Project]:
    """The projects this person may change."""
    return administered(user, Membership.Role.MANAGER)


def manages(user: Any, project: Project) -> bool:
    """Whether this person may change the project."""
    return managed(user).filter(pk=project.pk).exists()


def managers_among(project_id: int, people: Collection[int] | QuerySet[Any, Any]) -> set[int]:
    """Those of these people (by their ids) who may change the project, in one query."""
    running = Membership.objects.filter(
        project=project_id, user=OuterRef("pk"), state=Membership.State.ACTIVE, role=Membership.Role.MANAGER
    )
    is_kept = Exists(_kept().filter(pk=project_id))
    may = User.objects.filter(Q(is_kept, is_superuser=True) | Exists(running), pk__in=people, is_active=True)
    return set(may.values_list("pk", flat=True))


def told(user: Any) -> Q:
    """Of the record of changes, what this person may read: which items have a known answer, managers alone know."""
    if user.is_superuser:
        return Q()
    return ~Q(action__startswith="gold.") | Q(project__in=list(managed(user).values_list("pk", flat=True)))


def work(user: Any, projects: Collection[int], path: str = "") -> Q:
    """Of assignments in these projects (``path`` leads to them), those that this person may see. What others did to be
    checked by known answers, managers alone: an item with such work, or with more answers than it has places, would
    tell that its answer is known, and who looks into a project may label in it, too."""
    mine = set(managed(user).filter(pk__in=projects).values_list("pk", flat=True))
    if mine.issuperset(projects):
        return Q()
    is_check = Q(**{f"{path}purpose__in": CHECKS})
    return ~is_check | Q(**{f"{path}annotator": user}) | Q(**{f"{path}project__in": mine})


def visible(user: Any) -> QuerySet[Project]:
    """The projects a person has anything to do with: those they are an active member of, those they administer."""
    mine = memberships_of(user).filter(project=OuterRef("pk")).order_by()
    if user.is_authenticated and user.is_active and user.is_superuser:
        return _kept()
    return Project.objects.filter(Exists(mine))


def _kept() -> QuerySet[Project]:
    """All but those that are being purged, in which nobody has an active membership."""
    return Project.objects.exclude(state=Project.State.PURGING)


def visible_project(user: Any, slug: str) -> Project:
    """A project this person has anything to do with. Raises Http404."""
    return _one(visible(user), slug)


def administered_project(user: Any, slug: str) -> Project:
    """A project this person may look into as a whole. Raises Http404."""
    return _one(administered(user), slug)


def managed_project(user: Any, slug: str) -> Project:
    """A project this person may change. Raises Http404."""
    return _one(managed(user), slug)


# Roles that decide where annotators differ.
DECIDING = (Membership.Role.MANAGER, Membership.Role.ADJUDICATOR)


def decides(memberships: list[Membership]) -> bool:
    """Whether somebody with these may adjudicate."""
    return any(m.role in DECIDING for m in memberships)


def adjudicated(user: Any) -> QuerySet[Project]:
    """The projects in which this person decides where annotators differ."""
    return administered(user, *DECIDING)


def adjudicated_project(user: Any, slug: str) -> Project:
    """A project in which this person decides. Raises Http404."""
    return _one(adjudicated(user), slug)


def _one(projects: QuerySet[Project], slug: str) -> Project:
    found = projects.select_related("dataset").filter(slug=slug).first()
    if found is None:
        raise Http404
    return found


def administers_something(user: Any) -> bool:
    """Whether the admin opens for this person: superusers, and who has a role beyond labeling somewhere."""
    if not user.is_authenticated or not user.is_active:
        return False
    if user.is_superuser:
        return True
    return Membership.objects.filter(user=user, state=Membership.State.ACTIVE, role__in=RUNNING).exists()


def manages_something(user: Any) -> bool:
    """Whether this person may make projects and datasets: superusers and managers."""
    if not user.is_authenticated or not user.is_active:
        return False
    if user.is_superuser:
        return True
    return Membership.objects.filter(user=user, state=Membership.State.ACTIVE, role=Membership.Role.MANAGER).exists()


def _assignments_of(user: Any) -> QuerySet[Assignment]:
    """A person's own assignments in projects where they are still active; an adjudication shows others' answers, so it
    is only theirs while they are one of those who decide."""
    active = Membership.objects.filter(
        project=OuterRef("project"), user=OuterRef("annotator"), state=Membership.State.ACTIVE
    )
    adjudicates = Q(purpose=Assignment.Purpose.ADJUDICATION)
    for_superusers = Q(annotator__is_superuser=True) & ~Q(project__state=Project.State.PURGING)
    may_decide = Q(Exists(active.filter(role__in=DECIDING))) | for_superusers
    return (
        Assignment.objects.filter(annotator=user)
        .filter((~adjudicates & Q(Exists(active))) | (adjudicates & may_decide))
        .exclude(state=Assignment.State.RESERVED)
        .select_related("item")
    )


def assignment_of(user: Any, public_id: uuid.UUID) -> Assignment:
    """The person's own assignment with item, project and revision. Raises Http404."""
    found = _assignments_of(user).select_related("project", "revision").filter(public_id=public_id).first()
    if found is None:
        raise Http404
    return found


# The conditions of _assignments_of as one written statement: every save runs it, and building the same query anew
# each time costs more than all other work of a save together (measured: 0.9 ms of CPU against 0.08).
_OWN = """
SELECT a.* FROM annotation_assignment a
WHERE a.public_id = %s
  AND a.annotator_id = %s
  AND a.state <> 'reserved'
  AND (EXISTS (
    SELECT 1 FROM annotation_membership m
    WHERE m.project_id = a.project_id AND m.user_id = a.annotator_id AND m.state = 'active'
      AND (a.purpose <> 'adjudication' OR m.role IN ('manager', 'adjudicator')))
    OR (a.purpose = 'adjudication' AND %s
      AND EXISTS (SELECT 1 FROM annotation_project p WHERE p.id = a.project_id AND p.state <> 'purging')))
"""
_LOCK = "SELECT 1 FROM annotation_assignment WHERE public_id = %s AND annotator_id = %s FOR UPDATE"


class Removed(Http404):
    """The work is the person's own, and they are no member of its project any more."""


def locked_assignment_of(user: Any, public_id: uuid.UUID) -> Assignment:
    """The person's own assignment, its row locked until the end of the transaction. Raises Http404, Removed."""
    field = Assignment._meta.get_field("public_id")
    params = [field.get_db_prep_value(public_id, connection), user.pk]
    if connection.features.has_select_for_update:
        # A statement of its own: one that waits for a row looks at that row again, and at the memberships as they were
        # when it began. Who was removed meanwhile would save all the same.
        with connection.cursor() as cursor:
            cursor.execute(_LOCK, params)
    found = list(Assignment.objects.raw(_OWN, [*params, bool(user.is_superuser)]))
    if not found:
        own = Assignment.objects.filter(public_id=public_id, annotator=user).exclude(state=Assignment.State.RESERVED)
        raise Removed if own.exists() else Http404
    return found[0]
