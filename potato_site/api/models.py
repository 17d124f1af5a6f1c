"""Calls that were answered, so that a repeated one has no second effect."""

from django.conf import settings
from django.db import models


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

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_answer_per_key")]

    def __str__(self) -> str:
        return f"{self.key} of {self.user_id}"
