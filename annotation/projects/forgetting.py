"""Forgetting a person: what they labeled stays, under a name that says nothing; whoever they were is known no more.

The account keeps its number, so their labels stay one person's, and closes for good. Everything that quotes the person
is changed first and the account's own name last: whatever stops the work, the name still leads to it, and doing it
again finishes it. Only files are removed afterwards; until they are, the entry that says that somebody was forgotten
holds their name, by which a second run finds those.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from annotation.models import Assignment, Invitation, Item, Membership, Project, Recruit, Statistic, Visit
from annotation.projects import membership as members
from annotation.projects.counter import bump_for
from annotation.projects.locking import lock_project
from annotation.quality import statistics
from potato_site.accounts import forget as accounts
from potato_site.accounts.models import AuditEntry, User, name_key
from potato_site.jobs.models import Job
from potato_site.jobs.queue import enqueue
from potato_site.operations.forgets import parts
from potato_site.operations.purges import Progress, overwriting

AT_ONCE = 200
ACTION = "account.forget"
# Under this key its entry has the old name, as long as there are files of that name to be removed.
FILES = "files_of"
# Of an import it is told how it went as long as there is one.
KEPT_JOBS = ("traces.import",)
# Under these keys the record of changes names people, alone or in a list.
NAMING = {"user", "username", "annotator", "exclude_annotators", "by"}
# The object of an entry about people is a name, but for these, where it is the project's.
ABOUT_PEOPLE = ("people.", "account.")
ABOUT_PROJECTS = {"people.change", "people.download_links", "people.download_recruits"}
REASONS = ("assignment.release", "assignment.reopen", "assignment.invalidate")
# What a manager wrote, or we did, when the person's work was ended.
ENDED = (Assignment.State.VOID, Assignment.State.RELEASED, Assignment.State.EXPIRED)


JOB = "annotation.forget"
# What a job that does it has gone through is told in these.
STAGES = ("the account", "its use", "jobs", "projects", "the record of changes", "its name", "its files")


class CannotForget(Exception):
    """Nothing was changed. ``str()`` is a sentence without its full stop."""


class FilesStay(Exception):
    """All is forgotten but for files that could not be removed."""


@dataclass
class Forgotten:
    """``name`` is what the person is called from now on; ``published`` files of before may still name them."""

    name: str
    projects: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    published: int = 0
    # Slugs of projects whose configuration file named them.
    files: list[str] = field(default_factory=list)


def projects_of(user: User) -> QuerySet[Project]:
    """The projects that know the person, but for those on their way out."""
    mine = Q(memberships__user=user) | Q(assignments__annotator=user)
    return Project.objects.filter(mine).exclude(state=Project.State.PURGING).distinct().order_by("pk")


def named_in_files(user: User) -> list[str]:
    """The projects whose configuration file names them: loaded again, it would make an account of that name."""
    rows = Project.objects.exclude(source_config=None).order_by("slug").values_list("slug", "source_config")
    return [slug for slug, loaded in rows if any(_is(user, one) for one in (loaded or {}).get("annotators", []))]


def _silent(done: int, total: int | None, message: str) -> None:
    pass


def forget(user: User, *, who: str, with_exports: bool, progress: Progress = _silent) -> Forgotten:
    """Do it all. ``with_exports``: published exports of their projects go, too. Of somebody who is forgotten but for
    their files, these. ``progress`` is called between transactions with the stages that are done; what it raises stops
    the work. Raises CannotForget; OSError for a file that cannot be removed."""
    projects = list(projects_of(user))
    done = Forgotten(accounts.neutral_name(user), [project.slug for project in projects], files=named_in_files(user))
    before = _called_before(user)

    def reached(stage: int) -> None:
        progress(stage, len(STAGES), STAGES[stage])

    if before is None:
        before = user.username
        with overwriting():
            reached(0)
            _close(user, projects)
            reached(1)
            accounts.forget_traces_of_use(user)
            reached(2)
            _forget_jobs(user)
            reached(3)
            _forget_in_projects(user)
            reached(4)
            _forget_in_record(user, done.name, partial(reached, 4))
            reached(5)
            _rename(user, done.name, projects, who)
    reached(6)
    done.removed = sweep(before) if before else []
    ids = [project.pk for project in projects]
    for part in parts.values():
        if with_exports:
            part.remove_published(ids)
        else:
            done.published += part.published(ids)
    for project in projects:
        statistics.request(project.pk)
    return done


def begin(user: User, by: User, *, with_exports: bool) -> Job:
    """Close the account and have a job do the rest. Raises CannotForget."""
    if user.pk == by.pk:
        raise CannotForget("nobody forgets themselves: another superuser can")
    with transaction.atomic():
        if _called_before(user) is None:
            _close(user, list(projects_of(user)))
        params = {"person": user.pk, "by": by.pk, "with_exports": with_exports, "files": named_in_files(user)}
        job = enqueue(JOB, params, dedupe_key=f"{JOB}:{user.pk}")
        if with_exports and not job.params["with_exports"]:
            # Begun without them. One that runs by now runs again.
            job.params["with_exports"] = True
            job.save(update_fields=["params"])
        return job


def begin_again(job: Job) -> Job:
    """The job that finishes what this one began and failed in; the same job where it has not failed."""
    if job.state in (*Job.LIVE, Job.State.DONE):
        return job
    return enqueue(JOB, job.params, dedupe_key=f"{JOB}:{job.params['person']}")


def is_left(user: User) -> bool:
    """Whether there is something to be forgotten of an account, were it files."""
    return _called_before(user) != ""


def _called_before(user: User) -> str | None:
    """What somebody who is forgotten but for their files was called; "" without any; None of who is not forgotten."""
    entry = AuditEntry.objects.filter(action=ACTION, object=user.username).order_by("-pk").first()
    return None if entry is None else str((entry.after or {}).get(FILES, ""))


def files_of(user: User) -> list[str]:
    """The files that are removed once nobody has the person's name any more."""
    name = user.username if (before := _called_before(user)) is None else before
    return [path for part in parts.values() for path in part.files(name)] if name else []


