"""A NUL in a query string: one answer everywhere, whatever the database."""

import pytest

from tests.api.calls import caller, problem
from tests.factory import make_project, person

pytestmark = pytest.mark.django_db
ADDRESSES = [
    "/admin/annotation/item/?project=%00", "/admin/annotation/item/?q=a%00b", "/admin/annotation/item/?%00=1",
    "/admin/annotation/assignment/?state__exact=%00", "/admin/annotation/membership/?role__exact=%00",
    "/admin/annotation/submission/?project=a%00", "/admin/jobs/job/?kind__exact=%00", "/admin/accounts/user/?q=%00",
    "/admin/accounts/auditentry/?q=%00", "/admin/p/{slug}/people/?q=%00", "/admin/p/{slug}/quality/?behind=%00",
    "/projects/{slug}/?x=%00", "/?next=%00", "/login/?next=%00",
]  # fmt: skip


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path)


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_says_that_it_was_not_understood(admin_client, project, address):
    response = admin_client.get(address.format(slug=project.slug))
    assert response.status_code == 400
    assert "was not understood" in response.content.decode()
    assert "no-store" in response["Cache-Control"]


def test_so_does_who_posts_and_who_is_not_signed_in(client, admin_client, project):
    for one in (client, admin_client):
        assert one.post(f"/projects/{project.slug}/next?x=%00").status_code == 400


def test_the_api_answers_with_a_problem(project):
    for address in (
        "projects?%00=1",
        f"projects/{project.slug}/items?trace=%00",
        "projects?limit=1%00",
        "no/such?x=%00",
    ):
        problem(caller(person("ann").username).get(address), 400, "malformed")


def test_what_only_looks_like_one_goes_through(admin_client, project):
    for text in ("%2500", "00", "%F0%9F%A5%94"):
        assert admin_client.get(f"/admin/annotation/item/?project={project.slug}&q={text}").status_code == 200
