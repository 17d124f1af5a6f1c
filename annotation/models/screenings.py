"""The tries of people to pass a project's screening."""

from math import floor

from django.db import models
from django.db.models import Q

from annotation.models.projects import Membership


class Screening(models.Model):
    """One try: so many items whose answer is known. What it takes is fixed when it begins, what came of it when it
    ends."""

    membership = models.ForeignKey(Membership, models.CASCADE, related_name="screenings")
    number = models.PositiveSmallIntegerField()
    items = models.PositiveSmallIntegerField()
    needed = models.PositiveSmallIntegerField()
    begun_at = models.DateTimeField()
    # A manager asked for it; the project's own rule did not.
    is_given = models.BooleanField(default=False)
    ended_at = models.DateTimeField(null=True)
    # How near the answers came to the known ones: at most 1 for each item.
    points = models.FloatField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["membership", "number"], name="screening_number"),
            models.UniqueConstraint(fields=["membership"], condition=Q(ended_at=None), name="one_screening_under_way"),
            models.CheckConstraint(
                condition=Q(ended_at=None, points=None) | Q(ended_at__isnull=False, points__isnull=False),
                name="screening_ends_with_points",
            ),
        ]

    def __str__(self) -> str:
        return f"screening {self.number} of membership {self.membership_id}"

    @property
    def is_under_way(self) -> bool:
        return self.ended_at is None

    @property
    def told_points(self) -> str:
        """Not rounded up: who lacks a little is not told that they have it."""
        return "" if self.points is None else f"{floor(self.points * 10) / 10:g}"

    @property
    def is_passed(self) -> bool:
        return self.points is not None and self.points >= self.needed
