"""The people a configuration file names: accounts, memberships, and what a file may never do to them.

Passwords are hashed at once and stored nowhere else. An account that exists keeps its password, unless this project
made it and its password still comes from the file. A file never touches staff.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.hashers import check_password, make_password

from annotation.access import only_labels
from annotation.assignments.states import give_back_labels
from annotation.models import Membership, Project, Statistic
from annotation.projects.membership import ONE_PROJECT, REMOVED, let_in
from annotation.projects.named_people import ENVIRONMENT, Person, warn_if_not_set
from annotation.projects.notes import Notebook
from annotation.quality import statistics
from potato_site.accounts.models import AuditEntry, User, name_key
from potato_site.safe_yaml import KeyPath


@dataclass(frozen=True)
class Ready:
    """A person with the slow part done: ``encoded`` is the hash to store, None when the password is right as it is."""

    username: str
    path: KeyPath
    encoded: str | None
    group: str | None


def prepare(people: Sequence[Person], book: Notebook) -> list[Ready]:
    """Hash and compare passwords. Slow by design, so it happens before the transaction that writes."""
    return [_prepare(person, book) for person in people]


def _prepare(person: Person, book: Notebook) -> Ready:
    password = _password(person, book)
    if password is None:
        return Ready(person.username, person.path, None, person.group)
    user = User.objects.named(person.username)
    is_right = user is not None and check_password(password, user.password)
    return Ready(person.username, person.path, None if is_right else make_password(password), person.group)


def _password(person: Person, book: Notebook) -> str | None:
    if person.password is None:
        return None
    value = person.password.get_secret_value()
    if not value.startswith(ENVIRONMENT):
        return value
    warn_if_not_set(person, book)
    return os.environ.get(value.removeprefix(ENVIRONMENT)) or None


def apply_people(
    project: Project, people: Sequence[Ready], before: Sequence[str], made_by: User | None, book: Notebook
) -> None:
    """Make accounts and memberships of the people a file names; take the memberships of those it no longer names.

    ``before`` are the names in the file when it was last loaded: a membership that a manager ended stays ended while
    the file says nothing new. ``made_by`` None is the command line. Runs in the caller's transaction.
    """
    known = {name_key(name) for name in before}
    changes = [_apply_person(project, person, known, made_by, book) for person in people]
    changes += [_put_into_group(project, person) for person in people]
    changes += _remove(project, {name_key(person.username) for person in people})
    changed = [change for change in changes if change]
    if changed:
        AuditEntry.objects.create(
            user=made_by, project=project, action="people.change", object=project.slug, after=changed
        )
        if Statistic.objects.filter(project=project).exists():
            # Whether anybody can do what is left.
            statistics.request_after_commit(project.pk)


def _apply_person(
    project: Project, person: Ready, known: set[str], made_by: User | None, book: Notebook
) -> dict[str, str] | None:
    user = User.objects.named(person.username)
    if user is None:
        return _new_user(project, person)
    if user.is_staff or user.is_superuser:
        book.warn((*person.path, "username"), f"{user.username!r} is staff; a file never touches staff. Left as it is")
        return None
    if only_labels(user):
        book.warn((*person.path, "username"), f"{user.username!r} {ONE_PROJECT}. Left as it is")
        return None
    done = _new_password(project, user, person, book)
    return _join(project, user, known, made_by) or done


def _new_user(project: Project, person: Ready) -> dict[str, str]:
    user = User(
        username=person.username,
        # No password: only a log-in link lets in.
        password=person.encoded or make_password(None),
        created_by_project=project,
        password_is_from_file=person.encoded is not None,
    )
    user.save(force_insert=True)
    _membership(project, user, Membership.State.ACTIVE, None)
    return {"user": user.username, "change": "account made"}


def _new_password(project: Project, user: User, person: Ready, book: Notebook) -> dict[str, str] | None:
    if person.encoded is None:
        return None
    is_the_files = user.password_is_from_file or not user.has_usable_password()
    if user.created_by_project_id != project.pk or not is_the_files:
        book.warn(
            (*person.path, "password"),
            f"the account {user.username!r} exists with another password, which stays (it was set elsewhere)",
        )
        return None
    user.password, user.password_is_from_file = person.encoded, True
    user.save(update_fields=["password", "password_is_from_file"])
    return {"user": user.username, "change": "password from the file"}


def _join(project: Project, user: User, known: set[str], made_by: User | None) -> dict[str, str] | None:
    membership = Membership.objects.filter(project=project, user=user, role=Membership.Role.ANNOTATOR).first()
    if membership is None:
        must_ask = made_by is not None and not made_by.is_superuser and user.created_by_project_id != project.pk
        _membership(project, user, Membership.State.INVITED if must_ask else Membership.State.ACTIVE, made_by)
        return {"user": user.username, "change": "invited" if must_ask else "joined"}
    is_back = membership.source == Membership.Source.FILE and user.name_key not in known
    if is_back and membership.state == Membership.State.INACTIVE:
        membership.state = Membership.State.ACTIVE
        membership.save(update_fields=["state"])
        let_in(membership, made_by)
        return {"user": user.username, "change": "is back"}
    return None


def _put_into_group(project: Project, person: Ready) -> dict[str, str] | None:
    if person.group is None:
        return None
    members = Membership.objects.filter(project=project, role=Membership.Role.ANNOTATOR)
    member = members.filter(user__name_key=name_key(person.username)).exclude(group=person.group)
    is_changed = bool(member.update(group=person.group))
    return {"user": person.username, "change": f"group {person.group or 'left'}"} if is_changed else None


def _membership(project: Project, user: User, state: Membership.State, by: User | None) -> None:
    made = Membership.objects.create(
        project=project, user=user, role=Membership.Role.ANNOTATOR, source=Membership.Source.FILE, state=state
    )
    if state == Membership.State.ACTIVE:
        let_in(made, by)


def _remove(project: Project, named: set[str]) -> list[dict[str, str]]:
    """Memberships that a file made and no longer names become inactive. Their labels stay."""
    ours = Membership.objects.filter(project=project, source=Membership.Source.FILE, role=Membership.Role.ANNOTATOR)
    gone = [
        m for m in ours.exclude(state=Membership.State.INACTIVE).select_related("user") if m.user.name_key not in named
    ]
    ours.filter(pk__in=[membership.pk for membership in gone]).update(state=Membership.State.INACTIVE)
    for membership in gone:
        give_back_labels(project.pk, membership.user_id, REMOVED)
    return [{"user": membership.user.username, "change": "no longer in the file"} for membership in gone]
