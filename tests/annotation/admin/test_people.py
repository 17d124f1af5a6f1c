"""The people of a project in the admin: who is there, what a manager does with them, how others come in."""

import csv
import io
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from annotation.admin import people as people_page
from annotation.models import Invitation, Membership, Project
from annotation.projects import invitations, people_csv
from annotation.quality import statistics
from potato_site.accounts.models import AuditEntry, User
from tests.factory import answers, make_project, person, submit_item

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
Role, State = Membership.Role, Membership.State
PASSWORD = "seven green bottles"


@pytest.fixture
def project(tmp_path) -> Project:
    return make_project(tmp_path)


def member_of(project, name: str, role: str = Role.MANAGER) -> User:
    user = User.objects.create_user(name, password=PASSWORD)
    Membership.objects.create(project=project, user=user, role=role, source=Membership.Source.ADMIN)
    return user


@pytest.fixture
def boss(project, client) -> User:
    user = member_of(project, "boss")
    client.force_login(user)
    return user


def page(project, *parts: str) -> str:
    return "/".join([f"/admin/p/{project.slug}/people", *parts]) + ("" if parts and "." in parts[-1] else "/")


def do(client, project, name: str, **data: str):
    found = Membership.objects.get(project=project, user__username=name)
    return client.post(page(project, str(found.pk)), data, follow=True).content.decode()


def add(client, project, text: str, **more):
    return client.post(page(project, "invite"), {"people": text, **more}, follow=True)


def test_a_project_that_takes_everybody_shows_where(client, tmp_path):
    project = make_project(tmp_path, allow_all_users=True)
    member_of(project, "boss")
    client.force_login(User.objects.get(username="boss"))
    text = client.get(page(project)).content.decode()
    assert f"/projects/{project.slug}/register/" in text
    assert "once the project is open" not in text
    Project.objects.filter(pk=project.pk).update(state=Project.State.CLOSED)
    assert "once the project is open" in client.get(page(project)).content.decode()


def test_a_project_of_named_people_shows_no_address_to_register_at(boss, client, project):
    response = client.get(page(project))
    assert response.status_code == 200
    assert "/register/" not in response.content.decode()


# --- members -----------------------------------------------------------------------------------------------


def submitted(client, project, name: str) -> str:
    row = re.search(rf'<th scope="row">{name}</th>.*?people-number">(\d+)<', client.get(page(project)).text, re.S)
    return row[1]


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_submissions_are_counted_at_once_and_in_a_large_project_when_the_others_are(client, project, boss, monkeypatch):
    submit_item(project, "ann", answers())
    assert (submitted(client, project, "ann"), submitted(client, project, "bob")) == ("1", "0")
    monkeypatch.setattr(people_page, "COUNTED_AT_ONCE", 0)
    assert submitted(client, project, "ann") == "1"
    project.refresh_from_db()
    statistics.compute(project)
    assert ">counted" not in client.get(page(project)).text
    submit_item(project, "ann", answers())
    assert submitted(client, project, "ann") == "1"
    assert ">counted just now</span>" in client.get(page(project)).text
    project.refresh_from_db()
    statistics.compute(project)
    assert submitted(client, project, "ann") == "2"


def test_the_page_names_the_members_and_what_they_are(client, project, boss):
    text = client.get(page(project)).content.decode()
    for part in ("ann", "bob", "boss", "Annotator", "Manager"):
        assert part in text


def test_it_leads_to_the_list_where_many_are_changed(client, project, boss):
    text = client.get(page(project)).content.decode()
    address = re.search(r'href="([^"]*)">As a list<', text)[1]
    found = client.get(address)
    assert {row.user.username for row in found.context["cl"].result_list} >= {"ann", "bob", "boss"}
    assert "By whether the labels are left out" in " ".join(found.content.decode().split())


def test_a_member_is_paused_and_resumed(client, project, boss):
    assert "Paused" in do(client, project, "ann", action="pause")
    assert Membership.objects.get(user__username="ann").stage == "paused"
    do(client, project, "ann", action="resume")
    assert Membership.objects.get(user__username="ann").stage == "production"


