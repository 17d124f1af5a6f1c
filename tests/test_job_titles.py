"""Every kind of job has a name for people, in every list of jobs."""

import pytest
from django.urls import reverse

from annotation.quality.live import live
from potato_site.accounts.models import User
from potato_site.jobs import enqueue
from potato_site.jobs.models import Job
from potato_site.jobs.registry import handlers, title_of
from tests.factory import make_project


def test_every_kind_has_a_title_of_its_own():
    titles = {kind: handler.title for kind, handler in handlers.items() if not kind.startswith("tests.")}
    assert {kind for kind, title in titles.items() if not title} == set()
    assert len(set(titles.values())) == len(titles)


def test_a_kind_that_nothing_runs_any_longer_keeps_its_name():
    assert title_of("gone.kind") == "gone.kind"


@pytest.mark.django_db
def test_the_lists_of_jobs_show_it(client, tmp_path):
    project = make_project(tmp_path)
    Job.objects.all().delete()
    job = enqueue("exports.current", {"project": project.pk})
    assert [work.name for work in live(project, job.created_at).jobs] == ["Keeping an export current"]
    client.force_login(User.objects.create_superuser("root"))
    for address in (reverse("admin:jobs_job_changelist"), reverse("admin:jobs_job_change", args=[job.pk])):
        page = client.get(address).text
        assert "Keeping an export current" in page
        assert "exports.current" not in page
