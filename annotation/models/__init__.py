"""The tables of the annotation app, grouped by what they are about."""

from annotation.models.answers import Answer, AnswerEvent, Submission
from annotation.models.assignments import Assignment, Gold, Item, Presence, Slot
from annotation.models.invitations import Invitation
from annotation.models.projects import Membership, Project, Revision, SchemeVersion, Statistic
from annotation.models.recruits import Recruit, Visit
from annotation.models.screenings import Screening

__all__ = [
    "Answer",
    "AnswerEvent",
    "Assignment",
    "Gold",
    "Invitation",
    "Item",
    "Membership",
    "Presence",
    "Project",
    "Recruit",
    "Revision",
    "SchemeVersion",
    "Screening",
    "Slot",
    "Statistic",
    "Submission",
    "Visit",
]