def test_after_a_change_the_others_that_were_looked_for_are_still_shown(client, project, boss):
    text = client.get(page(project), {"q": "ann", "from": "", "page": "1"}).content.decode()
    address = re.search(r'action="([^"]*/people/\d+/[^"]*)"', text)[1].replace("&amp;", "&")
    response = client.post(address, {"action": "pause"}, follow=True)
    assert response.redirect_chain == [(f"{page(project)}?q=ann&page=1", 302)]
    assert [row.user.username for row in response.context["members"]] == ["ann"]


def test_a_member_gets_a_limit_of_items_and_loses_it(client, project, boss):
    assert "the limit of ann is 1,200" in do(client, project, "ann", action="set-limit", items="1200")
    ann = Membership.objects.get(user__username="ann")
    assert ann.caps == {"items": 1200}
    text = client.get(page(project)).content.decode()
    assert "at most 1,200 items" in text
    assert re.search(rf'id="limit-{ann.pk}"[^>]*value="1200"', text)
    assert "ann has the project&#x27;s own limit" in do(client, project, "ann", action="set-limit", items="")
    assert Membership.objects.get(user__username="ann").caps == {}
    entries = AuditEntry.objects.filter(action="people.limit").order_by("pk")
    assert [(entry.user, entry.after["caps"]) for entry in entries] == [(boss, {"items": 1200}), (boss, {})]


@pytest.mark.parametrize(("name", "items", "says"), [("ann", "-1", "greater than"), ("ann", "x", "whole number"),
                                                     ("ann", "1,5", "Enter a whole number, without commas"),
                                                     ("boss", "5", "Only an annotator has a limit")])  # fmt: skip
def test_a_limit_that_is_none_is_refused_in_words(client, project, boss, name, items, says):
    assert says in do(client, project, name, action="set-limit", items=items)
    assert Membership.objects.get(user__username=name).caps == {}


def test_a_member_gets_a_group_whatever_it_is_called(client, project, boss):
    assert "in the group “{name} &amp; co”" in do(client, project, "ann", action="set-group", group="{name} & co")
    assert Membership.objects.get(user__username="ann").group == "{name} & co"
    assert "ann is in no group" in do(client, project, "ann", action="set-group", group="")
    assert Membership.objects.get(user__username="ann").group == ""


def test_a_member_is_removed_taken_back_excluded_and_included(client, project, boss):
    do(client, project, "ann", action="remove")
    assert Membership.objects.get(user__username="ann").state == State.INACTIVE
    do(client, project, "ann", action="return")
    assert Membership.objects.get(user__username="ann").state == State.ACTIVE
    assert "labels left out" in do(client, project, "ann", action="exclude")
    assert "labels left out" not in do(client, project, "ann", action="include")


def test_a_member_gets_another_role(client, project, boss):
    do(client, project, "ann", action="role", role=Role.VIEWER)
    assert Membership.objects.get(user__username="ann", role=Role.VIEWER).state == State.ACTIVE


def test_the_last_manager_stays_and_the_page_says_why(client, project, boss):
    Membership.objects.filter(user__username="manager").delete()
    assert "no manager left" in do(client, project, "boss", action="remove")
    assert Membership.objects.get(user=boss).state == State.ACTIVE


@pytest.mark.parametrize("data", [{"action": "king"}, {}, {"action": "role", "role": "superuser"}])
def test_an_unknown_change_changes_nothing(client, project, boss, data):
    before = list(Membership.objects.order_by("pk").values())
    do(client, project, "ann", **data)
    assert list(Membership.objects.order_by("pk").values()) == before


def test_nobody_becomes_staff_here(client, project, boss):
    do(client, project, "ann", action="role", role=Role.VIEWER, is_superuser="on", is_staff="on", groups="1")
    assert not User.objects.filter(is_superuser=True).exclude(username="manager").exists()
    assert not person("ann").is_staff


