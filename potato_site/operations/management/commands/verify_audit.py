"""``potato verify-audit``: has somebody changed answers by another way than labeling?"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from potato_site.operations.audits import run_audits
from potato_site.operations.showing import show_audits


class Command(BaseCommand):
    help = "Verify that every answer is what was saved: each event hashes the one before it."
    requires_system_checks: list[str] = []

    def handle(self, **options: Any) -> None:
        with transaction.atomic(using="snapshot"):
            audits = run_audits("snapshot")
        if show_audits(self.stdout, self.stderr, audits):
            raise CommandError("answers were changed by another way than labeling")
