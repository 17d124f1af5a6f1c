"""Traces without steps, where a project asks of steps alone: they become no items, and their number is told.

An item that got its trace, or whose project got its questions, in another shape stays: its page says that nothing is
asked, and the manager how many of them are still to be handed out.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import QuerySet

from annotation.answers.show_if import asked
from annotation.assignments.fresh import fresh_traces
from annotation.models import Item, Project
from annotation.projects.config import ProjectConfig
from annotation.projects.revisions import config_of
from annotation.schemes.base import ItemContext, Scheme
from traces.models import Trace


def asks_nothing(schemes: Collection[Scheme], ctx: ItemContext) -> bool:
    """Whether none of these questions is asked of such an item before another was answered: then none ever is."""
    about = asked(schemes, {}, ctx)
    shown = [scheme for scheme in schemes if scheme.name in about]
    return bool(schemes) and not any(scheme.scope != "step" or scheme.steps(about[scheme.name]) for scheme in shown)


def asks_of_steps_only(config: ProjectConfig) -> bool:
    """Whether a trace without steps would be asked nothing."""
    return config.labels_traces and asks_nothing(config.asked_of(pair=False), ItemContext(()))


def left_out(project: Project) -> QuerySet[Trace]:
    """The traces of the project's dataset that are no items for want of steps."""
    found = fresh_traces(project).filter(current__n_steps=0)
    return found if _leaves_out(project) else found.none()


def in_vain(project: Project) -> QuerySet[Item]:
    """The items that somebody would be given though their trace has no steps, and nothing else is asked about."""
    found = Item.objects.filter(project=project, trace_b=None, a__n_steps=0)
    # All that is free is looked at only where there are such items: there seldom are.
    return found.with_free_places([project.pk]) if _leaves_out(project) and found.exists() else found.none()


def _leaves_out(project: Project) -> bool:
    return project.revision_id is not None and asks_of_steps_only(config_of(project.revision_id))
