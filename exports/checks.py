"""Buckets that exports could not be copied to."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.core.checks import CheckMessage, Warning

from exports import destinations
from potato_site.checks import deployment


@deployment
def buckets() -> Iterator[CheckMessage]:
    for problem in filter(None, map(destinations.problem, settings.POTATO_EXPORT_BUCKETS)):
        yield Warning(f"POTATO_EXPORT_BUCKETS: {problem}.", id="potato.W050")
    if settings.POTATO_EXPORT_BUCKETS and not destinations.is_installed():
        yield Warning(
            "POTATO_EXPORT_BUCKETS is set, and nothing can be copied there.",
            hint="pip install 'potato-site[s3]'", id="potato.W051",
        )  # fmt: skip
