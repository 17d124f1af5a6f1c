"""Letting in whom a crowd platform sends: one account for each of its ids, which can do nothing but label here.

The ids stand in the address, so anybody can type them. An account that exists is therefore opened only to who also
knows the study and the session it was made or continued with, which the platform tells nobody else; or to the browser
that is signed in as it. Somebody who finished may come for another visit, and finds what was submitted before sealed.
"""

from __future__ import annotations

import secrets
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.http import Http404
from django.utils import timezone

from annotation.assignments import shares
from annotation.models import Membership, Project, Recruit, Visit
from annotation.projects.membership import Refused, let_in, lock_project
from annotation.projects.platforms import PLATFORMS, Arrival, Platform
from annotation.projects.revisions import current
from potato_site.accounts.models import AuditEntry, User, name_key

Role, State, Source = Membership.Role, Membership.State, Membership.Source
NOT_NOW = "This task takes nobody new at the moment."
BEGUN_ELSEWHERE = (
    "Work under this ID was begun in another participation. Open the task in the browser in which you began, or ask "
    "who published it."
)
LEFT = "This participation was ended. Open the task from the platform once more, or ask who published it."
REMOVED = "The project's manager has ended your work here."


def taking(slug: str) -> tuple[Project, Platform]:
    """A project that people come to from a platform, and which one. Raises Http404."""
    found = Project.objects.filter(slug=slug).exclude(state=Project.State.DRAFT).exclude(revision=None).first()
    platform = platform_of(found) if found else None
    if found is None or platform is None:
        raise Http404
    return found, platform


def platform_of(project: Project) -> Platform | None:
    """The platform that sends people to the project; None where nobody is let in this way."""
    return PLATFORMS.get(current(project).recruitment.platform) if project.revision_id else None


@transaction.atomic
def enter(project: Project, arrival: Arrival, signed_in: Any) -> User:
    """The account to sign in who arrives, made where it is their first time. ``signed_in``: who the browser is signed
    in as. Raises Refused with a sentence for the person."""
    # One after the other: two windows of one person make one account.
    locked = lock_project(project.pk)
    recruit = _recruit(project, arrival)
    if recruit is None:
        if locked.state != Project.State.OPEN:
            raise Refused(NOT_NOW)
        recruit = _new(project, arrival)
        _new_visit(recruit, arrival)
        return recruit.user
    if not _may_come_in(recruit):
        raise Refused(REMOVED)
    _return(recruit, arrival, is_signed_in=signed_in == recruit.user, is_open=locked.state == Project.State.OPEN)
    return recruit.user


def is_at_visit(project: Project, arrival: Arrival, user: Any) -> bool:
    """Whether this is the account of who arrives, and this visit of theirs is known: there is nothing to begin."""
    mine = Visit.objects.filter(recruit__project=project, recruit__user=user, left_at=None)
    named = mine.filter(recruit__platform=arrival.platform.name, recruit__external_id=arrival.person)
    return named.filter(study_id=arrival.study, session_id=arrival.session).exists()


def is_own(project: Project, arrival: Arrival, user: Any) -> bool:
    """Whether this is the account of who arrives."""
    found = _recruit(project, arrival)
    return found is not None and found.user == user


def _recruit(project: Project, arrival: Arrival) -> Recruit | None:
    named = Recruit.objects.filter(project=project, platform=arrival.platform.name, external_id=arrival.person)
    return named.select_related("user").first()


def _may_come_in(recruit: Recruit) -> bool:
    mine = Membership.objects.filter(project=recruit.project_id, user=recruit.user_id, state=State.ACTIVE)
    return recruit.user.is_active and mine.exists()


def _return(recruit: Recruit, arrival: Arrival, *, is_signed_in: bool, is_open: bool) -> None:
    """To the visit of these ids, or to a new one. Raises Refused."""
    known = recruit.visits.filter(study_id=arrival.study, session_id=arrival.session).first()
    if known is not None and known.left_at is None:
        return
    under_way = recruit.visits.under_way().select_for_update().first()
    if known is not None:
        if under_way is None or not is_signed_in:
            raise Refused(LEFT)
        return
    if under_way is not None and not is_signed_in:
        raise Refused(BEGUN_ELSEWHERE)
    if not is_open:
        raise Refused(NOT_NOW)
    if under_way is not None:
        # They gave the participation back and took another one: what they did goes on in it.
        leave(under_way)
    _new_visit(recruit, arrival)


def leave(visit: Visit) -> None:
    """End a locked visit without a code. What was done for it counts for the next one."""
    visit.left_at = timezone.now()
    visit.save(update_fields=["left_at"])


def _new(project: Project, arrival: Arrival) -> Recruit:
    user = User(
        username=_free_name(arrival.platform),
        # No password: only the platform's link lets in.
        password=make_password(None),
        created_by_project=project,
    )
    user.save(force_insert=True)
    membership = Membership.objects.create(project=project, user=user, role=Role.ANNOTATOR, source=Source.PLATFORM)
    let_in(membership)
    AuditEntry.objects.create(
        user=user, project=project, action="people.recruit", object=user.username, after={"role": Role.ANNOTATOR}
    )
    return Recruit.objects.create(
        project=project, user=user, platform=arrival.platform.name, external_id=arrival.person
    )


def _free_name(platform: Platform) -> str:
    """A name that says nothing about the person: it stands in exports and beside labels."""
    while True:
        name = f"{platform.name.split('_')[0]}-{secrets.token_hex(4)}"
        if not User.objects.filter(name_key=name_key(name)).exists():
            return name


def _new_visit(recruit: Recruit, arrival: Arrival) -> Visit:
    return Visit.objects.create(
        recruit=recruit, study_id=arrival.study, session_id=arrival.session, came_at=timezone.now()
    )


# --- what managers do --------------------------------------------------------------------------------------


@transaction.atomic
def give_code(project: Project, visit_id: int, by: User) -> Visit:
    """Finish somebody's visit as it is. Raises Refused for one that has ended, Http404 for none of this project."""
    visit = _under_way(project, visit_id)
    standing = shares.standing_of(project, visit.recruit.user_id)
    shares.finish(visit, standing.done if standing else 0)
    _audit(visit, by, "people.give_code")
    return visit


@transaction.atomic
def end_visit(project: Project, visit_id: int, by: User) -> Visit:
    """End somebody's visit without a code, so that they may come anew with other ids. Raises as ``give_code``."""
    visit = _under_way(project, visit_id)
    leave(visit)
    _audit(visit, by, "people.end_visit")
    return visit


def _under_way(project: Project, visit_id: int) -> Visit:
    rows = Visit.objects.select_for_update(of=("self",)).select_related("recruit__user", "recruit__project")
    visit = rows.filter(recruit__project=project, pk=visit_id).first()
    if visit is None:
        raise Http404
    if not visit.is_under_way:
        raise Refused("This visit has ended already.")
    return visit


def _audit(visit: Visit, by: User, action: str) -> None:
    # Not the ids: who may look into a project reads these entries, too.
    name = visit.recruit.user.username
    AuditEntry.objects.create(user=by, project=visit.recruit.project, action=action, object=name, after={})
