"""Published exports and the schedules that make them."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from potato_site.textjson import TextJSONField


class Export(models.Model):
    """One published, immutable file set. (A copy written by ``potato export --output`` has no row.)"""

    project = models.ForeignKey("annotation.Project", models.CASCADE, related_name="exports")
    format = models.CharField(max_length=64)
    options = TextJSONField(default=dict)
    options_digest = models.CharField(max_length=64)
    seq = models.BigIntegerField()
    job = models.ForeignKey("jobs.Job", models.SET_NULL, null=True, related_name="+")
    path = models.CharField(max_length=1000)
    manifest = TextJSONField()
    sha256 = models.CharField(max_length=64)
    published_at = models.DateTimeField(auto_now_add=True)
    # The schedule that made it, which may take it away again (keep_last).
    schedule = models.ForeignKey("ExportSchedule", models.SET_NULL, null=True, related_name="exports")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "format", "options_digest", "seq"], name="one_export_per_state")
        ]

    def __str__(self) -> str:
        return f"{self.format} of {self.project_id} at {self.seq}"


class ExportSchedule(models.Model):
    """When an export is made without being asked for: at times (``cron``), or after so many submissions (``every_n``).

    Read by the tick; there is no second schedule table.
    """

    project = models.ForeignKey("annotation.Project", models.CASCADE, related_name="export_schedules")
    format = models.CharField(max_length=64)
    # Minute, hour, day of the month, month, day of the week, in ``timezone``.
    cron = models.CharField(max_length=100, blank=True)
    every_n = models.PositiveIntegerField(null=True)
    timezone = models.CharField(max_length=64, default="UTC")
    options = TextJSONField(default=dict)
    # Of those the server has (exports.destinations); empty: the project's folder alone.
    destination = models.CharField(max_length=1000, blank=True)
    keep_last = models.PositiveIntegerField(null=True)
    next_run_at = models.DateTimeField(null=True)
    last_seq = models.BigIntegerField(default=0)
    last_run_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=500, blank=True)
    is_paused = models.BooleanField(default=False)
    # Who is told by mail when it fails.
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(every_n=None, cron__gt="") | Q(every_n__isnull=False, every_n__gt=0, cron=""),
                name="cron_or_every_n",
            ),
            models.CheckConstraint(condition=Q(keep_last=None) | Q(keep_last__gt=0), name="keeps_at_least_one"),
        ]
        indexes = [models.Index(fields=["next_run_at"], name="schedule_due")]

    def __str__(self) -> str:
        return f"{self.format} of {self.project_id}"
