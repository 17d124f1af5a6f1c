"""Opening, pausing and closing a project, also while people label: nothing new goes out, nothing given is lost."""

import uuid

import pytest

from annotation.answers.ops import apply_ops
from annotation.answers.submission import submit
from annotation.assignments.handout import hand_out
from annotation.models import Item, Project, Submission
from annotation.projects.create import create_project
from annotation.projects.lifecycle import NotReady, set_state
from annotation.projects.presets import presets
from potato_site.accounts.models import AuditEntry, User
from tests.factory import answers, make_project, op, person, submit_item

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss():
    return User.objects.create_user("boss")


@pytest.fixture
def draft(boss, settings, tmp_path):
    settings.POTATO_HOME = tmp_path / "home"
    settings.POTATO_HOME.mkdir()
    return create_project("Draft", "Runs", presets()["first_error"].configure("x"), [], boss)


def payload(version=0):
    ops = [op(scheme, changes, base=version) for scheme, changes in answers().items()]
    return {"op_id": uuid.uuid4().hex, "tab": "tab", "version": version, "ops": ops}


def test_a_draft_without_traces_cannot_be_opened_and_says_why(draft, boss):
    with pytest.raises(NotReady, match="no traces yet"):
        set_state(draft, "open", boss)
    assert Project.objects.get(pk=draft.pk).state == draft.state == "draft"
    assert not AuditEntry.objects.filter(action="project.state").exists()


def test_a_project_whose_traces_are_all_withdrawn_cannot_be_opened_again(tmp_path, boss):
    project = make_project(tmp_path)
    set_state(project, "closed", boss)
    Item.objects.filter(project=project).update(is_withdrawn=True)
    with pytest.raises(NotReady):
        set_state(project, "open", boss)


def test_each_move_is_recorded_once(tmp_path, boss):
    project = make_project(tmp_path)
    assert set_state(project, "paused", boss)
    assert not set_state(project, "paused", boss)
    assert set_state(project, "open", boss)
    moves = AuditEntry.objects.filter(project=project, action="project.state", user=boss).order_by("pk")
    assert [(entry.before["state"], entry.after["state"]) for entry in moves] == [
        ("open", "paused"),
        ("paused", "open"),
    ]


@pytest.mark.parametrize("state", ["draft", "gone", "", "OPEN"])
def test_there_is_no_way_to_any_other_state(tmp_path, boss, state):
    project = make_project(tmp_path)
    with pytest.raises(NotReady):
        set_state(project, state, boss)
    assert Project.objects.get(pk=project.pk).state == "open"


@pytest.mark.parametrize(("state", "word"), [("paused", "paused"), ("closed", "not open")])
def test_nothing_new_goes_out(tmp_path, boss, state, word):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers())
    set_state(project, state, boss)
    given = hand_out(project, person("ann"))
    assert given.assignment is None
    assert word in given.reason


@pytest.mark.parametrize("state", ["paused", "closed"])
def test_what_is_open_can_be_found_saved_and_submitted(tmp_path, boss, state):
    project = make_project(tmp_path)
    mine = hand_out(project, person("ann")).assignment
    set_state(project, state, boss)
    assert hand_out(project, person("ann")).assignment == mine
    assert apply_ops(mine.public_id, person("ann"), [op("outcome", {"": "partial"})]).acked
    submit(mine.public_id, person("ann"), payload(version=1))
    assert Submission.objects.get(project=project).values["outcome"] == {"": "resolved"}
    assert hand_out(project, person("ann")).assignment is None


def test_an_annotator_reads_that_they_can_finish(tmp_path, boss, client):
    project = make_project(tmp_path)
    hand_out(project, person("ann"))
    set_state(project, "closed", boss)
    client.force_login(person("ann"))
    content = client.get(f"/projects/{project.slug}/").content.decode()
    assert "You can still finish the item you have open" in content
    assert "Continue" in content
    client.force_login(person("bob"))
    content = client.get(f"/projects/{project.slug}/").content.decode()
    assert "nothing new to label now" in content
    assert "Start" not in content


def test_annotators_do_not_see_a_draft(tmp_path, client):
    project = make_project(tmp_path)
    Project.objects.filter(pk=project.pk).update(state="draft")
    client.force_login(person("ann"))
    assert client.get(f"/projects/{project.slug}/").status_code == 404
    assert project.name not in client.get("/").content.decode()
