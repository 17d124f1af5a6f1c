"""What people said: current answers, every change that led there, and frozen submissions."""

from django.db import models
from django.db.models import Q

from annotation.models.assignments import Assignment
from annotation.models.projects import Project
from annotation.models.querysets import SubmissionQuerySet, with_surplus
from potato_site.textjson import TextJSONField


class Answer(models.Model):
    """The current value of one scheme in one assignment: a flat map key → value. One document, not a row per step."""

    assignment = models.ForeignKey(Assignment, models.CASCADE, related_name="answers")
    scheme = models.CharField(max_length=100)
    value = TextJSONField()
    version = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["assignment", "scheme"], name="one_answer_per_scheme")]

    def __str__(self) -> str:
        return f"{self.scheme} of {self.assignment_id}"


class AnswerEvent(models.Model):
    """One operation, as it was accepted. Append-only: a trigger refuses UPDATE."""

    assignment = models.ForeignKey(Assignment, models.CASCADE, related_name="events")
    version = models.PositiveIntegerField()
    op_id = models.CharField(max_length=64)
    tab = models.CharField(max_length=64)
    scheme = models.CharField(max_length=100)
    changes = TextJSONField()
    device_at = models.DateTimeField(null=True)
    saved_at = models.DateTimeField()
    digest = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["assignment", "version"], name="event_version"),
            models.UniqueConstraint(fields=["assignment", "op_id"], name="event_op"),
        ]

    def __str__(self) -> str:
        return f"event {self.version} of {self.assignment_id}"


class Submission(models.Model):
    """The frozen, validated values of a finished assignment: all that exports, agreement and the API read."""

    assignment = models.ForeignKey(Assignment, models.CASCADE, related_name="submissions")
    project = models.ForeignKey(Project, models.CASCADE, related_name="submissions")
    number = models.PositiveIntegerField()
    seq = models.BigIntegerField()
    op_id = models.CharField(max_length=64)
    revision = models.ForeignKey("Revision", models.RESTRICT, related_name="+")
    # {scheme name: answer map}
    values = TextJSONField()
    active_ms = models.PositiveIntegerField()
    # Of querysets.FLAGS, in their order.
    flags = TextJSONField(default=list)
    is_current = models.BooleanField(default=True)
    submitted_at = models.DateTimeField()

    objects = SubmissionQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["project", "flags", "seq"], name="submission_flags")]
        constraints = [
            models.UniqueConstraint(fields=["assignment", "number"], name="submission_number"),
            models.UniqueConstraint(fields=["assignment", "op_id"], name="submission_op"),
            models.UniqueConstraint(fields=["project", "seq"], name="submission_seq"),
            models.UniqueConstraint(fields=["assignment"], condition=Q(is_current=True), name="one_current_submission"),
        ]

    def __str__(self) -> str:
        return f"submission {self.number} of {self.assignment_id}"

    @property
    def standing_flags(self) -> list[str]:
        """Its flags, with what became of its place since. Reads the assignment."""
        return with_surplus(self.flags, self.is_current and self.assignment.is_surplus)
