"""What is worth watching about jobs."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count, Min, Q
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric

from potato_site import health
from potato_site.jobs.models import Job
from potato_site.jobs.tick import TICK
from potato_site.metrics import source

SHOWN = (Job.State.QUEUED, Job.State.RUNNING, Job.State.FAILED)


@source
def jobs() -> Iterator[Metric]:
    """Queues, their oldest job, failures, the tick and the broker."""
    states = GaugeMetricFamily("potato_jobs", "Jobs that are queued, running or failed", labels=["kind", "state"])
    rows = Job.objects.filter(state__in=SHOWN).exclude(kind=TICK)
    for kind, state, number in rows.values_list("kind", "state").annotate(n=Count("id")).order_by("kind", "state"):
        states.add_metric([kind, state], number)
    yield states
    now = timezone.now()
    age = GaugeMetricFamily("potato_queue_oldest_seconds", "How long the oldest due job has waited", labels=["queue"])
    due = Q(state=Job.State.QUEUED, due_at__lte=now)
    oldest = dict(Job.objects.filter(due).exclude(kind=TICK).values_list("queue").annotate(t=Min("due_at")))
    for queue in Job.Queue.values:
        age.add_metric([queue], (now - oldest[queue]).total_seconds() if queue in oldest else 0)
    yield age
    tick = health.tick_age()
    if tick is not None:
        yield GaugeMetricFamily("potato_tick_age_seconds", "Since the last tick; it comes every 30 s", value=tick)
    yield GaugeMetricFamily("potato_broker_up", "1: the broker answers", value=int(health.broker().ok))