def test_people_are_found_by_name(client, project, boss):
    text = client.get(page(project), {"q": "AN"}).content.decode()
    rows = re.findall(r'<th scope="row">([^<]+)</th>', text)
    assert rows == ["ann", "manager"]


def test_many_members_cost_as_many_queries_as_few(client, project, boss, django_assert_num_queries):
    def cost() -> int:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as seen:
            assert client.get(page(project)).status_code == 200
        return len(seen)

    client.get(page(project))
    few = cost()
    for number in range(30):
        member_of(project, f"m{number}", Role.ANNOTATOR)
        invitations.invite(project, Role.ANNOTATOR, boss, username=f"n{number}")
    assert cost() <= few + 2, "one more look at the maker of the links"


# --- log-in links ------------------------------------------------------------------------------------------


def test_a_manager_hands_a_link_to_a_person_of_the_project(client, project, boss):
    text = do(client, project, "ann", action="login-link")
    path = re.search(r"http://testserver(/login-link/[^\"]+)", text).group(1)
    visitor = Client()
    visitor.post(path)
    assert visitor.get("/").context["user"] == person("ann")
    assert path not in client.get(page(project)).content.decode()
    assert AuditEntry.objects.filter(action="people.login_link", user=boss).exists()


@pytest.mark.parametrize("why", ["made elsewhere", "shared", "asked elsewhere", "staff", "superuser", "removed"])
def test_nobody_takes_over_an_account_that_is_not_only_of_this_project(client, project, boss, why):
    ann = person("ann")
    other = Project.objects.create(slug="other", name="Other", dataset=project.dataset)
    if why == "made elsewhere":
        User.objects.filter(pk=ann.pk).update(created_by_project=other)
    elif why in ("shared", "asked elsewhere"):
        state = State.ACTIVE if why == "shared" else State.INVITED
        Membership.objects.create(project=other, user=ann, role=Role.ANNOTATOR, source="admin", state=state)
    elif why == "removed":
        Membership.objects.filter(user=ann).update(state=State.INACTIVE)
    else:
        User.objects.filter(pk=ann.pk).update(**{f"is_{why}": True})
    text = do(client, project, "ann", action="login-link")
    assert "/login-link/" not in text
    assert "reset by mail only" in text


def test_a_link_ends_when_its_person_joins_another_project(client, project, boss):
    visitor = Client()
    visitor.force_login(person("ann"))
    text = do(client, project, "ann", action="login-link")
    path = re.search(r"http://testserver(/login-link/[^\"]+)", text).group(1)
    other = Project.objects.create(slug="other", name="Other", dataset=project.dataset)
    link = invitations.invite(other, Role.ANNOTATOR, person("manager"))[1]
    assert Client().get(path).status_code == 200
    visitor.post(link)
    assert Client().post(path).status_code == 410


# --- adding ------------------------------------------------------------------------------------------------


def test_a_list_is_shown_first_and_carried_out_on_the_second_press(client, project, boss):
    User.objects.create_user("dora")
    text = add(client, project, "carol\ndora,,viewer\nbad name\n").content.decode()
    for part in ("gets a link to join as annotator", "is asked on the home page", "cannot be a user name", "Line 3"):
        assert part in text
    assert not Invitation.objects.exists()
    text = add(client, project, "carol\ndora,,viewer\nbad name\n", confirm="1").content.decode()
    assert "1 got a link" in text
    assert "line 3" in text
    assert Membership.objects.get(user__username="dora").state == State.INVITED
    path = re.search(r'value="http://testserver(/join/[^"]+)"', text).group(1)
    assert Client().get(path).status_code == 200


