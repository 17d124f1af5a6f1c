"""Flags of assignments that a process of an older version left out, while an upgrade is under way.

Between ``migrate`` and the restart of the last web process, a submission may be taken by code that knows nothing of
``Assignment.is_too_fast`` and ``.is_surplus``. The tick of the new version puts them right.
"""

from __future__ import annotations

from django.db.models import Max

from annotation.models import Assignment, Submission

# Submissions looked at: more than arrive between two ticks, and than while workers are restarted.
LATEST = 1000


def put_right() -> int:
    """Compare the flags of the latest submissions with those kept on their assignments. How many differed."""
    last = Submission.objects.aggregate(last=Max("pk"))["last"] or 0
    latest = Submission.objects.filter(pk__gt=last - LATEST, is_current=True).values_list(
        "pk", "flags", "assignment__is_too_fast", "assignment__is_surplus"
    )
    changed = 0
    for pk, flags, *kept in latest:
        flagged = ["too_fast" in flags, "surplus" in flags]
        if flagged != kept:
            # By the submission, which may meanwhile have been replaced by one with other flags.
            current = Submission.objects.filter(pk=pk, is_current=True).values("assignment")
            rows = Assignment.objects.filter(pk__in=current)
            changed += rows.update(is_too_fast=flagged[0], is_surplus=flagged[1])
    return changed
