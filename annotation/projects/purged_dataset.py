"""What becomes of the dataset of a project that is deleted: it goes with the last one, unless somebody else has it."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from annotation.models import Membership, Project
from potato_site.accounts.models import User
from traces import purges as traces
from traces.models import Dataset


def goes(project: Project) -> bool:
    """Whether its dataset goes with it: no other project labels it, and nobody manages it but who manages this one."""
    if _others(project).exists():
        return False
    is_going = Dataset.objects.filter(pk=project.dataset_id, is_going=True).exists()
    return is_going or not _keepers(project).exists()


def told(project: Project) -> str:
    """What becomes of its dataset, why, and whose it is: a sentence."""
    dataset = f"the dataset {project.dataset.name!r}"
    if _others(project).exists():
        return f"Another project uses {dataset}: its traces stay."
    if not goes(project):
        return f"Not only this project has {dataset} (managed by {_names(_keepers(project))}): its traces stay."
    names = _names(project.dataset.managers.all())
    return f"No other project uses {dataset}{names and f' (managed by {names})'}: its traces go, too."


def _others(project: Project) -> QuerySet[Project]:
    return Project.objects.filter(dataset=project.dataset_id).exclude(pk=project.pk)


def _keepers(project: Project) -> QuerySet[User]:
    """Who manages the dataset without this project. Whose project is taken out of use loses the dataset with it, so
    that afterwards it is everybody who is left."""
    return project.dataset.managers.exclude(pk__in=managers(project).values("user"))


def managers(project: Project) -> QuerySet[Membership]:
    of_it = Membership.objects.filter(project=project.pk, role=Membership.Role.MANAGER)
    return of_it.filter(state=Membership.State.ACTIVE)


def _names(people: QuerySet[User]) -> str:
    return " and ".join(sorted(people.values_list("username", flat=True)))


def leave(project: Project, people: list[int]) -> None:
    """``people``, who managed it, have its dataset no more, but by another project. Not as when somebody leaves a
    project: the last one goes, too. So of two projects that are purged at once the second finds that nobody is left."""
    Dataset.objects.select_for_update(no_key=True).get(pk=project.dataset_id)
    still = Membership.objects.filter(
        role=Membership.Role.MANAGER, state=Membership.State.ACTIVE, project__dataset=project.dataset_id
    )
    keep = set(still.filter(user__in=people).values_list("user", flat=True))
    project.dataset.managers.remove(*(pk for pk in people if pk not in keep))


@transaction.atomic
def take_out_of_use(project: Project) -> bool:
    """Where it goes with the project. A project that is made of it just now is there before, or finds nothing."""
    Dataset.objects.select_for_update(no_key=True).get(pk=project.dataset_id)
    if not goes(project):
        return False
    traces.take_out_of_use(project.dataset_id)
    return True
