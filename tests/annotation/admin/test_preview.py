"""The preview: the labeling page as annotators get it, and nothing happens."""

import json
import re

import pytest

from annotation.models import Assignment, Item, Membership, Project
from annotation.pages.rendered import YEAR
from annotation.projects.create import create_project
from annotation.projects.presets import presets
from annotation.quality.gold import set_gold
from potato_site.accounts.models import User
from tests.factory import FIRST_ERROR, make_project, make_trace, make_traces
from tests.two_projects import fingerprint

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(tmp_path):
    made = make_project(tmp_path, traces=make_traces(3, steps=60), minimum_time=40)
    mara = User.objects.create_user("mara")
    Membership.objects.create(project=made, user=mara, role="manager", source="admin")
    return made


@pytest.fixture
def page(client, project):
    client.force_login(User.objects.get(username="mara"))
    return client


def url(project, query=""):
    return f"/admin/p/{project.slug}/preview/{query}"


def test_it_is_the_labeling_page_with_the_chosen_item(page, project):
    response = page.get(url(project, "?item=2"))
    content = response.content.decode()
    assert "Preview: nothing is saved" in content
    assert "Fix the bug of trace_002" in content
    assert 'data-scheme="step_reward"' in content
    assert "item=1" in content
    assert "item=3" in content
    state = response.context["state"]
    assert state["preview"] is True
    assert state["presence"]["required_ms"] == 40_000
    json.dumps(state)


def test_no_address_to_send_to_is_on_the_page(page, project):
    content = page.get(url(project)).content.decode()
    assert "hx-post" not in content
    assert 'action="/label' not in content
    assert page.get(url(project)).context["state"]["urls"] == {"login": ""}


def test_looking_at_it_changes_nothing(page, project):
    page.get(url(project))
    before = fingerprint()
    page.get(url(project, "?item=3"))
    assert fingerprint() == before
    assert not Assignment.objects.exists()


def test_later_steps_arrive(page, project):
    chunks = page.get(url(project)).context["chunks"]
    assert len(chunks) == 2
    response = page.get(chunks[0]["url"])
    assert 'id="step-25"' in response.content.decode()
    assert f"max-age={YEAR}" in response["Cache-Control"]


def test_chunks_of_traces_that_are_not_in_the_project_do_not_exist(page, project, tmp_path):
    other = make_project(tmp_path / "other", name="Other", traces=make_traces(1, steps=60))
    foreign = Item.objects.get(project=other).a_id
    address = page.get(url(project)).context["chunks"][0]["url"]
    own = Item.objects.get(project=project, position=0).a_id
    assert page.get(address.replace(f"/{own}/", f"/{foreign}/")).status_code == 404


@pytest.mark.parametrize(
    ("item", "number"), [("0", 1), ("99", 3), ("-1", 1), ("٢", 2), ("9" * 40, 3), (" 2 ", 2), ("", 1)]
)
def test_an_item_that_does_not_exist_is_the_nearest_one(page, project, item, number):
    response = page.get(url(project), {"item": item})
    assert response.context["place"]["number"] == number
    assert "aria-invalid" not in response.content.decode()


@pytest.mark.parametrize("item", ["1,000", "2.5", "x", "²", "9" * 5000])
def test_what_is_no_whole_number_is_no_item_and_is_said(page, project, item):
    content = page.get(url(project), {"item": item}).content.decode()
    assert re.search(r'role="alert">Enter a whole number.* This is item 1\.<', content)
    assert f'aria-describedby="preview-problem"\n               value="{item}"' in content


def test_a_project_without_traces_shows_a_sample(page, project, settings, tmp_path):
    settings.POTATO_HOME = tmp_path / "home"
    settings.POTATO_HOME.mkdir()
    mara = User.objects.get(username="mara")
    empty = create_project("Empty", "Nothing yet", presets()["per_step"].configure("x"), [], mara)
    # That they have seen it is kept of the person, once.
    page.get(url(empty))
    before = fingerprint()
    content = page.get(url(empty)).content.decode()
    assert "A sample trace" in content
    assert 'id="step-0"' in content
    assert fingerprint() == before


def test_it_says_when_comparisons_are_shown_as_long_as_there_is_no_pair(page, project, tmp_path):
    said = "Comparison questions are shown once two attempts at one issue are"
    assert said not in page.get(url(project)).content.decode()
    attempts = [make_trace(name, 3, issue_id="i") for name in ("a", "b")]
    pairwise = {"annotation_type": "pairwise", "name": "preference"}
    mara = User.objects.get(username="mara")
    for schemes, traces, sentence in (
        ([FIRST_ERROR, pairwise], attempts, f"{said} labeled."),
        ([pairwise], attempts[:1], f"{said} here."),
        ([pairwise], attempts, ""),
    ):
        name = f"Compared {len(schemes)} {len(traces)}"
        other = make_project(tmp_path / name, name=name, schemes=schemes, traces=traces)
        Membership.objects.create(project=other, user=mara, role="manager", source="admin")
        content = page.get(url(other)).content.decode()
        assert sentence in content
        assert (said in content) == bool(sentence)


def test_annotators_have_no_preview(client, project):
    client.force_login(User.objects.get(username="ann"))
    assert client.get(url(project)).status_code == 404


def test_a_draft_remembers_who_has_seen_it(page, project):
    def step():
        listed = page.get(f"/admin/p/{project.slug}/").context["checklist"]
        return next(one for one in listed if one.label == "See it as annotators will")

    Project.objects.filter(pk=project.pk).update(state=Project.State.DRAFT)
    assert not step().is_done
    page.get(url(project))
    assert step().is_done
    page.force_login(User.objects.create_superuser("root"))
    assert not step().is_done, "somebody else has"


def test_a_draft_that_screens_people_says_what_it_lacks(page, tmp_path):
    rules = {"screening": {"enabled": True, "items": 2}}
    screened = make_project(tmp_path / "screened", name="Screened", traces=make_traces(3), quality_control=rules)
    Membership.objects.create(project=screened, user=User.objects.get(username="mara"), role="manager", source="admin")
    Project.objects.filter(pk=screened.pk).update(state=Project.State.DRAFT)

    def step():
        listed = page.get(f"/admin/p/{screened.slug}/").context["checklist"]
        return next(one for one in listed if one.label.startswith("Known answers"))

    told = "A screening takes 2 items with a known answer. There"
    assert (step().note, step().is_done) == (f"{told} are 0: nobody new begins yet.", False)
    one, two = Item.objects.filter(project=screened)[:2]
    set_gold(screened, one, "outcome", {"": "resolved"}, user=User.objects.get(username="mara"))
    assert (step().note, step().is_done) == (f"{told} is 1: nobody new begins yet.", False)
    set_gold(screened, two, "outcome", {"": "resolved"}, user=User.objects.get(username="mara"))
    assert (step().note, step().is_done) == (f"{told} are 2.", True)