def unfinished(name: str) -> list[User]:
    """The accounts of people who were called so, and are forgotten but for their files."""
    theirs = AuditEntry.objects.filter(pk__in=_unfinished(name)).values("object")
    return list(User.objects.filter(username__in=theirs).order_by("pk"))


def _unfinished(name: str) -> dict[int, dict[str, Any]]:
    """What their entries say, by number."""
    said = AuditEntry.objects.filter(action=ACTION).order_by("pk").values_list("pk", "after")
    return {pk: after or {} for pk, after in said if name_key((after or {}).get(FILES, "")) == name_key(name)}


def sweep(name: str) -> list[str]:
    """Remove the files of people of this name who are forgotten: nobody else's. What was removed. Raises OSError."""
    if User.objects.named(name) is not None:
        return []
    entries = _unfinished(name)
    # As they were written: letters may differ in their case.
    called = sorted({said[FILES] for said in entries.values()})
    removed = [path for one in called for part in parts.values() for path in part.sweep(one)]
    with overwriting():
        for pk, said in entries.items():
            AuditEntry.objects.filter(pk=pk).update(after={key: said[key] for key in said if key != FILES})
    return removed


@transaction.atomic
def _close(user: User, projects: list[Project]) -> None:
    """The account, and all that the person is in projects: what they have in hand goes back."""
    if user.is_superuser:
        # Locked, so that two are not forgotten at once.
        left = User.objects.select_for_update(no_key=True).filter(is_superuser=True, is_active=True).order_by("pk")
        if not {one.pk for one in left} - {user.pk}:
            raise CannotForget(f"{user.username} is the only superuser: make somebody else one first")
    for dataset in user.datasets.order_by("pk"):
        without_project = not Project.objects.filter(dataset=dataset).exists()
        if without_project and not dataset.managers.filter(is_active=True).exclude(pk=user.pk).exists():
            raise CannotForget(
                f"nobody else has the dataset {dataset.name!r}: give it to somebody, or remove it, first"
            )
    for project in projects:
        lock_project(project.pk)
        for one in Membership.objects.filter(project=project, user=user).order_by("pk"):
            try:
                members.deactivate(one, None)
            except members.Refused as refused:
                raise CannotForget(f"{project.slug}: {refused}") from None
    accounts.close(user)
    user.refresh_from_db()


def _forget_in_projects(user: User) -> None:
    mine = Assignment.objects.filter(annotator=user, state__in=ENDED).exclude(reason="")
    while pks := list(mine.values_list("pk", flat=True)[:AT_ONCE]):
        Assignment.objects.filter(pk__in=pks).update(reason="")
    with transaction.atomic():
        meant = Q(used_by=user) | Q(username__iexact=user.username)
        invitations = Invitation.objects.filter(meant | Q(email__iexact=user.email) if user.email else meant)
        # One that waits would let them in again.
        invitations.filter(used_at=None).delete()
        invitations.update(username="", email="")
        for recruit in Recruit.objects.filter(user=user):
            for visit in Visit.objects.filter(recruit=recruit):
                Visit.objects.filter(pk=visit.pk).update(session_id=f"forgotten-{visit.pk}", code="", is_barred=True)
            Recruit.objects.filter(pk=recruit.pk).update(external_id=f"forgotten-{recruit.pk}")
        user.datasets.clear()
    for project in Project.objects.exclude(source_config=None).order_by("pk"):
        with transaction.atomic():
            loaded = Project.objects.select_for_update(no_key=True).get(pk=project.pk).source_config or {}
            named = loaded.get("annotators", [])
            kept = [one for one in named if not _is(user, one)]
            if kept != named:
                Project.objects.filter(pk=project.pk).update(source_config={**loaded, "annotators": kept})


def _is(user: User, entry: dict[str, Any]) -> bool:
    return name_key(entry.get("username", "")) == user.name_key


