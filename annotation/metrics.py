"""What is worth watching about labeling."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count, Q
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric

from annotation.models import Assignment
from potato_site.metrics import source


@source
def assignments() -> Iterator[Metric]:
    """Items that people hold. Only these have a lease, so that counting them costs the same at any size."""
    now = timezone.now()
    held = GaugeMetricFamily("potato_assignments", "Assignments that somebody holds", labels=["state"])
    rows = Assignment.objects.filter(lease_until__isnull=False)
    counts = list(
        rows.values_list("state").annotate(n=Count("id"), late=Count("id", filter=Q(lease_until__lt=now))).order_by()
    )
    for state, number, _ in counts:
        held.add_metric([state], number)
    yield held
    late = sum(number for _, _, number in counts)
    yield GaugeMetricFamily("potato_assignments_overdue", "Held beyond their lease; the tick ends them", value=late)
