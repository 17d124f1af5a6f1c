"""Withdrawing a trace: nobody gets it any more, and no export or statistic counts what was said about it.

Nothing is deleted, so restoring it brings everything back.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q

from annotation.assignments import planning, states
from annotation.models import Assignment, Item, Project
from annotation.projects.counter import bump_for
from potato_site.accounts.models import AuditEntry, User
from traces.models import Trace


@transaction.atomic
def set_withdrawn(trace: Trace, withdrawn: bool, user: User | None) -> None:
    """Withdraw or restore a trace in every project that labels it. Nothing happens when it is so already.

    Exports and numbers follow at once; its free places go (or come back) with the job. What somebody has open stays
    theirs to finish; what is kept for somebody goes. The caller has made sure that ``user`` may change the dataset.
    """
    items = Item.objects.filter(Q(trace_a=trace) | Q(trace_b=trace))
    if withdrawn:
        states.give_back_reserved(Assignment.objects.filter(item__in=items))
    if not Trace.objects.filter(pk=trace.pk, is_withdrawn=not withdrawn).update(is_withdrawn=withdrawn):
        return
    trace.is_withdrawn = withdrawn
    action = "trace.withdraw" if withdrawn else "trace.restore"
    # In one order, so that two withdrawals never wait for each other.
    projects = list(Project.objects.filter(pk__in=items.values("project")).order_by("pk"))
    entry = {"user": user, "action": action, "object": f"trace {trace.external_id}"[:200]}
    AuditEntry.objects.bulk_create(AuditEntry(**entry, project=project) for project in projects or (None,))
    for project in projects:
        bump_for(project.pk, items)
    planning.request(trace.dataset_id)
