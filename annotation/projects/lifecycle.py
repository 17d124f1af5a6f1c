"""Opening, pausing and closing a project.

Pausing and closing stop new items, never work in hand: an item somebody has open can be saved and submitted until its
lease ends, since an answer that was given is never thrown away.
"""

from __future__ import annotations

from django.db import transaction

from annotation.models import Item, Project
from annotation.projects.revisions import config_of
from potato_site.accounts.models import AuditEntry, User
from traces.models import Trace

State = Project.State
# A draft is nobody's work yet; who has begun never goes back to it.
MOVES = {
    State.DRAFT: {State.OPEN},
    State.OPEN: {State.PAUSED, State.CLOSED},
    State.PAUSED: {State.OPEN, State.CLOSED},
    State.CLOSED: {State.OPEN},
    # annotation.projects.purge moves a project there, and nothing moves it back.
    State.PURGING: set(),
}


class NotReady(Exception):
    """The project stays as it is. ``missing`` are sentences for the manager."""

    def __init__(self, missing: list[str]) -> None:
        super().__init__(" ".join(missing))
        self.missing = missing


@transaction.atomic
def set_state(project: Project, state: str, user: User | None) -> bool:
    """Move a project to another state; False when it is there already. Raises NotReady. ``project`` is updated."""
    before = _lock(project)
    if before == state:
        return False
    if state not in MOVES[State(before)]:
        raise NotReady([f"A project that is {before} cannot become {state or 'nothing'}."])
    if state == State.OPEN and (missing := missing_to_open(project)):
        raise NotReady(missing)
    _move(project, before, state, user)
    return True


@transaction.atomic
def open_loaded(project: Project, user: User | None) -> None:
    """A draft that was loaded from its file is open, whatever it lacks: the file says that it is to be labeled.

    One that a manager paused or closed stays so. ``project`` is updated.
    """
    before = _lock(project)
    if before == State.DRAFT:
        _move(project, before, State.OPEN, user)


def _lock(project: Project) -> str:
    """The state it is in, which nobody else changes until the end of the transaction."""
    # No key: opening an item refers to the project and must not wait for this.
    rows = Project.objects.select_for_update(of=("self",), no_key=True)
    project.state = rows.values_list("state", flat=True).get(pk=project.pk)
    return project.state


def _move(project: Project, before: str, state: str, user: User | None) -> None:
    project.state = state
    project.save(update_fields=["state"])
    AuditEntry.objects.create(
        user=user,
        project=project,
        action="project.state",
        object=project.slug,
        before={"state": before},
        after={"state": state},
    )


def missing_to_open(project: Project) -> list[str]:
    """What a project lacks before people can label it, as sentences."""
    missing = []
    if project.revision_id is None or not config_of(project.revision_id).annotation_schemes:
        missing.append("It asks no question yet: choose its questions under Set-up.")
    if not Item.objects.filter(project=project).present().exists():
        has_traces = Trace.objects.filter(dataset=project.dataset_id, is_withdrawn=False).exists()
        missing.append(
            "Its traces are still being made into items: wait a moment."
            if has_traces
            else "It has no traces yet: upload some under Traces."
        )
    return missing