def test_a_file_of_a_spreadsheet_is_read(client, project, boss):
    data = "\ufeffRole;E-Mail;Name\r\nviewer;c@lab.example;carol\r\n;;dora\r\n".encode()
    response = client.post(page(project, "invite"), {"file": SimpleUploadedFile("p.csv", data), "role": "adjudicator"})
    entries = [outcome.entry for outcome in response.context["planned"]]
    assert [(e.username, e.email, e.role, e.line) for e in entries] == [
        ("carol", "c@lab.example", "viewer", 2),
        ("dora", "", "adjudicator", 3),
    ]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\xff\xfe\x00c", "no UTF-8"),
        (b"", "at least one"),
        (b"carol\n" * 501, "at most 500"),
        (b"x" * 200_001, "longer than"),
    ],
)
def test_a_file_that_is_no_list_says_what_is_wrong(client, project, boss, data, says):
    response = client.post(page(project, "invite"), {"file": SimpleUploadedFile("p.csv", data), "confirm": "1"})
    assert response.status_code == 200
    assert says in response.content.decode()
    assert not Invitation.objects.exists()


def test_a_hostile_list_is_shown_as_text(client, project, boss):
    text = add(client, project, '"<script>alert(1)</script>",x,"<b>"').content.decode()
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;" in text


def test_the_links_come_as_a_file_that_a_spreadsheet_takes_for_text(client, project, boss):
    invitations.invite(project, Role.ANNOTATOR, boss, email="=cmd@lab.example")
    _, path = invitations.invite(project, Role.VIEWER, boss, username="carol")
    revoked, _ = invitations.invite(project, Role.VIEWER, boss, username="dora")
    invitations.revoke(revoked, boss)
    response = client.post(page(project, "links.csv"))
    rows = list(csv.reader(io.StringIO(response.content.decode())))
    assert rows[0] == ["username", "email", "role", "link"]
    assert rows[1][1] == "'=cmd@lab.example"
    assert rows[2] == ["carol", "", "viewer", f"http://testserver{path}"]
    assert len(rows) == 3
    assert client.get(page(project, "links.csv")).status_code == 405


def test_every_dangerous_beginning_is_disarmed():
    text = people_csv.write(["a"], [[f"{sign}1"] for sign in people_csv.FORMULA])
    cells = [row[0] for row in csv.reader(io.StringIO(text, newline=""))][1:]
    assert all(cell.startswith("'") for cell in cells)


def test_a_link_without_a_name_is_made_shown_and_revoked(client, project, boss):
    text = client.post(page(project, "link"), {"role": Role.VIEWER}, follow=True).content.decode()
    path = re.search(r'value="http://testserver(/join/[^"]+)"', text).group(1)
    text = client.post(page(project, "links", str(Invitation.objects.get().pk)), follow=True).content.decode()
    assert "Revoked" in text
    assert path not in text
    assert Client().get(path).status_code == 410


# --- who may what ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ADJUDICATOR])
def test_who_only_looks_sees_members_and_no_link_and_changes_nothing(client, project, boss, role):
    path = invitations.invite(project, Role.ANNOTATOR, boss)[1]
    client.force_login(member_of(project, "looker", role))
    text = client.get(page(project)).content.decode()
    assert "ann" in text
    assert path not in text
    assert 'value="remove"' not in text
    ann = Membership.objects.get(user__username="ann")
    for address in (
        page(project, "invite"),
        page(project, "link"),
        page(project, "links.csv"),
        page(project, str(ann.pk)),
    ):
        assert client.post(address, {"action": "remove", "people": "x", "confirm": "1"}).status_code == 404
    ann.refresh_from_db()
    assert ann.state == State.ACTIVE


def test_the_members_and_links_of_another_project_do_not_exist_here(client, project, boss):
    other = Project.objects.create(slug="other", name="Other", dataset=project.dataset)
    stranger = member_of(other, "stranger")
    foreign = Membership.objects.get(user=stranger)
    link = invitations.invite(other, Role.ANNOTATOR, stranger)[0]
    assert client.post(page(project, str(foreign.pk)), {"action": "remove"}).status_code == 404
    assert client.post(page(project, "links", str(link.pk))).status_code == 404
    assert client.get(page(other)).status_code == 404
    assert invitations.state_of(link) == "waiting"
