"""Every address below /api/v1/ for every kind of token: the table says what each gets.

``own`` is the annotator whose assignment the addresses name, ``manager`` manages their project.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from annotation.models import Membership
from potato_site.accounts.models import ApiToken, User
from potato_site.api import tokens
from potato_site.api.schema import document
from tests import factory
from tests.api.calls import ALL, Caller, caller
from tests.two_projects import Site, make_site, routes

CONFIG = """
project_name: x
data: {data_format: coding_trace}
annotation_schemes:
  - {annotation_type: radio, name: outcome, options: [a, b]}
"""
# Who calls, in the order of the rows below.
KINDS = (
    "own", "colleague", "manager", "viewer", "foreign_manager", "superuser", "read_only", "bound_here",
    "bound_elsewhere",
)  # fmt: skip
# Whatever the address, these get 401 (expired, revoked, its person inactive, none at all).
DEAD = ("expired", "revoked", "inactive", "none")

Body = Callable[[Site], Any]


def submit_body(_: Site) -> dict[str, Any]:
    ops = [factory.op(scheme, changes) for scheme, changes in factory.answers().items()]
    return {"op_id": uuid.uuid4().hex, "tab": "t", "version": 0, "ops": ops}


def ops_body(_: Site) -> dict[str, Any]:
    return {"ops": [factory.op("outcome", {"": "partial"})]}


def nothing(_: Site) -> dict[str, Any]:
    return {}


# (method, address, body) → one status per kind. Of read_only (the manager's, with the scope `read`), bound_here and
# bound_elsewhere (the owner's and the manager's, bound to a project) too.
TABLE: dict[tuple[str, str], tuple[Body, list[int]]] = {
    ("GET", "projects"): (nothing, [200] * 9),
    ("POST", "projects"): (
        lambda _: {"name": "New", "config": CONFIG}, [403, 403, 201, 403, 201, 201, 403, 403, 403],
    ),
    ("GET", "projects/{slug}"): (nothing, [200, 200, 200, 200, 404, 200, 200, 200, 404]),
    ("PATCH", "projects/{slug}"): (lambda _: {"state": "paused"}, [404, 404, 200, 404, 404, 200, 403, 404, 404]),
    ("GET", "projects/{slug}/config"): (nothing, [404, 404, 200, 200, 404, 200, 200, 404, 404]),
    ("PUT", "projects/{slug}/config"): (nothing, [404, 404, 428, 404, 404, 428, 403, 404, 404]),
    ("GET", "projects/{slug}/people"): (nothing, [404, 404, 200, 200, 404, 200, 200, 404, 404]),
    ("POST", "projects/{slug}/people"): (
        lambda _: {"people": [{"username": "zoe"}]}, [404, 404, 200, 404, 404, 200, 403, 404, 404],
    ),
    ("GET", "projects/{slug}/people/invitations"): (nothing, [404, 404, 200, 404, 404, 200, 403, 404, 404]),
    ("POST", "projects/{slug}/people/{membership_id}/pause"): (
        nothing, [404, 404, 200, 404, 404, 200, 403, 404, 404],
    ),
    ("POST", "projects/{slug}/people/{membership_id}/resume"): (
        nothing, [404, 404, 200, 404, 404, 200, 403, 404, 404],
    ),
    ("POST", "projects/{slug}/people/{membership_id}/group"): (
        lambda _: {"group": "rust"}, [404, 404, 200, 404, 404, 200, 403, 404, 404],
    ),
    ("GET", "projects/{slug}/assignments"): (nothing, [404, 404, 200, 200, 404, 200, 200, 404, 404]),
    ("GET", "projects/{slug}/items"): (nothing, [404, 404, 200, 200, 404, 200, 200, 404, 404]),
    ("GET", "projects/{slug}/items/{item_id}"): (nothing, [404, 404, 200, 200, 404, 200, 200, 404, 404]),
    ("PATCH", "projects/{slug}/items/{item_id}"): (
        lambda _: {"priority": 1}, [404, 404, 200, 404, 404, 200, 403, 404, 404],
    ),
    ("GET", "projects/{slug}/adjudications"): (nothing, [404, 404, 200, 404, 404, 200, 200, 404, 404]),
    # Nobody has answered it twice.
    ("POST", "projects/{slug}/adjudications/{item_id}"): (nothing, [404, 404, 409, 404, 404, 409, 403, 404, 404]),
    ("GET", "projects/{slug}/submissions"): (nothing, [404, 404, 200, 200, 404, 200, 200, 404, 404]),
    ("GET", "projects/{slug}/agreement"): (nothing, [404, 404, 200, 200, 404, 200, 200, 404, 404]),
    ("GET", "projects/{slug}/status"): (nothing, [404, 404, 200, 200, 404, 200, 200, 404, 404]),
    ("POST", "projects/{slug}/join"): (nothing, [200, 200, 200, 200, 404, 404, 403, 200, 404]),
    ("POST", "projects/{slug}/next"): (nothing, [200, 200, 200, 200, 404, 404, 403, 200, 404]),
    ("GET", "assignments/{public_id}"): (nothing, [200, 404, 404, 404, 404, 404, 403, 200, 404]),
    ("GET", "assignments/{public_id}/trace"): (nothing, [200, 404, 404, 404, 404, 404, 403, 200, 404]),
    ("POST", "assignments/{public_id}/operations"): (ops_body, [200, 404, 404, 404, 404, 404, 403, 200, 404]),
    ("POST", "assignments/{public_id}/submit"): (submit_body, [200, 404, 404, 404, 404, 404, 403, 200, 404]),
    ("POST", "assignments/{public_id}/seen"): (
        lambda _: {"seq": 1, "delta_ms": 5}, [200, 404, 404, 404, 404, 404, 403, 200, 404],
    ),
    ("POST", "assignments/{public_id}/skip"): (nothing, [200, 404, 404, 404, 404, 404, 403, 200, 404]),
    ("POST", "assignments/{public_id}/release"): (nothing, [200, 404, 404, 404, 404, 404, 403, 200, 404]),
    ("POST", "assignments/{public_id}/leave"): (nothing, [409, 404, 404, 404, 404, 404, 403, 409, 404]),
    ("POST", "assignments/{public_id}/reopen"): (nothing, [409, 404, 404, 404, 404, 404, 403, 409, 404]),
}  # fmt: skip
# Tried by tests of their own: tests/api/test_datasets.py, test_imports.py, test_exports.py, test_gold.py.
# Not in the description: what is about it, and the other spelling of an address.
ABOUT = ("api-schema", "api-docs", "api-unknown")
ELSEWHERE = ("datasets", "exports", "gold")

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])]


@pytest.fixture
def site(tmp_path, settings) -> Site:
    settings.POTATO_HOME = tmp_path / "site"
    return make_site(tmp_path)


@pytest.fixture
def callers(site) -> dict[str, Caller]:
    return {
        "own": caller("owner"),
        "colleague": caller("colleague"),
        "manager": caller("project_manager"),
        "viewer": caller("viewer"),
        "foreign_manager": caller("foreign_manager"),
        "superuser": caller("superuser"),
        "read_only": caller("project_manager", "read"),
        "bound_here": caller("owner", project=site.ours),
        "bound_elsewhere": caller("owner", project=site.theirs),
    }


def addresses() -> set[str]:
    """What follows /api/v1/ in every route of the API, parameters in braces."""
    found = {path.removeprefix("/api/v1/") for path in document()["paths"]}
    assert len(found) == len([name for name in routes() if name.startswith("api-")]) - len(ABOUT)
    return found


def test_the_table_has_every_address():
    elsewhere = {path for path in addresses() if any(word in path.split("/") for word in ELSEWHERE)}
    assert {path for _, path in TABLE} == addresses() - elsewhere


def filled(site: Site, path: str) -> str:
    assignment = site.assignment("owner")
    mine = Membership.objects.get(project=site.ours, user=assignment.annotator)
    known = {"public_id": assignment.public_id, "item_id": assignment.item_id, "membership_id": mine.pk}
    return path.format(slug=site.ours.slug, **known)


def status(site: Site, call: Caller, method: str, path: str, body: Body) -> int:
    """Of a call whose effects are undone."""
    with transaction.atomic():
        answer = call(method, filled(site, path), None if method == "GET" else body(site))
        transaction.set_rollback(True)
    if answer.status_code >= 400:
        assert answer["Content-Type"] == "application/problem+json"
    return answer.status_code


def test_everybody_gets_what_the_table_says(site, callers):
    found, wanted = {}, {}
    for (method, path), (body, statuses) in TABLE.items():
        found[method, path] = [status(site, callers[kind], method, path, body) for kind in KINDS]
        wanted[method, path] = statuses
    assert found == wanted


@pytest.mark.parametrize("kind", DEAD)
def test_a_dead_token_opens_nothing(site, kind):
    manager = User.objects.get(username="project_manager")
    token, secret = tokens.make(manager, scopes=ALL)
    call = Caller("" if kind == "none" else secret)
    if kind == "expired":
        ApiToken.objects.filter(pk=token.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    if kind == "revoked":
        tokens.revoke(token, manager)
    if kind == "inactive":
        User.objects.filter(pk=manager.pk).update(is_active=False)
    for method, path in TABLE:
        assert status(site, call, method, path, nothing) == 401, (method, path)


def test_what_is_foreign_is_in_no_list(site, callers):
    for kind, slugs in {"own": {"ours"}, "foreign_manager": {"theirs"}, "bound_elsewhere": set()}.items():
        rows = callers[kind].get("projects").json()["results"]
        assert {row["slug"] for row in rows} == slugs, kind
    text = json.dumps([callers["manager"].get(filled(site, path)).json() for _, path in TABLE if _ == "GET"])
    assert "stranger" not in text
    assert "Theirs" not in text
