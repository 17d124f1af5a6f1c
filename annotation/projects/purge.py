"""Deleting a project for good, with everything that belongs to it. Nothing brings it back but a backup.

First nobody finds the project any more: its state, its people's memberships and the ways in change in one transaction,
and its jobs end. Then its rows go, in short transactions, each file before the row that knows it, and the project's own
row last. So whatever stops the work, that row tells that it is not done, and doing it again finishes it.

An assignment goes with all its events in one transaction: ``potato verify-audit`` finds nothing wrong at any moment.
Accounts of people stay, but for those that were made for people of a crowd platform, who can do nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from annotation.models import (
    Answer,
    AnswerEvent,
    Assignment,
    Gold,
    Invitation,
    Item,
    Membership,
    Presence,
    Project,
    Recruit,
    Revision,
    SchemeVersion,
    Screening,
    Slot,
    Statistic,
    Submission,
    Visit,
)
from annotation.projects import bulk, purged_dataset
from annotation.projects.locking import lock_going, lock_project
from potato_site.accounts.models import ApiToken, AuditEntry, User
from potato_site.jobs.models import Job
from potato_site.jobs.queue import cancel, enqueue
from potato_site.operations.purges import (
    Progress,
    Turns,
    delete,
    in_home,
    overlapping,
    overwriting,
    parts,
    projects_folder,
)
from traces import purges as traces
from traces.models import Dataset

JOB = "annotation.purge"
MAY_GO = frozenset((Project.State.CLOSED, Project.State.DRAFT))
EVENTS_AT_ONCE = 2000
ASSIGNMENTS_AT_ONCE = 200
ITEMS_AT_ONCE = 200
RECRUITS_AT_ONCE = 50
# How often something may have come in between before it is taken for a mistake.
TRIES = 10


@dataclass
class Purged:
    """What went. ``output`` is a folder outside the home in which deliverables stay, "" where none do."""

    slug: str
    gone: dict[str, int] = field(default_factory=dict)
    output: str = ""
    # What stays in the home, and why: sentences.
    spared: list[str] = field(default_factory=list)


def counts(project: Project) -> dict[str, int]:
    """How many rows would go, by name."""
    of_assignment, of_item, mine = {"assignment__project": project}, {"item__project": project}, {"project": project}
    found = {
        "items": Item.objects.filter(**mine).count(),
        "places": Slot.objects.filter(**mine).count(),
        "known answers": Gold.objects.filter(**of_item).count(),
        "assignments": Assignment.objects.filter(**mine).count(),
        "answers": Answer.objects.filter(**of_assignment).count(),
        "events": AnswerEvent.objects.filter(**of_assignment).count(),
        "submissions": Submission.objects.filter(**mine).count(),
        "people": Membership.objects.filter(**mine).count(),
        "screenings": Screening.objects.filter(membership__project=project).count(),
        "recruits": Recruit.objects.filter(**mine).count(),
        "participations": Visit.objects.filter(recruit__project=project).count(),
        "invitations": Invitation.objects.filter(**mine).count(),
        "revisions": Revision.objects.filter(**mine).count(),
        "changes": AuditEntry.objects.filter(**mine).count(),
    }
    for part in parts.values():
        found |= part.counts(project)
    if purged_dataset.goes(project):
        found |= traces.counts(project.dataset_id)
    return found


def stays_in(project: Project) -> str:
    """The folder outside the home that the project delivers to; "" for one in the home, which goes."""
    return "" if not project.output_path or in_home(Path(project.output_path)) else project.output_path


def purge(project: Project, by: User | None, *, who: str = "", with_output: bool, progress: Progress) -> Purged:
    """Delete it all. ``who`` says who asked where ``by`` does not. ``with_output``: also what was delivered to a
    folder outside the home.

    ``progress(done, total, message)`` is called between short transactions; what it raises stops the work. Raises
    OSError for a file that cannot be removed, StillWritten, BegunOtherwise.
    """
    if (begun := begun_with_output(project)) is not None:
        if with_output and not begun and stays_in(project):
            raise BegunOtherwise
        with_output = begun
    before, acts = counts(project), _live_acts(project)
    by_whom = {"user": by, "who": who or (by.username if by else "")}
    _take_out_of_use(project.pk, by_whom, before, acts, with_output=with_output)
    turns = Turns(progress, sum(before.values()), partial(_whose, project))
    with overwriting():
        for _ in range(TRIES):
            going = Project.objects.filter(pk=project.pk).first()
            if going is None:
                break
            _empty(going, turns, with_output)
            try:
                with turns.turn():
                    _remove_row(going, by_whom, turns)
            except IntegrityError:
                continue  # what was under way when the project was taken out of use has brought something more
        else:
            raise StillWritten(f"something goes on writing to {project.slug}: stop it, and begin again")
    return Purged(project.slug, turns.gone, "" if with_output else stays_in(project), turns.spared)


class StillWritten(Exception):
    """A process that knows nothing of it puts in rows as fast as they go. What is gone is gone."""


class BegunOtherwise(Exception):
    """What was delivered outside the home was to stay, and the rows that know it may be gone: nothing was changed."""


def begun_with_output(project: Project) -> bool | None:
    """What was asked for when its deletion began; None of a project in use."""
    if project.state != Project.State.PURGING:
        return None
    begun = AuditEntry.objects.filter(project=None, action="project.purge", object=project.slug).order_by("-pk").first()
    return bool(begun and (begun.after or {}).get("with_output"))


class NotClosed(Exception):
    """People may be at work in it: nothing was changed."""


def may_go(project: Project) -> bool:
    """Whether nobody is at work in it by its state, so that managers may delete it."""
    return project.state in MAY_GO


def begin(project: Project, by: User) -> Job:
    """Take a project out of use that is closed, or was never opened, and have a job do the rest. What lies outside the
    home stays. Raises NotClosed, Http404."""
    # Before anything is locked: it takes long.
    before, acts = counts(project), _live_acts(project)
    with transaction.atomic():
        lock_project(project.pk)
        if not _take_out_of_use(project.pk, {"user": by, "who": by.username}, before, acts, states=MAY_GO):
            raise NotClosed
        params = {"going": project.pk, "slug": project.slug, "name": project.name, "by": by.pk, "with_output": False}
        return enqueue(JOB, params, dedupe_key=f"{JOB}:{project.pk}")


@transaction.atomic
def begin_again(job: Job) -> Job:
    """The job that finishes what this one began and failed in: what is gone stays gone. The same job where it has not
    failed, or nothing is left."""
    project = lock_going(job.params["going"])
    if project is None or job.state in (*Job.LIVE, Job.State.DONE):
        return job
    return enqueue(JOB, job.params, dedupe_key=f"{JOB}:{project.pk}")


# --- nobody finds it any more --------------------------------------------------------------------------------


@transaction.atomic
def _take_out_of_use(
    project_id: int,
    by_whom: dict[str, Any],
    before: dict[str, int],
    acts: list[int],
    *,
    with_output: bool = False,
    states: Collection[str] = Project.State.values,
) -> bool:
    """False where it is in none of these states: then the caller rolls back, or was here before."""
    project = lock_going(project_id)
    if project is None:
        return False
    managers = list(purged_dataset.managers(project).values_list("user", flat=True))
    Membership.objects.filter(project=project).update(state=Membership.State.INACTIVE)
    delete(Invitation.objects.filter(project=project))
    delete(ApiToken.objects.filter(project=project))
    # Who opens it has its row locked, and not the project as such.
    in_use = Project.objects.filter(pk=project_id, state__in=states).exclude(state=Project.State.PURGING)
    is_first = bool(in_use.update(state=Project.State.PURGING))
    if is_first:
        _audit("project.purge", project, by_whom, before, with_output=with_output)
    purged_dataset.leave(project, managers)
    purged_dataset.take_out_of_use(project)
    live = Job.objects.filter(Q(project_id=project_id) | Q(pk__in=acts), state__in=Job.LIVE)
    for pk in live.values_list("pk", flat=True):
        cancel(pk)
    return is_first


def _live_acts(project: Project) -> list[int]:
    return _acts_on(project.pk, Job.objects.filter(state__in=Job.LIVE))


def _acts_on(project_id: int, jobs: QuerySet[Job], looking: Callable[[], None] = lambda: None) -> list[int]:
    """Which of these jobs act on many rows of it: they name the rows, while these are there. In no transaction, since
    a job may name very many. One that is begun afterwards finds nothing to act on."""
    found = []
    acts = jobs.filter(kind=bulk.JOB)
    for pk in list(acts.values_list("pk", flat=True)):
        looking()
        params = acts.filter(pk=pk).values_list("params", flat=True).first()
        if params and _has_a_row(params, project_id):
            found.append(pk)
    return found


def _has_a_row(params: dict[str, Any], project_id: int) -> bool:
    act = bulk.ACTS.get(params["act"])
    if act is None:
        return False  # of a version that knew others
    rows = act.model._default_manager.filter(project=project_id)
    return any(rows.filter(pk__in=pks).exists() for pks in bulk.batches(iter(params["pks"])))


def _audit(action: str, project: Project, by_whom: dict[str, Any], rows: dict[str, int], **more: bool) -> None:
    """Of the installation, since those of the project go."""
    told = {"name": project.name, "by": by_whom["who"], "rows": {name: n for name, n in rows.items() if n}, **more}
    AuditEntry.objects.create(user=by_whom["user"], project=None, action=action, object=project.slug, after=told)


# --- its rows and files --------------------------------------------------------------------------------------


def _empty(project: Project, turns: Turns, with_output: bool) -> None:
    mine = {"project": project.pk}
    for part in parts.values():
        part.remove(project, turns, with_output)
    over = Job.objects.exclude(state__in=Job.LIVE)
    acts = _acts_on(project.pk, over, lambda: turns.waiting("looking through the jobs"))
    turns.empty("jobs", over.filter(Q(project_id=project.pk) | Q(pk__in=acts)))
    _remove_assignments(project.pk, turns)
    _remove_items(project.pk, turns)
    turns.empty("screenings", Screening.objects.filter(membership__project=project.pk))
    turns.empty("people", Membership.objects.filter(**mine))
    turns.empty("participations", Visit.objects.filter(recruit__project=project.pk))
    _remove_recruits(project.pk, turns)
    _forget_maker_of_accounts(project.pk, turns)
    turns.empty("invitations", Invitation.objects.filter(**mine))
    turns.empty("statistics", Statistic.objects.filter(**mine))
    turns.empty("changes", AuditEntry.objects.filter(**mine))
    turns.empty("questions", SchemeVersion.objects.filter(**mine))
    Project.objects.filter(pk=project.pk).update(revision=None)
    turns.empty("revisions", Revision.objects.filter(**mine))
    turns.empty("jobs", Job.objects.filter(project_id=project.pk).exclude(state__in=Job.LIVE))
    # Again: another project that used it may have gone meanwhile.
    if purged_dataset.take_out_of_use(project):
        traces.empty(project.dataset_id, turns)
    _remove_folders(project, turns)


def _remove_assignments(project_id: int, turns: Turns) -> None:
    mine = Assignment.objects.filter(project=project_id).order_by("pk")
    while rows := list(mine.values_list("pk", "version")[:ASSIGNMENTS_AT_ONCE]):
        pks = list(_at_once(rows))
        gone = {}
        with turns.turn():
            lock_going(project_id)
            # A save under way ends first.
            list(mine.filter(pk__in=pks).select_for_update(of=("self",)).values_list("pk"))
            of_them: dict[str, Any] = {"assignment__in": pks}
            Slot.objects.filter(**of_them).update(assignment=None)
            Gold.objects.filter(taken_from__in=pks).update(taken_from=None)
            delete(Presence.objects.filter(**of_them))
            gone["submissions"] = delete(Submission.objects.filter(**of_them))
            gone["answers"] = delete(Answer.objects.filter(**of_them))
            gone["events"] = delete(AnswerEvent.objects.filter(**of_them))
            gone["assignments"] = delete(Assignment.objects.filter(pk__in=pks))
        for name, count in gone.items():
            turns.told(name, count)


def _at_once(rows: list[tuple[int, int]]) -> Iterator[int]:
    """So many assignments as have not too many events together, at least one. Their version counts them."""
    events = 0
    for number, (pk, version) in enumerate(rows):
        events += version
        if number and events > EVENTS_AT_ONCE:
            return
        yield pk


def _remove_items(project_id: int, turns: Turns) -> None:
    while pks := list(Item.objects.filter(project=project_id).values_list("pk", flat=True)[:ITEMS_AT_ONCE]):
        with turns.turn():
            lock_going(project_id)
            places = delete(Slot.objects.filter(item__in=pks))
            known = delete(Gold.objects.filter(item__in=pks))
            delete(Item.objects.filter(pk__in=pks))
        turns.told("places", places)
        turns.told("known answers", known)
        turns.told("items", len(pks))


def _remove_recruits(project_id: int, turns: Turns) -> None:
    """With their accounts, unless something else has come to be theirs."""
    while rows := list(Recruit.objects.filter(project=project_id).values_list("pk", "user")[:RECRUITS_AT_ONCE]):
        with turns.turn():
            delete(Recruit.objects.filter(pk__in=[pk for pk, _ in rows]))
            accounts = User.objects.filter(pk__in=[user for _, user in rows], memberships=None, assignments=None)
            User.objects.filter(pk__in=list(accounts.values_list("pk", flat=True))).delete()
        turns.told("recruits", len(rows))


def _forget_maker_of_accounts(project_id: int, turns: Turns) -> None:
    """Which project made an account says who may send its person a log-in link."""
    made = User.objects.filter(created_by_project=project_id)
    while pks := list(made.values_list("pk", flat=True)[:ITEMS_AT_ONCE]):
        with turns.turn():
            User.objects.filter(pk__in=pks).update(created_by_project=None)


def _remove_folders(project: Project, turns: Turns) -> None:
    """What lies in the home: where the project delivers, and where a restore has put what it delivered elsewhere."""
    usual = projects_folder() / project.slug
    for folder in {usual, Path(project.output_path or usual)}:
        turns.remove(folder, projects_folder())


def _whose(project: Project, folder: Path) -> str:
    others = Project.objects.filter(overlapping("output_path", folder)).exclude(pk=project.pk)
    if other := others.values_list("slug", flat=True).first():
        return f"the project {other}"
    return next(filter(None, (part.whose(project, folder) for part in parts.values())), "")


def _remove_row(project: Project, by_whom: dict[str, Any], turns: Turns) -> None:
    """The project itself, and its dataset with the last project that used it. Raises IntegrityError while there is
    anything else of either."""
    if lock_going(project.pk) is None:
        return
    # Of two projects that are purged at once, the second one takes the dataset.
    Dataset.objects.select_for_update().get(pk=project.dataset_id)
    is_last = purged_dataset.goes(project)
    if is_last and not traces.is_empty(project.dataset_id):
        raise IntegrityError("the dataset is not empty")
    delete(Project.objects.filter(pk=project.pk))
    if is_last:
        traces.remove_row(project.dataset_id)
    else:
        traces.keep(project.dataset_id)
    _audit("project.purged", project, by_whom, turns.gone)
