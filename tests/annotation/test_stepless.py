"""Traces without steps in a project that asks of steps alone: handed out to nobody, and told to the manager."""

import pytest
import yaml
from django.urls import reverse

from annotation.assignments.handout import hand_out
from annotation.assignments.stepless import in_vain, left_out
from annotation.models import Item
from annotation.projects.apply import apply_text
from annotation.projects.dump import to_yaml
from annotation.projects.revisions import current
from annotation.quality import statistics
from potato_site.accounts.models import User
from potato_site.jobs import runner
from potato_site.jobs.models import Job
from tests.api.people import member
from tests.factory import ERROR_DESCRIPTION, FIRST_ERROR, OUTCOME, PER_STEP, make_project, make_trace, person

pytestmark = pytest.mark.django_db
ASKED_WITH_AN_ERROR = [FIRST_ERROR, ERROR_DESCRIPTION]
OF_EDITS = {
    "annotation_type": "radio",
    "name": "good",
    "scope": "step",
    "step_types": ["file_edit"],
    "labels": ["y", "n"],
}


def traces():
    return [make_trace("empty", steps=0), make_trace("full", steps=2)]


def names(project):
    found = Item.objects.filter(project=project).order_by("position")
    return list(found.values_list("trace_a__external_id", flat=True))


@pytest.mark.parametrize(
    ("schemes", "handed_out"),
    [
        ([FIRST_ERROR], ["full"]),
        ([PER_STEP, OF_EDITS], ["full"]),
        (ASKED_WITH_AN_ERROR, ["full"]),
        ([FIRST_ERROR, OUTCOME], ["empty", "full"]),
        ([{"annotation_type": "code_review", "name": "review"}], ["empty", "full"]),
    ],
)
def test_only_who_could_answer_something_gets_one(tmp_path, schemes, handed_out):
    assert names(make_project(tmp_path, traces=traces(), schemes=schemes)) == handed_out


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_the_manager_is_told_how_many(tmp_path, client):
    project = make_project(tmp_path, traces=traces(), schemes=[FIRST_ERROR])
    statistics.compute(project)
    client.force_login(member("max", project))
    told = "1 trace has no steps and is not handed out: every question is about steps."
    for page in ("manage-overview", "manage-upload", "manage-setup"):
        assert told in client.get(reverse(page, args=[project.slug])).text
    other = make_project(tmp_path / "other", name="Other", traces=traces())
    statistics.compute(other)
    client.force_login(User.objects.create_superuser("root"))
    for page in ("manage-overview", "manage-upload", "manage-setup"):
        assert "no steps and" not in client.get(reverse(page, args=[other.slug])).text


def test_with_a_question_about_the_whole_it_is_handed_out(tmp_path):
    project = make_project(tmp_path, traces=traces(), schemes=[FIRST_ERROR])
    assert names(project) == ["full"]
    make_project(tmp_path, traces=traces(), schemes=[FIRST_ERROR, OUTCOME])
    assert names(project) == ["full", "empty"]


def test_a_question_about_the_whole_that_is_added_on_the_site_does_the_same(tmp_path):
    project = make_project(tmp_path, traces=traces(), schemes=[FIRST_ERROR])
    text = yaml.safe_dump({**yaml.safe_load(to_yaml(current(project))), "annotation_schemes": [FIRST_ERROR, OUTCOME]})
    assert apply_text(project, text, User.objects.create_superuser("root")).is_saved
    for job in Job.objects.filter(kind="annotation.sync_items"):
        runner.run(job.pk)
    assert names(project) == ["full", "empty"]


@pytest.mark.parametrize(
    ("schemes", "trace", "told"),
    [
        ([OF_EDITS], make_trace("t", steps=1), "no step of this trace is asked about"),
        ([FIRST_ERROR, OUTCOME], make_trace("t", steps=0), ""),
        ([FIRST_ERROR], make_trace("t", steps=1), ""),
    ],
)
def test_the_page_says_where_nothing_is_asked(tmp_path, client, schemes, trace, told):
    project = make_project(tmp_path, traces=[trace], schemes=schemes)
    client.force_login(person("ann"))
    given = hand_out(project, person("ann")).assignment
    page = " ".join(client.get(reverse("label", args=[given.public_id])).text.split())
    assert ("There is nothing to label here" in page) is bool(told)
    assert told in page


def test_an_item_of_before_says_that_nothing_is_asked(tmp_path, client):
    project = make_project(tmp_path, traces=[make_trace("t", steps=0)])
    make_project(tmp_path, traces=[make_trace("t", steps=0)], schemes=[FIRST_ERROR])
    project.refresh_from_db()
    client.force_login(person("ann"))
    given = hand_out(project, person("ann")).assignment
    page = " ".join(client.get(reverse("label", args=[given.public_id])).text.split())
    assert "this trace has no steps, and only those are asked about" in page


def emptied(tmp_path):
    """A project whose only item has no steps, and that asks of steps alone since."""
    make_project(tmp_path, traces=[make_trace("t", steps=0)], overlap=0)
    project = make_project(tmp_path, traces=[make_trace("t", steps=0)], schemes=[FIRST_ERROR], overlap=0)
    project.refresh_from_db()
    return project


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_an_item_of_before_is_not_told_as_left_out_but_as_in_vain(tmp_path, client):
    project = emptied(tmp_path)
    statistics.compute(project)
    client.force_login(member("max", project))
    for page in ("manage-overview", "manage-upload", "manage-setup"):
        said = client.get(reverse(page, args=[project.slug])).text
        assert "1 item has nothing to label: its trace has no steps" in said
        assert "not handed out" not in said


def test_one_that_is_withdrawn_or_in_somebodys_hands_is_told_no_more(tmp_path):
    project = emptied(tmp_path)
    assert list(in_vain(project)) == list(Item.objects.all())
    Item.objects.update(is_withdrawn=True)
    assert not in_vain(project)
    assert not left_out(project), "it is an item, too"
    Item.objects.update(is_withdrawn=False)
    assert hand_out(project, person("ann")).assignment
    assert not in_vain(project)
    assert not left_out(project)


def test_what_is_put_into_the_form_by_htmx_tells_it_too(tmp_path, client):
    project = make_project(tmp_path, traces=traces(), schemes=[FIRST_ERROR])
    client.force_login(member("max", project))
    part = client.get(reverse("manage-setup", args=[project.slug]), headers={"HX-Request": "true"}).text
    assert "<html" not in part
    assert "1 trace has no steps and is not handed out" in part
