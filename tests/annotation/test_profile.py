"""A person's own page: what is chosen has its effect, and belongs to nobody else."""

import json
import re

import pytest
from django.test import Client

from annotation import keymap
from annotation.assignments.handout import hand_out
from annotation.models import Project
from potato_site.accounts.links import link_path
from potato_site.accounts.models import ApiToken, User
from potato_site.api import tokens
from tests.factory import answers, make_project, person, submit_item

pytestmark = pytest.mark.django_db
PASSWORD = "seven green bottles"


@pytest.fixture
def project(tmp_path) -> Project:
    return make_project(tmp_path)


@pytest.fixture
def ann(project, client) -> User:
    user = person("ann")
    user.set_password(PASSWORD)
    user.save()
    client.force_login(user)
    return user


def keys(**changes: str) -> dict[str, str]:
    """The form of keys; ``j="q"`` presses q for what is set on j."""
    return {f"key-{n}": changes.get(key, key) for n, key in enumerate(keymap.KEYS)}


def page_state(client, project) -> dict:
    page = client.get(f"/label/{hand_out(project, person('ann')).assignment.public_id}/").content.decode()
    return json.loads(re.search(r'<script id="page-state"[^>]*>(.*?)</script>', page, re.DOTALL).group(1))


# --- theme, time zone, address -----------------------------------------------------------------------------


def test_the_theme_is_on_every_page_and_goes_when_unset(client, ann):
    client.post("/profile/", {"theme": "dark"})
    assert '<html lang="en" data-theme="dark">' in client.get("/").content.decode()
    client.post("/profile/", {"theme": ""})
    assert '<html lang="en">' in client.get("/").content.decode()


def test_times_are_shown_in_the_persons_zone(client, project, ann):
    submission = submit_item(project, "ann", answers(1))
    type(submission).objects.update(submitted_at="2026-01-02T23:30:00Z")
    assert "2026-01-03 08:30" not in (before := client.get(f"/projects/{project.slug}/").content.decode())
    client.post("/profile/", {"timezone": "Asia/Tokyo"})
    after = client.get(f"/projects/{project.slug}/").content.decode()
    assert ("23:30" in before, "08:30" in before) == (True, False)
    assert ("23:30" in after, "08:30" in after) == (False, True)


@pytest.mark.parametrize("data", [{"theme": '"><script>'}, {"timezone": "../../etc/passwd"}, {"email": "x"}])
def test_what_is_no_choice_is_refused(client, ann, data):
    response = client.post("/profile/", data)
    assert 'role="alert"' in response.content.decode()
    ann.refresh_from_db()
    assert (ann.preferences, ann.email) == ({}, "")


@pytest.mark.parametrize(("password", "email"), [(PASSWORD, "ann@lab.example"), ("wrong", ""), ("", "")])
def test_another_address_needs_the_password(client, ann, password, email):
    client.post("/profile/", {"email": "ann@lab.example", "password": password})
    ann.refresh_from_db()
    assert ann.email == email


def test_nothing_else_can_be_changed_here(client, ann):
    client.post("/profile/", {"theme": "dark", "is_superuser": "on", "username": "root", "preferences": "{}"})
    ann.refresh_from_db()
    assert (ann.is_superuser, ann.username, ann.preferences) == (False, "ann", {"theme": "dark"})


# --- keys --------------------------------------------------------------------------------------------------


def test_own_keys_reach_the_labeling_page_and_go_back(client, project, ann):
    client.post("/profile/keys/", keys(j="q"))
    assert page_state(client, project)["own_keys"] == {"j": "q", "q": "j"}
    client.post("/profile/keys/", {**keys(j="q"), "reset": "1"})
    assert page_state(client, project)["own_keys"] == {}


def test_other_choices_stay_when_keys_are_saved(client, ann):
    client.post("/profile/", {"theme": "dark"})
    client.post("/profile/keys/", keys(j="q"))
    ann.refresh_from_db()
    assert ann.preferences == {"theme": "dark", "keys": {"j": "q"}}


def test_two_actions_on_one_key_are_named(client, ann):
    page = client.post("/profile/keys/", keys(j="k")).content.decode()
    assert "“k” is also the key of “Previous step”." in page
    assert "“k” is also the key of “Next step”." in page
    ann.refresh_from_db()
    assert ann.preferences == {}


def test_two_actions_may_change_places(client, project, ann):
    client.post("/profile/keys/", keys(j="k", k="j"))
    assert page_state(client, project)["own_keys"] == {"j": "k", "k": "j"}


@pytest.mark.parametrize("bad", ["Enter", " \t", "g", "\x07", "<script>alert(1)</script>"])
def test_what_is_no_key_is_refused(client, ann, bad):
    page = client.post("/profile/keys/", keys(j=bad))
    ann.refresh_from_db()
    assert "j" not in ann.preferences.get("keys", {})
    assert "<script>alert" not in page.content.decode()


@pytest.mark.parametrize("stored", [{"j": "</script>"}, {"j": ["x"]}, {"j": "x", "k": "x"}, ["j"], "j", {"nope": "q"}])
def test_stored_keys_are_checked_again_before_they_reach_a_page(stored):
    assert keymap.moves(stored) == {}


@pytest.mark.parametrize(
    ("stored", "moves"),
    [({"j": "q"}, {"j": "q", "q": "j"}), ({"j": "k", "k": "q"}, {"j": "k", "k": "q", "q": "j"}), ({}, {})],
)
def test_no_action_loses_its_key(stored, moves):
    assert keymap.moves(stored) == moves
    assert sorted(moves) == sorted(moves.values())


# --- tokens ------------------------------------------------------------------------------------------------


def make_token(client, **more) -> str:
    data = {"name": "nightly", "scopes": ["read"], "days": 30, **more}
    return client.post("/profile/tokens/", data).content.decode()


def test_a_token_is_shown_once_and_works(client, ann):
    secret = re.search(r"pts_[\w-]{43}", make_token(client)).group(0)
    assert tokens.authenticate(secret).user == ann
    page = client.get("/profile/").content.decode()
    assert "nightly" in page
    assert secret not in page


def test_who_came_by_a_link_sets_a_password_before_making_a_token(ann):
    """Who makes a link for somebody must not keep a token that its person does not know of."""
    client = Client()
    client.post(link_path(ann))
    data = {"name": "nightly", "scopes": ["read"], "days": 30}
    assert client.post("/profile/tokens/", data).headers["Location"] == "/password/"
    assert not ApiToken.objects.exists()
    client.post("/password/", {"new_password1": "eight brown bottles", "new_password2": "eight brown bottles"})
    assert "pts_" in make_token(client)


def test_a_token_is_for_own_projects_only(client, project, ann):
    Project.objects.create(slug="other", name="Other project", dataset=project.dataset)
    other = Project.objects.get(slug="other")
    assert "Other project" not in client.get("/profile/").content.decode()
    make_token(client, project=other.pk)
    assert not ApiToken.objects.exists()
    make_token(client, project=project.pk)
    assert ApiToken.objects.get().project == project


def test_a_token_is_revoked_by_its_owner_only(client, ann):
    secret = re.search(r"pts_[\w-]{43}", make_token(client)).group(0)
    token = ApiToken.objects.get()
    bob = Client()
    bob.force_login(person("bob"))
    assert bob.post(f"/profile/tokens/{token.pk}/").status_code == 404
    assert tokens.authenticate(secret) is not None
    client.post(f"/profile/tokens/{token.pk}/")
    assert tokens.authenticate(secret) is None
