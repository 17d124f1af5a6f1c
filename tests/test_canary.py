"""Hostile text in every field of traces, configuration and answers: read as text, and by those who may read it."""

from __future__ import annotations

import gzip
import json
import uuid
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from annotation.models import Assignment
from annotation.projects.revisions import config_of
from tests import factory
from tests.canaries import MARK, OWN_KEYS, Canaries, Page
from tests.two_projects import ROLES, Site, address, fingerprint, make_site, routes

# Role → whose marks it may read. A superuser may read all.
MAY_READ = {
    "anonymous": "", "owner": "our", "colleague": "our", "stranger": "their", "project_manager": "our",
    "foreign_manager": "their", "viewer": "our", "adjudicator": "our",
}  # fmt: skip
# An invitation tells whoever holds it what they are invited to: the project's name.
INVITES = {"join", "invitation-answer"}
READS_TRACES = {"owner", "colleague", "stranger"}


@pytest.fixture
def planted() -> dict[str, Canaries]:
    return {"our": Canaries("our"), "their": Canaries("their")}


@pytest.fixture
def site(db, tmp_path, planted) -> Site:
    # One of the two shows a plain record by a layout, the other by its fields.
    ours = {**hostile(planted["our"]), "html_layout": planted["our"].layout()}
    return make_site(tmp_path, ours, hostile(planted["their"]))


@pytest.fixture
def answered(site, planted) -> Site:
    for role in sorted(READS_TRACES):
        answer(site, role, planted[MAY_READ[role]])
    return site


def hostile(canaries: Canaries) -> dict[str, Any]:
    return {
        "name": canaries.text("project name"),
        "traces": canaries.documents(),
        "schemes": canaries.schemes(),
    }


def answer(site: Site, role: str, canaries: Canaries) -> None:
    """Submit the first item, so that pages show it as done; save on the next, all with hostile answers."""
    client = Client()
    site.sign_in(client, role)
    for submits in (True, False):
        public_id = site.assignment(role).public_id
        ops = [factory.op(scheme, changes) for scheme, changes in answers(site, role, canaries).items()]
        if submits:
            payload = {"op_id": uuid.uuid4().hex, "tab": "tab", "version": 0, "ops": ops}
            response = client.post(reverse("label-submit", args=[public_id]), {"payload": json.dumps(payload)})
        else:
            response = client.post(reverse("label-ops", args=[public_id]), {"ops": json.dumps(ops)})
        assert response.status_code == 200, response.content


def answers(site: Site, role: str, canaries: Canaries) -> dict[str, dict[str, Any]]:
    config = config_of(site.assignment(role).revision_id)
    outcome = next(scheme for scheme in config.annotation_schemes if scheme.name == "outcome")
    return {
        "steps": {"0": {"label": "incorrect", "reason": canaries.text(f"answer of {role}")}},
        "outcome": {"": outcome.choices[0]["value"]},
        "notes": {"": canaries.text(f"answer of {role}")},
        "more": {"": canaries.text(f"answer of {role}")},
    }


def body_of(response: HttpResponse) -> str:
    if response.streaming and not hasattr(response, "sent"):
        # A stream is read once.
        response.sent = response.getvalue()
    sent = response.sent if response.streaming else response.content
    return (gzip.decompress(sent) if response.get("Content-Encoding") == "gzip" else sent).decode()


def page_of(response: HttpResponse) -> Page:
    """What a browser makes of it. Kept: whoever crawls looks at it for its links, and a test for what is in it."""
    if not hasattr(response, "page"):
        response.page = Page(body_of(response))
    return response.page


def crawl(client: Client, starts: list[str]) -> dict[str, HttpResponse]:
    """Every page that can be reached by following links, forms left alone."""
    found: dict[str, HttpResponse] = {}
    waiting = list(starts)
    while waiting:
        path = waiting.pop()
        if path in found or path.startswith("/static/"):
            continue
        response = found[path] = client.get(path)
        if "Location" in response:
            waiting.append(urljoin(path, response["Location"]))
        if response["Content-Type"].startswith("text/html"):
            links = [urlsplit(urljoin(path, link)) for link in page_of(response).links]
            waiting += [link._replace(fragment="").geturl() for link in links if not link.netloc and _is_new(link)]
    return found


def _is_new(link: SplitResult) -> bool:
    """A list of the admin links to itself by every filter and order: a narrower view of what it shows unfiltered."""
    return not (link.path.startswith("/admin/") and link.query)


