"""Every route, for everybody, by every method: the table in url_matrix.toml is the whole truth about who gets what."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from fnmatch import fnmatchcase
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.test import Client

from tests.two_projects import ROLES, Site, address, fingerprint, routes, site_for_a_module
from tests.url_bodies import request_of

TABLE = tomllib.loads((Path(__file__).parent / "url_matrix.toml").read_text())
NAMES = sorted(routes())
METHODS = ("GET", "POST", "HTMX")
MORE_METHODS = ("PUT", "PATCH", "DELETE")
POLICY = {
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'",
    "connect-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
}  # fmt: skip
# The pages of the admin that look rows up, and how an address names the project they shall be of.
OF_ROWS = [name for name in NAMES if re.fullmatch(r"admin:\w+_(changelist|change|history)", name)]
BY_PROJECT = ("project={0.slug}", "project={0.pk}", "project__id__exact={0.pk}")
# One of each kind: what a reading writes does not depend on whose project it is.
READERS = ("anonymous", "owner", "project_manager", "superuser")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def areas() -> dict[str, list[str]]:
    """The routes in groups that are tried together: one for each list of the admin, else by the name's first word."""
    found = defaultdict(list)
    for name in NAMES:
        match = re.match(r"admin:[a-z]+_[a-z]+(?=_)|[a-z]+", name)
        assert match is not None, name
        found[match[0]].append(name)
    return dict(found)


AREAS = areas()


@pytest.fixture(scope="module")
def stage(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[Site]:
    yield from site_for_a_module(tmp_path_factory.mktemp("stage"), django_db_blocker)


@pytest.fixture
def site(stage, db) -> Site:
    return stage


@pytest.fixture(scope="module")
def signed_in(stage, django_db_blocker) -> dict[str, Client]:
    made = {role: Client() for role in ROLES}
    with django_db_blocker.unblock():
        for role, client in made.items():
            stage.sign_in(client, role)
    return made


@pytest.fixture
def clients(site, signed_in) -> Iterator[dict[str, Client]]:
    """Signed in once for all tests: what one does to its session is undone with its other rows."""
    before = {role: copy_of(client.cookies) for role, client in signed_in.items()}
    yield signed_in
    for role, client in signed_in.items():
        client.cookies = before[role]


def copy_of(cookies: SimpleCookie) -> SimpleCookie:
    return SimpleCookie(cookies.output(header="", sep=";"))


def patterns_of(name: str) -> list[str]:
    return [pattern for pattern in TABLE["patterns"] if fnmatchcase(name, pattern)]


def row_of(name: str) -> dict[str, Any]:
    own = TABLE["routes"].get(name)
    return own if own is not None else TABLE["patterns"][patterns_of(name)[0]]


def path_of(site: Site, name: str) -> str:
    return address(site, name) + row_of(name).get("query", "")


def send(site: Site, client: Client, method: str, path: str, name: str) -> HttpResponse:
    if method == "GET":
        return client.get(path)
    headers = {"HX-Request": "true"} if method == "HTMX" else {}
    verb = "post" if method == "HTMX" else method.lower()
    return getattr(client, verb)(path, headers=headers, **request_of(site, name))


def responses(
    site: Site, clients: dict[str, Client], name: str, methods: tuple[str, ...]
) -> dict[tuple[str, str], HttpResponse]:
    """(method, role) → answer. Nothing an answer did is left for the next one."""
    found, path = {}, path_of(site, name)
    for method in methods:
        for role in ROLES:
            client, cookies = clients[role], copy_of(clients[role].cookies)
            with transaction.atomic():
                found[method, role] = send(site, client, method, path, name)
                transaction.set_rollback(True)
            client.cookies = cookies
    return found


def expected(row: dict[str, Any], method: str) -> list[int]:
    statuses = row.get(method, row["POST"]) if method == "HTMX" else row[method]
    return statuses if isinstance(statuses, list) else [statuses] * len(ROLES)


def test_the_table_has_every_route_and_no_other():
    assert list(ROLES) == TABLE["roles"]
    assert set(TABLE["routes"]) - set(NAMES) == set(), "rows without a route"
    undecided = {name: patterns_of(name) for name in NAMES if name not in TABLE["routes"]}
    assert {name: found for name, found in undecided.items() if len(found) != 1} == {}, "routes without exactly one row"
    assert {pattern for found in undecided.values() for pattern in found} == set(TABLE["patterns"])


@pytest.mark.slow
@pytest.mark.parametrize("area", sorted(AREAS))
def test_everybody_gets_what_the_table_says_with_the_headers_that_protect_it(site, clients, area):
    for name in AREAS[area]:
        row = row_of(name)
        methods = METHODS + tuple(method for method in MORE_METHODS if method in row)
        found = responses(site, clients, name, methods)
        statuses = {method: [found[method, role].status_code for role in ROLES] for method in methods}
        assert statuses == {method: expected(row, method) for method in methods}, name
        for key, response in found.items():
            is_protected(response, row.get("cache") == "immutable", (name, *key))


def is_protected(response: HttpResponse, immutable: bool, where: tuple[str, ...]) -> None:
    assert set(response["Content-Security-Policy"].split("; ")) == POLICY, where
    assert {header: response.get(header) for header in HEADERS} == HEADERS, where
    wanted = "immutable" if immutable and response.status_code == 200 else "no-store"
    directives = {part.strip() for part in response.get("Cache-Control", "").split(",")}
    assert {wanted, "private"} <= directives, where


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.parametrize("name", OF_ROWS)
def test_an_address_that_names_the_project_shows_nobody_more(site, clients, name):
    path = address(site, name)
    for role, client in clients.items():
        plain = client.get(path)
        for query in BY_PROJECT:
            named = client.get(f"{path}?{query.format(site.ours)}")
            if name.endswith("_changelist"):
                assert rows_of(named) <= rows_of(plain), (role, query)
            else:
                assert named.status_code == plain.status_code, (role, query)


def rows_of(response: HttpResponse) -> set[int]:
    """The rows a list shows; none where it does not know such a filter."""
    return {row.pk for row in response.context["cl"].result_list} if response.status_code == 200 else set()


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.parametrize("role", ["owner", "project_manager", "superuser"])
def test_a_method_that_is_not_in_the_table_changes_nothing(site, clients, role):
    paths = {name: path_of(site, name) for name in NAMES}
    before = fingerprint()
    for name, path in paths.items():
        for method in MORE_METHODS:
            if method not in row_of(name):
                send(site, clients[role], method, path, name)
    assert fingerprint() == before


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.parametrize("role", ["anonymous", "owner", "project_manager", "superuser"])
def test_no_unsafe_request_passes_without_a_token(site, role):
    client = Client(enforce_csrf_checks=True)
    site.sign_in(client, role)
    paths = {name: path_of(site, name) for name in NAMES}
    before = fingerprint()
    for name, path in paths.items():
        # A program that says who it is by no cookie needs no such token: it is asked for its own.
        refused = {401, 403} if path.startswith("/api/") else {403}
        refused |= {404} if name == "api-unknown" else set()
        for method in ("post", "put", "patch", "delete"):
            assert getattr(client, method)(path).status_code in refused, (name, method)
    assert fingerprint() == before


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.parametrize("area", sorted(AREAS))
def test_a_get_changes_nothing(site, clients, area):
    paths = [path_of(site, name) for name in AREAS[area]]
    before = fingerprint()
    for path in paths:
        for role in READERS:
            clients[role].get(path)
        clients["superuser"].head(path)
    assert fingerprint() == before
