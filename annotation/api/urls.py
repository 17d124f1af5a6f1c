"""The addresses of this app below /api/v1/."""

from django.urls import path

# problems: imported for what it says of our exceptions.
from annotation.api import (
    adjudication,
    assignment_list,
    assignments,
    config,
    datasets,
    gold,
    items,
    numbers,
    people,
    problems,
    projects,
    submissions,
)

__all__ = ["problems", "urlpatterns"]

urlpatterns = [
    path("datasets", datasets.Datasets.as_view(), name="api-datasets"),
    path("datasets/<int:dataset_id>/traces/<int:trace_id>/withdraw", datasets.Withdraw.as_view(), name="api-withdraw"),
    path("datasets/<int:dataset_id>/traces/<int:trace_id>/restore", datasets.Restore.as_view(), name="api-restore"),
    path("projects/<slug:slug>/gold", gold.GoldAnswers.as_view(), name="api-gold"),
    path("projects/<slug:slug>/gold/<int:item_id>/<slug:scheme>", gold.GoldAnswer.as_view(), name="api-gold-answer"),
    path("projects", projects.ProjectList.as_view(), name="api-projects"),
    path("projects/<slug:slug>", projects.ProjectOne.as_view(), name="api-project"),
    path("projects/<slug:slug>/config", config.Config.as_view(), name="api-config"),
    path("projects/<slug:slug>/people", people.People.as_view(), name="api-people"),
    path("projects/<slug:slug>/people/invitations", people.Invitations.as_view(), name="api-invitations"),
    path("projects/<slug:slug>/people/<int:membership_id>/pause", people.Pause.as_view(), name="api-person-pause"),
    path("projects/<slug:slug>/people/<int:membership_id>/group", people.Group.as_view(), name="api-person-group"),
    path("projects/<slug:slug>/people/<int:membership_id>/resume", people.Resume.as_view(), name="api-person-resume"),
    path("projects/<slug:slug>/join", people.Join.as_view(), name="api-join"),
    path("projects/<slug:slug>/items", items.ItemList.as_view(), name="api-items"),
    path("projects/<slug:slug>/items/<int:item_id>", items.ItemOne.as_view(), name="api-item"),
    path("projects/<slug:slug>/adjudications", adjudication.Disputes.as_view(), name="api-adjudications"),
    path("projects/<slug:slug>/adjudications/<int:item_id>", adjudication.Decide.as_view(), name="api-adjudicate"),
    path("projects/<slug:slug>/assignments", assignment_list.AssignmentList.as_view(), name="api-assignments"),
    path("projects/<slug:slug>/submissions", submissions.SubmissionList.as_view(), name="api-submissions"),
    path("projects/<slug:slug>/agreement", numbers.Agreement.as_view(), name="api-agreement"),
    path("projects/<slug:slug>/status", numbers.Status.as_view(), name="api-status"),
    path("projects/<slug:slug>/next", assignments.Next.as_view(), name="api-next"),
    path("assignments/<uuid:public_id>", assignments.One.as_view(), name="api-assignment"),
    path("assignments/<uuid:public_id>/trace", assignments.Trace.as_view(), name="api-assignment-trace"),
    path("assignments/<uuid:public_id>/operations", assignments.Operations.as_view(), name="api-operations"),
    path("assignments/<uuid:public_id>/submit", assignments.Submit.as_view(), name="api-submit"),
    path("assignments/<uuid:public_id>/seen", assignments.Seen.as_view(), name="api-seen"),
    path("assignments/<uuid:public_id>/skip", assignments.Skip.as_view(), name="api-skip"),
    path("assignments/<uuid:public_id>/release", assignments.Release.as_view(), name="api-release"),
    path("assignments/<uuid:public_id>/leave", assignments.Leave.as_view(), name="api-leave"),
    path("assignments/<uuid:public_id>/reopen", assignments.Reopen.as_view(), name="api-reopen"),
]