def _forget_jobs(user: User) -> None:
    """Jobs that quote them: what could not be done to whom, a file that could not be written, an address to mail to."""
    quotes = accounts.quoting(user)
    jobs = Job.objects.exclude(kind__in=KEPT_JOBS).exclude(state=Job.State.RUNNING).order_by("pk")
    rows = jobs.values_list("pk", "params", "progress", "error", "state", "kind")
    found = [
        pk
        for pk, params, progress, error, state, kind in rows.iterator()
        if (state not in Job.LIVE or kind == "accounts.mail") and quotes.search(f"{params} {progress} {error}")
    ]
    for start in range(0, len(found), AT_ONCE):
        Job.objects.filter(pk__in=found[start : start + AT_ONCE]).delete()


def _rename_in_jobs(was: User, name: str) -> None:
    """Jobs that wait or run: whom an export leaves out, where a file could not be written. A running one has read what
    it was asked for."""
    quotes = accounts.quoting(was)
    live = Job.objects.filter(state__in=Job.LIVE).exclude(kind__in=KEPT_JOBS).order_by("pk")
    for pk, params, progress, error in live.values_list("pk", "params", "progress", "error"):
        if quotes.search(f"{params} {error}"):
            Job.objects.filter(pk=pk).update(params=_value(params, was, name), error=quotes.sub(name, error))
        if quotes.search(str(progress)):
            Job.objects.filter(pk=pk).update(progress=_said(progress, quotes, name))


def _said(value: Any, quotes: re.Pattern[str], name: str) -> Any:
    """With the name in every text; a job that was cut off goes on from its progress."""
    match value:
        case dict():
            return {key: _said(one, quotes, name) for key, one in value.items()}
        case list():
            return [_said(one, quotes, name) for one in value]
        case str():
            return quotes.sub(name, value)
    return value


# --- the record of changes ---------------------------------------------------------------------------------------


def _forget_in_record(user: User, name: str, looking: Callable[[], None]) -> None:
    """Who did what, and to whom, is told by the new name; what was said of them when work was taken from them goes."""
    theirs = {
        f"assignment {public_id}"
        for public_id in Assignment.objects.filter(annotator=user).values_list("public_id", flat=True).iterator()
    }
    for entries in _batches(AuditEntry.objects.order_by("pk")):
        looking()
        changed = [entry for entry in entries if _rewrite(entry, user, name, theirs)]
        if changed:
            AuditEntry.objects.bulk_update(changed, ["object", "before", "after"])


def _batches(entries: QuerySet[AuditEntry]) -> Iterator[list[AuditEntry]]:
    behind = 0
    while batch := list(entries.filter(pk__gt=behind)[:AT_ONCE]):
        yield batch
        behind = batch[-1].pk


def _rewrite(entry: AuditEntry, user: User, name: str, theirs: set[str]) -> bool:
    was = (entry.object, entry.before, entry.after)
    if entry.action.startswith(ABOUT_PEOPLE) and entry.action not in ABOUT_PROJECTS:
        entry.object = _object(entry.object, user.username, name)
    entry.before, entry.after = (_value(value, user, name) for value in (entry.before, entry.after))
    if entry.action in REASONS and entry.object in theirs and entry.after:
        entry.after = {**entry.after, "reason": ""}
    return was != (entry.object, entry.before, entry.after)


def _object(text: str, before: str, after: str) -> str:
    """``NAME``, ``NAME (role)`` and ``invitation 7 of NAME (role)``."""
    pattern = rf"((?:invitation \d+ of )?){re.escape(before)}((?: \(\w+\))?)"
    found = re.fullmatch(pattern, text, re.IGNORECASE)
    return f"{found[1]}{after}{found[2]}" if found else text


def _value(value: Any, user: User, name: str, key: str = "") -> Any:
    match value:
        case dict():
            return {inner: _value(one, user, name, inner) for inner, one in value.items()}
        case list():
            return [_value(one, user, name, key) for one in value]
        case str() if key in NAMING and name_key(value) == user.name_key:
            return name
        case str() if user.email and user.email.casefold() in value.casefold():
            return re.sub(
                rf"{accounts.BEFORE}{re.escape(user.email)}{accounts.BEHIND}(?!\.\w)", name, value, flags=re.IGNORECASE
            )
    return value


@transaction.atomic
def _rename(user: User, name: str, projects: list[Project], who: str) -> None:
    """The last step. What exports call the person has changed, so they are others from now on."""
    was, before = copy(user), user.username
    accounts.make_neutral(user, name)
    for part in parts.values():
        part.rename(before, user.username)
    for project in projects:
        Statistic.objects.filter(project=project).delete()
        bump_for(project.pk, Item.objects.filter(assignments__annotator=user))
    # A submission locks its project first, and then a job.
    _rename_in_jobs(was, name)
    AuditEntry.objects.create(
        user=None,
        project=None,
        action=ACTION,
        object=user.username,
        after={"by": who, "projects": [project.slug for project in projects], FILES: before},
    )
