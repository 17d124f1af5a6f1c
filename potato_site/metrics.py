"""``/metrics`` for Prometheus: what this process has served, and what the database knows when it is asked.

Requests are counted in memory. Where several processes serve one port (``potato serve web --workers 2``) they count in
files of a folder they share (PROMETHEUS_MULTIPROC_DIR, set by ``serve``), and whichever is asked adds them up. Numbers
about jobs and assignments come from the database at each scrape, so every web process gives the same: apps name them
in their own ``metrics.py`` with :func:`source`. Answers 404 unless the request brings POTATO_METRICS_TOKEN or comes,
not through a proxy, from one of the networks of POTATO_METRICS_FROM.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address, ip_network

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

Source = Callable[[], Iterable[Metric]]

logger = logging.getLogger(__name__)
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

counted = CollectorRegistry()
REQUESTS = Counter(
    "potato_requests", "Requests answered, by route; a save is the route of operations", ["route", "method", "status"],
    registry=counted,
)  # fmt: skip
SECONDS = Histogram("potato_request_seconds", "Time to answer, by route", ["route"], buckets=BUCKETS, registry=counted)
sources: dict[str, Source] = {}


def source(function: Source) -> Source:
    """Decorator: ask this function for its numbers at every scrape. A few cheap queries."""
    sources[f"{function.__module__}.{function.__qualname__}"] = function
    return function


def observe(route: str, method: str | None, status: int, seconds: float) -> None:
    """Count one request."""
    REQUESTS.labels(route, method if method in METHODS else "other", str(status)).inc()
    SECONDS.labels(route).observe(seconds)


class _Asked(Collector):
    """What the sources say now. One that fails is missing, and said to be."""

    def collect(self) -> Iterator[Metric]:
        failed = GaugeMetricFamily("potato_metrics_source_failed", "1: this source gave no numbers", labels=["source"])
        for name, function in sources.items():
            try:
                yield from list(function())
                failed.add_metric([name], 0)
            except Exception:
                logger.exception("The metrics of %s cannot be had", name)
                failed.add_metric([name], 1)
        yield failed


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    if not may_read(request):
        raise Http404
    registry = CollectorRegistry()
    registry.register(_Asked())
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    own = counted
    if folder:
        own = CollectorRegistry()
        MultiProcessCollector(own, path=folder)
    return HttpResponse(generate_latest(own) + generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def may_read(request: HttpRequest) -> bool:
    """Whether a machine that watches asks: by its token, or directly from its network."""
    given = request.headers.get("Authorization", "")
    if settings.METRICS_TOKEN and constant_time_compare(given, f"Bearer {settings.METRICS_TOKEN}"):
        return True
    if "X-Forwarded-For" in request.headers or not settings.METRICS_FROM:
        # Behind a proxy everybody has the proxy's address.
        return False
    try:
        peer = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return any(peer in ip_network(network, strict=False) for network in settings.METRICS_FROM)
