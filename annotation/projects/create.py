"""Making a project on the site: the wizard and the API do it by this function, all of it or nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from pydantic import ValidationError as ModelError

from annotation.assignments import planning
from annotation.models import Membership, Project
from annotation.models.projects import slug_of
from annotation.projects import invitations
from annotation.projects.config import ProjectConfig
from annotation.projects.revisions import set_config
from annotation.projects.sections import Data
from potato_site import home as homes
from potato_site.accounts.models import User
from traces.models import Dataset

# Names that collide at this very moment; each try sees one more of them.
TRIES = 20


def name_of(text: str) -> str:
    """A project's name as it is kept, by the rule of the configuration. Raises ValidationError with a sentence."""
    try:
        return ProjectConfig(project_name=text, data=Data(), annotation_schemes=()).project_name
    except ModelError as error:
        raise ValidationError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None


@transaction.atomic
def create_project(
    name: str,
    dataset: Dataset | str,
    config: ProjectConfig,
    people: Iterable[invitations.Entry],
    user: User,
    op_id: str = "",
) -> Project:
    """A new draft: ``user`` manages it, ``people`` are invited, items are made of the dataset's traces by a job.

    ``dataset`` is one that the caller has found ``user`` to manage, or the name of a new one. ``op_id`` is made by the
    sender: the same one again gives the project it made before. The name of ``config`` is replaced. Raises
    ValidationError for a name that is none and for a dataset on its way out, OSError and HomeError where the project's
    folder cannot be made; then nothing is left.
    """
    name = name_of(name)
    # A second click waits here for the first. No key: what else this person does refers to them.
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    key = f"{user.pk}:{op_id}" if op_id else None
    known = made_before(user, op_id)
    if known is not None:
        return known
    is_new = isinstance(dataset, str)
    if isinstance(dataset, str):
        dataset = Dataset.objects.create(name=dataset)
        dataset.managers.add(user)
    elif Dataset.objects.select_for_update(no_key=True).filter(pk=dataset.pk, is_going=False).first() is None:
        raise ValidationError("This dataset is being deleted for good.")
    project = _with_free_slug(Project(name=name, dataset=dataset, creation_key=key))
    if is_new and dataset.name == name != str(project):
        _tell_apart(dataset, project)
    Membership.objects.create(project=project, user=user, role=Membership.Role.MANAGER, source=Membership.Source.ADMIN)
    set_config(project, config.model_copy(update={"project_name": name}), user)
    invitations.invite_names(project, people, user)
    planning.request(dataset.pk)
    homes.write_pointer(Path(project.output_path), Path(settings.POTATO_HOME), project.slug)
    return project


def made_before(user: User, op_id: str) -> Project | None:
    """The project that this person made by a request of this id."""
    return Project.objects.filter(creation_key=f"{user.pk}:{op_id}").first() if op_id else None


def _tell_apart(dataset: Dataset, project: Project) -> None:
    """A new dataset of a name that another project's has is called by the slug, too."""
    mark = f" ({project.slug})"
    dataset.name = dataset.name[: 200 - len(mark)] + mark
    dataset.save(update_fields=["name"])


def _with_free_slug(project: Project) -> Project:
    """Save a new project under the slug of its name, or that with -2, -3, … where it is taken."""
    slug = slug_of(project.name)
    taken = set(Project.objects.filter(slug__startswith=slug[:90]).values_list("slug", flat=True)) | _delivering(slug)
    for _ in range(TRIES):
        project.slug = _free(slug, taken)
        project.output_path = str(output_folder(project.slug))
        try:
            with transaction.atomic():
                project.save(force_insert=True)
            return project
        except IntegrityError:
            taken.add(project.slug)
    raise IntegrityError(f"no free slug for {slug!r}")


def _delivering(slug: str) -> set[str]:
    """The slugs whose folder another project delivers to, or into."""
    start = str(output_folder(slug[:90]))
    paths = Project.objects.filter(output_path__startswith=start).values_list("output_path", flat=True)
    return {Path(path).relative_to(output_folder("")).parts[0] for path in paths}


def _free(slug: str, taken: set[str]) -> str:
    if slug not in taken:
        return slug
    number = 2
    while f"{slug[:90]}-{number}" in taken:
        number += 1
    return f"{slug[:90]}-{number}"


def output_folder(slug: str) -> Path:
    """Where the deliverables of a project lie that was made on the site."""
    return Path(settings.POTATO_HOME) / "projects" / slug