def starts(site: Site) -> list[str]:
    """Every address of both projects, with what somebody might put behind it to see more."""
    paths = []
    for role in ("owner", "stranger"):
        slug = site.assignment(role).project.slug
        more = f"?project={slug}&ordering=-id&item__project=1&next=/projects/{slug}/"
        for name in sorted(set(routes()) - INVITES):
            path = address(site, name, role)
            paths += [path, path + more]
            if name.startswith("admin:") and name.endswith("_changelist"):
                paths += [f"{path}?{key}={slug}" for key in ("project", "project__id__exact", "q", "person")]
        done = Assignment.objects.get(annotator__username=role, state=Assignment.State.SUBMITTED)
        paths.append(reverse("label", args=[done.public_id]))
    return paths


def pages(site: Site, role: str) -> dict[str, HttpResponse]:
    """Everything this role finds. Reading it must change nothing, or a link in a trace could."""
    client, paths = Client(), starts(site)
    site.sign_in(client, role)
    before = fingerprint()
    found = crawl(client, paths)
    assert fingerprint() == before
    return found


# The twins of an annotator and of a manager find what those find.
CRAWLERS = [role for role in ROLES if role not in ("colleague", "foreign_manager")]


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.parametrize("role", CRAWLERS)
def test_what_each_role_finds_is_inert_and_theirs(answered, planted, role):
    """Every page once, for all that must hold of it: a crawl is long."""
    found = pages(answered, role)
    for path, response in found.items():
        holds_no_payload(path, response)
        if role in MAY_READ:
            holds_nothing_foreign(answered, path, response, MAY_READ[role])
    if role in READS_TRACES:
        gives_nothing_away(found, planted[MAY_READ[role]])


def holds_no_payload(path: str, response: HttpResponse) -> None:
    """No payload becomes an element or an attribute."""
    if response["Content-Type"].startswith("text/html"):
        assert page_of(response).problems == [], path
    else:
        assert response["X-Content-Type-Options"] == "nosniff"
    if response["Content-Type"].startswith("text/css"):
        assert not MARK.search(body_of(response))


def holds_nothing_foreign(site: Site, path: str, response: HttpResponse, own: str) -> None:
    """Nobody reads a word of a project that is not theirs."""
    # What the asker put into the address may come back to them.
    sent = f"{body_of(response)}\n{response.headers}"
    for slug in (site.ours.slug, site.theirs.slug):
        sent = sent.replace(slug, "")
    leaks = {mark for mark in MARK.findall(sent) if mark[1:].rstrip("z0123456789") != own}
    assert leaks == set(), path


def gives_nothing_away(found: dict[str, HttpResponse], canaries: Canaries) -> None:
    """Agent, model, cost, patch and keys we do not know reach no annotator: they could give away the answer."""
    hidden = canaries.marks("hidden")
    sent = "".join(body_of(response) for response in found.values())
    assert {canaries.places[mark] for mark in MARK.findall(sent) if mark in hidden} == set()


@pytest.mark.parametrize("role", sorted(READS_TRACES))
def test_an_annotator_reads_every_payload_as_it_was_written(site, planted, role):
    canaries = planted[MAY_READ[role]]
    read = {mark for body in bodies_of_every_item(site, role) for mark in Page(body).literal_marks()}
    steps = [f"{kind}.{key}" for kind, keys in OWN_KEYS.items() for key in (*keys, "output")]
    config = ["config.label", "config.description", "config.option", "config.placeholder"]
    record = ["record.text"] if role != "stranger" else ["record."]
    wanted = canaries.marks("issue_description", "project name", *record, *steps, *config)
    assert sorted({canaries.places[mark] for mark in wanted - read}) == []


def bodies_of_every_item(site: Site, role: str) -> list[str]:
    """The pages of one item after the other, each skipped after reading."""
    client, found = Client(), {}
    site.sign_in(client, role)
    path = reverse("label", args=[site.assignment(role).public_id])
    while path.startswith("/label/"):
        found |= crawl(client, [path])
        path = client.post(f"{path}skip").url
    return [body_of(response) for response in found.values() if response["Content-Type"].startswith("text/html")]


@pytest.mark.parametrize(
    "leak",
    ["<p>{}</p>", '<p title="{}">x</p>', "<p title={}>x</p>", "<script type='application/json'>{}</script>",
     "<textarea>{}</textarea>", "<a href='javascript:{}'>x</a>", "<div hx-get='{}'>x</div>", "<!-- {} -->"],
)  # fmt: skip
def test_the_reader_of_these_tests_notices_every_way_out(leak):
    assert Page(leak.format(Canaries("our").text("here"))).problems


def test_the_reader_of_these_tests_sees_what_is_escaped():
    payload = Canaries("our").text("here")
    page = Page(f'<p title="{escape(payload)}">{escape(payload)}</p>')
    assert (page.problems, page.literal_marks()) == ([], {"qour0000z"})
