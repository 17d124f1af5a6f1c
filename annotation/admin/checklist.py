"""What a draft still needs before people can label it."""

from __future__ import annotations

from typing import NamedTuple

from django.urls import reverse

from annotation.assignments import planning, screening
from annotation.models import Item, Membership, Project
from annotation.pages.profile import prefer
from annotation.projects import invitations
from annotation.projects.recruitment import platform_of
from annotation.projects.revisions import current
from potato_site.accounts.models import User
from potato_site.counts import plural
from potato_site.jobs.models import Job

# The preference in which the drafts stand that a person has seen as annotators will, the latest of them.
SEEN, MOST_SEEN = "previewed", 50


class Step(NamedTuple):
    label: str
    note: str
    url: str
    is_done: bool
    # A job does it now: the page looks again.
    is_under_way: bool = False


def checklist(project: Project, user: User) -> list[Step]:
    """The steps on the way to an open project, in their order, as this person has taken them."""

    def page(name: str) -> str:
        return reverse(name, args=[project.slug])

    return [
        _traces(project, page("manage-upload")),
        _questions(project, page("manage-setup")),
        _people(project, page("manage-people")),
        *_screening(project, page("manage-quality")),
        _preview(project, user, page("manage-preview")),
    ]


def saw_preview(project: Project, user: User) -> None:
    """They have seen a draft as annotators will."""
    if project.state == Project.State.DRAFT and project.pk not in (seen := user.preferences.get(SEEN, [])):
        prefer(user, {SEEN: [*seen, project.pk][-MOST_SEEN:]})


def _preview(project: Project, user: User, url: str) -> Step:
    is_seen = project.pk in user.preferences.get(SEEN, [])
    return Step("See it as annotators will", "Nothing you do in the preview is saved.", url, is_seen)


def _screening(project: Project, url: str) -> list[Step]:
    rules = screening.rules_of(project)
    if rules is None:
        return []
    n_known = screening.pool(project).open_to("").count()
    is_done = n_known >= rules.items
    note = f"A screening takes {plural(rules.items, 'item')} with a known answer. "
    note += f"There {'is' if n_known == 1 else 'are'} {n_known:,}"
    note += "." if is_done else ": nobody new begins yet."
    return [Step("Known answers for the screening", note, url, is_done)]


def _traces(project: Project, url: str) -> Step:
    if Item.objects.filter(project=project).exists():
        return Step("Traces", "There is something to label.", url, True)
    if project.dataset.imports.filter(job__state__in=Job.LIVE).exists():
        return Step("Traces", "Being imported.", url, False, is_under_way=True)
    if project.dataset.traces.exists() and planning.is_under_way(project.dataset_id):
        return Step("Traces", "Imported; their items are being planned.", url, False, is_under_way=True)
    return Step("Upload traces", "There are none yet.", url, False)


def _questions(project: Project, url: str) -> Step:
    asked = len(current(project).annotation_schemes) if project.revision_id else 0
    return Step("Questions", f"{plural(asked, 'question')} to answer.", url, asked > 0)


def _people(project: Project, url: str) -> Step:
    annotators = Membership.objects.filter(project=project, role=Membership.Role.ANNOTATOR)
    if annotators.exclude(state=Membership.State.INACTIVE).exists():
        return Step("People", "Annotators are named.", url, True)
    if invitations.awaited(project):
        return Step("People", "Links are made: hand them out.", url, True)
    if platform := platform_of(project):
        return Step("People", f"They come from {platform.title}: its address is there.", url, True)
    return Step("Invite people", "Nobody labels it yet.", url, False)
