"""Tokens: what lets a program in, how much it may, and what ends it."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from annotation.models import Membership
from potato_site.accounts.models import ApiToken, AuditEntry, User
from potato_site.api import tokens
from tests import factory
from tests.api.calls import Caller, caller, problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(tmp_path):
    return factory.make_project(tmp_path)


def test_a_token_lets_in_as_its_person(project):
    (found,) = caller("ann").get("projects").json()["results"]
    assert (found["slug"], found["roles"]) == (project.slug, ["annotator"])


def test_only_a_digest_of_the_secret_is_stored(project):
    token, secret = tokens.make(factory.person("ann"), scopes=["read"])
    row = ApiToken.objects.filter(pk=token.pk).values().get()
    assert not any(secret in str(value) for value in row.values())
    assert secret.startswith(row["prefix"])
    assert secret not in str(list(AuditEntry.objects.values()))


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer a b", "Bearer pts_unknown", "Basic YTpi", "Bearer \xff"])
def test_anything_else_is_401_and_says_what_is_needed(project, header):
    response = Caller()("GET", "projects", Authorization=header)
    problem(response, 401, "unauthenticated")
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_a_session_does_not_open_the_api(project):
    call = Caller()
    call.client.force_login(factory.person("ann"))
    problem(call.get("projects"), 401, "unauthenticated")


def test_an_expired_a_revoked_and_a_left_person_s_token_are_dead(project):
    ann = factory.person("ann")
    token, secret = tokens.make(ann, scopes=["read"])
    call = Caller(secret)
    assert call.get("projects").status_code == 200

    ApiToken.objects.update(expires_at=timezone.now())
    problem(call.get("projects"), 401, "unauthenticated")
    ApiToken.objects.update(expires_at=timezone.now() + timedelta(days=1))
    User.objects.filter(pk=ann.pk).update(is_active=False)
    problem(call.get("projects"), 401, "unauthenticated")
    User.objects.filter(pk=ann.pk).update(is_active=True)
    assert call.get("projects").status_code == 200

    tokens.revoke(token, ann)
    problem(call.get("projects"), 401, "unauthenticated")
    assert list(AuditEntry.objects.filter(action__startswith="token").values_list("action", flat=True)) == [
        "token.make", "token.revoke",
    ]  # fmt: skip


def test_a_scope_it_does_not_have_is_403_and_named(project):
    document = problem(caller("ann", "annotate").get("projects"), 403, "forbidden")
    assert "read" in document["detail"]


def test_rights_end_with_the_membership(project):
    call = caller("ann")
    Membership.objects.filter(user=factory.person("ann")).update(state=Membership.State.INACTIVE)
    assert call.get("projects").json()["results"] == []
    problem(call.get(f"projects/{project.slug}"), 404, "not-found")


def test_a_token_of_one_project_sees_no_other(tmp_path, project):
    other = factory.make_project(tmp_path / "other", name="Other")
    assert {row["slug"] for row in caller("ann").get("projects").json()["results"]} == {project.slug, other.slug}
    bound = caller("ann", project=project)
    assert [row["slug"] for row in bound.get("projects").json()["results"]] == [project.slug]
    problem(bound.get(f"projects/{other.slug}"), 404, "not-found")


@pytest.mark.parametrize(("scopes", "days"), [([], 90), (["read", "everything"], 90), (["read"], 0), (["read"], 367)])
def test_a_token_that_makes_no_sense_is_not_made(project, scopes, days):
    with pytest.raises(ValueError, match="a token"):
        tokens.make(factory.person("ann"), scopes=scopes, days=days)
    assert not ApiToken.objects.exists()


def test_the_command_prints_a_token_that_works(project, capsys):
    call_command("token", "ann", "--scope", "read,annotate", "--project", project.slug, "--days", "7", "--name", "bot")
    secret = capsys.readouterr().out.strip()
    assert Caller(secret).get(f"projects/{project.slug}").status_code == 200
    token = ApiToken.objects.get()
    assert (token.scope, token.project, token.name) == ("read annotate", project, "bot")
    assert timedelta(days=6) < token.expires_at - timezone.now() < timedelta(days=7)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nobody", "--scope", "read"], "no active user"),
        (["ann", "--scope", "all"], "scopes: read"),
        (["ann", "--scope", "read", "--days", "1000"], "days"),
        (["ann", "--scope", "read", "--project", "unknown"], "unknown"),
    ],
)
def test_the_command_says_what_is_wrong(project, words, said):
    with pytest.raises(CommandError, match=said):
        call_command("token", *words)
    assert not ApiToken.objects.exists()
