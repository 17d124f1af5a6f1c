"""All that exports may read of annotation."""

from annotation.models import Project
from annotation.projects.find import NoProject, project_for
from annotation.queries import aggregate
from annotation.queries.asked import questions
from annotation.queries.changes import changed_since, had_labels, last_labels, submitted_since
from annotation.queries.counted import coverage
from annotation.queries.labeled import Documents, compared_by, document, labeled_by, labeled_pairs, labeled_traces
from annotation.queries.later import LaterDocument, at_hand
from annotation.queries.projects import (
    agreement,
    configuration,
    delivering,
    delivering_projects,
    is_gone,
    issues_and_repositories,
    known_people,
    people_of,
    project_by_id,
    username_of,
)
from annotation.queries.shapes import (
    Changed,
    Coverage,
    Delivering,
    LabeledPair,
    LabeledTrace,
    LabelMeaning,
    Labels,
    LastLabels,
    Question,
)
from annotation.queries.snapshot import consistent_read
from annotation.schemes.outcome import fully_resolved

__all__ = [
    "Changed",
    "Coverage",
    "Delivering",
    "Documents",
    "LabelMeaning",
    "LabeledPair",
    "LabeledTrace",
    "Labels",
    "LastLabels",
    "LaterDocument",
    "NoProject",
    "Project",
    "Question",
    "aggregate",
    "agreement",
    "at_hand",
    "changed_since",
    "compared_by",
    "configuration",
    "consistent_read",
    "coverage",
    "delivering",
    "delivering_projects",
    "document",
    "fully_resolved",
    "had_labels",
    "is_gone",
    "issues_and_repositories",
    "known_people",
    "labeled_by",
    "labeled_pairs",
    "labeled_traces",
    "last_labels",
    "people_of",
    "project_by_id",
    "project_for",
    "questions",
    "submitted_since",
    "username_of",
]  # fmt: skip
