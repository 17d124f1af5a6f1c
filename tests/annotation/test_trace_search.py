"""The endpoints of the search in a trace: whose they are, what they take, and that they change nothing."""

import fcntl
import json
import re

import pytest
from django.urls import reverse

from annotation.assignments.handout import hand_out
from annotation.models import Assignment, Item
from annotation.pages import rendered
from potato_site.one_at_a_time import turn
from tests.factory import make_project, make_trace, person
from tests.two_projects import fingerprint
from traces.search import MAX_QUERY

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path, traces=[make_trace("t1", steps=60), make_trace("t2", steps=60)])


@pytest.fixture
def assignment(project):
    return hand_out(project, person("ann")).assignment


@pytest.fixture
def ann(client, assignment):
    client.force_login(person("ann"))
    return client


def address(assignment, version=None):
    return reverse("label-search", args=[assignment.public_id, version or assignment.item.a_id])


def test_it_says_which_steps_hold_a_text(ann, assignment):
    answer = ann.get(address(assignment), {"q": "PASSED in"})
    assert answer.json() == {"steps": list(range(3, 60, 5)), "searched": 60}
    assert "no-store" in answer["Cache-Control"]


def test_a_blank_text_is_nowhere(ann, assignment):
    for given in ({}, {"q": ""}, {"q": "   "}):
        assert ann.get(address(assignment), given).json()["steps"] == []


def test_a_text_that_is_too_long_is_refused(ann, assignment):
    assert ann.get(address(assignment), {"q": "x" * MAX_QUERY}).status_code == 200
    answer = ann.get(address(assignment), {"q": "x" * (MAX_QUERY + 1)})
    assert (answer.status_code, answer.json()["error"]) == (400, "malformed")


def test_one_search_of_a_person_at_a_time(ann, assignment):
    me, bob = person("ann"), person("bob")
    with turn("search", me.pk) as mine, turn("search", bob.pk) as anothers:
        assert (mine, anothers) == (True, True)
        refused = ann.get(address(assignment), {"q": "passed"})
        assert (refused.status_code, refused.json()["error"], refused["Retry-After"]) == (429, "too-many", "1")
    assert ann.get(address(assignment), {"q": "passed"}).status_code == 200
    with turn("search", bob.pk):
        assert ann.get(address(assignment), {"q": "passed"}).status_code == 200


def test_a_turn_that_ends_while_another_begins_leaves_one_file(settings, tmp_path, monkeypatch):
    settings.POTATO_HOME = tmp_path
    lock, removed = fcntl.flock, []

    def late(handle, how):
        # Who had it ends between our opening and our locking.
        if not removed:
            removed.append((tmp_path / "search-1.lock").unlink())
        lock(handle, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with turn("search", 1) as mine:
        monkeypatch.undo()
        settings.POTATO_HOME = tmp_path
        with turn("search", 1) as second:
            assert (mine, second) == (True, False)
    assert not list(tmp_path.glob("*.lock"))


def test_a_search_that_fails_does_not_keep_the_next_one_out(ann, assignment, monkeypatch):
    monkeypatch.setattr(rendered, "load_text", lambda version: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ann.get(address(assignment), {"q": "passed"})
    monkeypatch.undo()
    assert ann.get(address(assignment), {"q": "passed"}).status_code == 200


def test_where_no_lock_can_be_kept_it_is_searched_all_the_same(ann, assignment, settings, tmp_path):
    settings.POTATO_HOME = tmp_path / "is not there"
    assert ann.get(address(assignment), {"q": "passed"}).status_code == 200


def test_another_trace_of_the_project_is_not_there(ann, assignment):
    other = Item.objects.exclude(pk=assignment.item_id).get()
    assert ann.get(address(assignment, other.a_id), {"q": "x"}).status_code == 404


def test_nobody_else_searches_it(client, assignment):
    client.force_login(person("bob"))
    assert client.get(address(assignment), {"q": "x"}).status_code == 404
    client.logout()
    assert client.get(address(assignment), {"q": "x"}).status_code == 401


def test_it_is_no_sign_of_work_and_changes_nothing(ann, assignment):
    before = fingerprint()
    ann.get(address(assignment), {"q": "passed"})
    assert fingerprint() == before


def test_the_page_names_the_address(ann, assignment):
    text = ann.get(reverse("label", args=[assignment.public_id])).content.decode()
    assert f'data-urls="{address(assignment)}"' in " ".join(text.split())


def test_a_record_without_steps_has_no_search(client, tmp_path):
    project = make_project(
        tmp_path, traces=[{"id": "r1", "question": "why"}], schemes=[{"annotation_type": "text_input", "name": "notes"}]
    )
    given = hand_out(project, person("ann")).assignment
    client.force_login(person("ann"))
    text = client.get(reverse("label", args=[given.public_id])).content.decode()
    assert 'id="search"' not in text
    assert 'id="search-button"' not in text


def test_both_traces_of_a_pair_are_searched_from_left_to_right(client, tmp_path):
    pair = [make_trace(f"try-{n}", 5, issue_id="x", issue_description="Fix it") for n in (1, 2)]
    scheme = {"annotation_type": "pairwise", "name": "preference"}
    project = make_project(tmp_path, traces=pair, schemes=[scheme])
    given = hand_out(project, person("ann")).assignment
    for swapped in (False, True):
        Assignment.objects.filter(pk=given.pk).update(swapped=swapped)
        client.force_login(person("ann"))
        text = client.get(reverse("label", args=[given.public_id])).content.decode()
        urls = re.search(r'data-urls="([^"]+)"', text)[1].split()
        versions = [given.item.a_id, given.item.b_id]
        assert urls == [address(given, version) for version in (versions[::-1] if swapped else versions)]
        assert [client.get(url, {"q": "pytest"}).json()["steps"] for url in urls] == [[3], [3]]


def test_who_runs_the_project_searches_on_its_pages(client, project, assignment):
    client.force_login(person("manager"))
    for page in (
        reverse("manage-preview", args=[project.slug]),
        reverse("manage-item", args=[project.slug, assignment.item_id]),
    ):
        url = re.search(r'data-urls="([^"]+)"', client.get(page).content.decode())[1]
        assert json.loads(client.get(url, {"q": "passed"}).content)["steps"][0] == 3


def test_a_preview_of_the_sample_trace_has_nothing_to_ask(client, project):
    Item.objects.all().delete()
    client.force_login(person("manager"))
    assert 'id="search"' not in client.get(reverse("manage-preview", args=[project.slug])).content.decode()
