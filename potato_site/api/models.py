"""Calls that were answered, so that a repeated one has no second effect."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

KEEP = timedelta(days=7)
PRUNED_PER_TICK = 5000


class IdempotencyKeys(models.QuerySet["IdempotencyKey"]):
    def forget(self) -> int:
        """Delete answers older than a week, some at a time. How many."""
        old = self.filter(created_at__lt=timezone.now() - KEEP).order_by("created_at")
        return self.filter(pk__in=list(old.values_list("pk", flat=True)[:PRUNED_PER_TICK])).delete()[0]


class IdempotencyKey(models.Model):
    """One unsafe call and its answer, written in the transaction of the call's own effect."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    # SHA-256 over method, address, content type, the token's project and body: another call under the same key is a
    # mistake.
    request_sha256 = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    # Content type and the headers that belong to the answer; the body as it was sent.
    headers = models.JSONField(default=dict)
    body = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    objects = IdempotencyKeys.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_answer_per_key")]

    def __str__(self) -> str:
        return f"{self.key} of {self.user_id}"
