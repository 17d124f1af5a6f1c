"""The jobs of the annotation app, and what it does every tick."""

from contextlib import suppress

from annotation.assignments import planning, render_ahead
from annotation.assignments.items import sync_items
from annotation.assignments.states import expire_overdue
from annotation.models import Item, Project
from annotation.projects import bulk, forgetting, letters, purge
from annotation.projects.counter import bump_for
from annotation.quality import statistics
from potato_site.accounts.models import User
from potato_site.jobs import JobHandle, handler, on_tick

# Imported for the job it registers.
__all__ = ["letters"]


@handler(planning.JOB, queue="fast", title="Planning items")
def plan_new_items(job: JobHandle) -> dict[str, int]:
    """Param ``dataset`` (id): its new and changed traces reach every project that labels it."""
    made = {}
    kept = Project.objects.filter(dataset=job.params["dataset"]).exclude(state=Project.State.PURGING)
    for project in kept.exclude(revision=None).order_by("pk"):
        # One that was purged meanwhile needs no items.
        with suppress(Project.DoesNotExist):
            made[project.slug] = sync_items(project, check=job.check)
    return made


@handler("annotation.issues_changed", queue="fast", title="Telling exports of other issues")
def traces_belong_to_other_issues(job: JobHandle) -> dict[str, int]:
    """Params ``dataset`` (id), ``issue_keys``: what is said of their traces stands under another issue by now."""
    items = Item.objects.filter(trace_a__dataset=job.params["dataset"], trace_a__issue_key__in=job.params["issue_keys"])
    told = {}
    for project in Project.objects.filter(items__in=items).distinct().order_by("pk"):
        # One that was purged meanwhile has no exports.
        with suppress(Project.DoesNotExist):
            told[project.slug] = bump_for(project.pk, items)
    return told


@handler(bulk.JOB, queue="bulk", title="Changing many at once")
def act_on_many(job: JobHandle) -> dict[str, object]:
    """Params: act, pks, by (ids), options. Run again, it goes on behind what was done."""
    params = job.params
    pks, by = params["pks"], User.objects.get(pk=params["by"])

    def keep(outcome: bulk.Outcome) -> None:
        job.keep(outcome.as_kept(), sum(pk <= outcome.behind for pk in pks), len(pks))

    begun = bulk.Outcome.kept(job.kept)
    return bulk.run(params["act"], pks, by, params["options"], begun=begun, keep=keep).as_dict()


@handler(purge.JOB, queue="bulk", title="Deleting a project for good")
def purge_project(job: JobHandle) -> dict[str, object]:
    """Params: going, by (ids). Run again, it goes on; the project's own parameter is not named ``project``, so that the
    job does not end with those of the project."""
    project = Project.objects.filter(pk=job.params["going"]).first()
    if project is None:
        return {}
    by = User.objects.filter(pk=job.params["by"]).first()
    gone = purge.purge(project, by, with_output=job.params["with_output"], progress=job.progress)
    return {"rows": sum(gone.gone.values()), "output": gone.output, "spared": gone.spared}


@handler(forgetting.JOB, queue="bulk", title="Forgetting a person")
def forget_person(job: JobHandle) -> dict[str, object]:
    """Params: person, by (ids), with_exports. Run again, it goes on. Nothing that is kept of the job has a name."""
    user = User.objects.filter(pk=job.params["person"]).first()
    by = User.objects.filter(pk=job.params["by"]).first()
    if user is None:
        return {}
    asked = {"who": by.username if by else "", "with_exports": job.params["with_exports"]}
    try:
        done = forgetting.forget(user, **asked, progress=job.progress)
    except OSError as error:
        # It says where the file lies: in a folder called as the person.
        raise forgetting.FilesStay(f"a file cannot be removed: {error.strerror}") from None
    return {"name": done.name, "removed": len(done.removed), "published": done.published}


@handler(statistics.JOB, queue="fast", title="Counting the overview")
def count(job: JobHandle) -> None:
    """Param ``project`` (id): the numbers its pages show."""
    project = Project.objects.filter(pk=job.params["project"]).exclude(state=Project.State.PURGING).first()
    if project is not None:
        statistics.compute(project, check=job.check)


@on_tick
def count_what_changed() -> None:
    """Numbers of projects that have moved on are counted again."""
    for project_id in statistics.due():
        statistics.request(project_id)


@on_tick
def expire_leases() -> None:
    """Items of people who went away return to the queue."""
    expire_overdue()


@on_tick
def render_next_items() -> None:
    """The next items of every open project are rendered before somebody opens them."""
    for project in Project.objects.filter(state=Project.State.OPEN).exclude(revision=None):
        render_ahead.request(project)
