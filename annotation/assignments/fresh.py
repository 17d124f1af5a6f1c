"""Traces of a project's dataset that are no items of it."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from annotation.models import Item, Project
from traces.models import Trace


def fresh_traces(project: Project) -> QuerySet[Trace]:
    """Traces without an item, asked in the words of a constraint whose index answers.

    By ``kind`` instead, SQLite would read every item of the project for every trace.
    """
    known = Item.objects.filter(project=project, trace_a=OuterRef("pk"), trace_b=None)
    return Trace.objects.filter(dataset=project.dataset_id, is_withdrawn=False).filter(~Exists(known))
