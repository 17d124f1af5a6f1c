"""Several participations of one person, and of who only knows that person's name on the platform."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from annotation.answers.ops import apply_ops
from annotation.assignments import shares, states
from annotation.models import Assignment, Project, Recruit, Visit
from annotation.projects import recruitment
from potato_site.accounts.models import User
from tests.annotation.test_recruitment import PROLIFIC, come, home, page, said
from tests.annotation.test_shares import label, skip, submits
from tests.factory import make_project, make_traces, op

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
SECRET = "What the owner wrote"
STRANGE = {"STUDY_ID": "xx", "SESSION_ID": "yy"}


@pytest.fixture
def project(tmp_path) -> Project:
    return make_project(tmp_path, recruitment=PROLIFIC, traces=make_traces(6), overlap=0)


@pytest.fixture
def turk(tmp_path) -> Project:
    setting = {"platform": "mturk", "items_per_visit": 1}
    return make_project(tmp_path, recruitment=setting, traces=make_traces(6), overlap=0)


def hit(project, name: str) -> str:
    return f"/projects/{project.slug}/recruit/?assignmentId={name}&hitId=H{name}&workerId=W1"


def begin(project, client: Client, name: str) -> Any:
    return client.post(hit(project, name), {"act": "begin"})


def visit(session: str) -> Visit:
    return Visit.objects.get(session_id=session)


def write(project, client: Client) -> Assignment:
    """The next item, with something answered that is not submitted."""
    client.post(f"{home(project)}next")
    mine = Assignment.objects.select_related("annotator").get(state="open")
    apply_ops(mine.public_id, mine.annotator, [op("error_description", {"": SECRET})])
    return mine


def give_code(project, session: str = "77bb") -> None:
    boss, _ = User.objects.get_or_create(username="boss", is_superuser=True)
    recruitment.give_code(project, visit(session).pk, boss)


def is_in(client: Client, project) -> bool:
    return client.get(home(project)).status_code == 200


# --- several participations of one person ------------------------------------------------------------------


def test_each_participations_link_shows_its_own_code(turk):
    client = Client()
    begin(turk, client, "A1")
    label(turk, client)
    first = visit("A1").code
    begin(turk, client, "A2")
    text = said(client.get(hit(turk, "A1")))
    assert f'value="{first}"' in text
    assert f'href="{home(turk)}">Go on with it' in text
    label(turk, client)
    for browser in (client, Client()):
        for one in Visit.objects.all():
            text = said(browser.get(hit(turk, one.session_id)))
            assert f'value="{one.code}"' in text
            assert f'for the participation <span class="recruit-id">{one.session_id}</span>' in text
        assert 'act" value' not in text
    # On the project's page the last one, which says what it is for.
    text = said(client.get(home(turk)))
    assert visit("A2").code in text
    assert 'class="recruit-id">A2<' in text


def test_a_participation_that_was_put_aside_for_another_opens_again(turk):
    client = Client()
    begin(turk, client, "A1"), begin(turk, client, "A2")
    label(turk, client)
    assert [(visit(name).credited, visit(name).state) for name in ("A1", "A2")] == [(0, "left"), (1, "finished")]
    assert begin(turk, Client(), "A1").headers["Location"] == home(turk)
    client = Client()
    begin(turk, client, "A1")
    assert "0</strong> of 1 done" in said(client.get(home(turk)))
    label(turk, client)
    assert (visit("A1").credited, visit("A2").credited) == (1, 1)
    assert visit("A1").code in said(client.get(home(turk)))
    assert visit("A1").code != visit("A2").code


def test_what_is_in_hand_goes_on_in_the_participation_that_is_opened(turk):
    client = Client()
    begin(turk, client, "A1")
    opened = client.post(f"{home(turk)}next").headers["Location"]
    for name in ("A2", "A1"):
        begin(turk, client, name)
        assert visit(name).is_under_way
        assert client.post(f"{home(turk)}next").headers["Location"] == opened
    label(turk, client)
    assert (visit("A1").credited, visit("A2").state) == (1, "left")


def test_what_a_manager_ended_stays_ended(project):
    boss = User.objects.create_superuser("boss")
    client = Client()
    come(project, client)
    mine = write(project, client)
    recruitment.end_visit(project, visit("77bb").pk, boss)
    mine.refresh_from_db()
    assert mine.state == "released"
    for browser in (client, Client()):
        assert recruitment.BARRED in said(come(project, browser))
    come(project, client, SESSION_ID="78")
    label(project, client), label(project, client)
    assert recruitment.BARRED in said(come(project, client))


def test_what_was_skipped_in_one_visit_costs_nothing_in_the_next(tmp_path):
    project = make_project(tmp_path, recruitment={**PROLIFIC, "items_per_visit": 3}, traces=make_traces(7), overlap=0)
    client, again = Client(), Client()
    come(project, client)
    for _ in range(2):
        skip(project, client)
    for _ in range(3):
        label(project, client)
    assert (visit("77bb").credited, visit("77bb").skipped) == (3, 2)
    come(project, again, **STRANGE)
    # Two are left, which is less than the share.
    label(project, again), label(project, again)
    assert (visit("yy").state, visit("yy").credited, visit("yy").skipped) == ("finished", 2, 0)


@pytest.mark.parametrize("n_voided", [1, 2])
def test_items_are_counted_right_where_some_were_invalidated(project, n_voided):
    client, again = Client(), Client()
    come(project, client)
    label(project, client), label(project, client)
    for one in Assignment.objects.filter(state="submitted")[:n_voided]:
        states.void(one.pk)
    come(project, again, **STRANGE)
    assert "Item 1 of 2" in said(again.get(again.post(f"{home(project)}next").headers["Location"]))
    label(project, again)
    done = Assignment.objects.filter(state="submitted").latest("pk")
    states.reopen(done.public_id, done.annotator)
    assert "Item 1 of 2" in said(again.get(f"/label/{done.public_id}/"))
    assert "Item 2 of 2" in said(again.get(again.post(f"{home(project)}next").headers["Location"]))


# --- who knows no more than a person's name ----------------------------------------------------------------


def test_ids_that_nobody_used_show_nothing_of_the_work_before(project):
    owner, stranger = Client(), Client()
    come(project, owner)
    label(project, owner)
    mine = write(project, owner)
    give_code(project)
    come(project, stranger, **STRANGE)
    text = said(stranger.get(home(project)))
    assert "Recently submitted" not in text
    assert "Continue" not in text
    for _ in range(2):
        opened = stranger.post(f"{home(project)}next").headers["Location"]
        assert str(mine.public_id) not in opened
        assert SECRET not in said(stranger.get(opened))
        label(project, stranger)


@pytest.mark.parametrize("state", ["open", "expired", "released"])
def test_nothing_of_the_work_before_is_resumed_in_whatever_state_it_is(tmp_path, state):
    """The only item that is left is the one that was begun."""
    project = make_project(tmp_path, recruitment=PROLIFIC, traces=make_traces(2), overlap=0)
    owner, stranger = Client(), Client()
    come(project, owner)
    label(project, owner)
    mine = write(project, owner)
    give_code(project)
    # A save that was under way takes it up again.
    if state == "open":
        apply_ops(mine.public_id, mine.annotator, [op("error_description", {"": f"{SECRET} again"}, base=1)])
    else:
        Assignment.objects.filter(pk=mine.pk).update(state=state)
    come(project, stranger, **STRANGE)
    assert stranger.post(f"{home(project)}next").headers["Location"] == home(project)
    mine.refresh_from_db()
    assert mine.state == ("expired" if state == "expired" else "released")


def test_who_was_signed_in_before_is_no_longer_when_somebody_comes_with_ids_of_their_own(project):
    first, second = Client(), Client()
    come(project, first)
    label(project, first), label(project, first)
    come(project, second, **STRANGE)
    assert (is_in(first, project), is_in(second, project)) == (False, True)
    write(project, second)
    # The ids of the finished visit open nothing but its code.
    for browser in (first, Client()):
        text = said(come(project, browser))
        assert 'value="C1ABC"' in text
        assert not is_in(browser, project)


def test_the_ids_of_an_earlier_visit_end_what_a_stranger_began(project):
    owner, stranger = Client(), Client()
    come(project, owner)
    label(project, owner), label(project, owner)
    come(project, stranger, **STRANGE)
    label(project, stranger)
    write(project, stranger)
    later = {"STUDY_ID": "s2", "SESSION_ID": "t2"}
    assert "open the link of an earlier participation" in said(come(project, Client(), **later))
    assert "It is not mine: end it" in said(Client().get(page(project)))
    assert Client().post(page(project), {"act": "not-me"}).headers["Location"] == page(project)
    assert (visit("yy").state, visit("yy").is_barred, visit("yy").credited) == ("left", True, 1)
    assert Assignment.objects.filter(state="released").count() == 1
    assert "It is not mine" not in said(Client().get(page(project)))
    assert not is_in(stranger, project)
    assert recruitment.BARRED in said(come(project, stranger, **STRANGE))
    come(project, owner := Client(), **later)
    assert "0</strong> of 2 done" in said(owner.get(home(project)))
    label(project, owner), label(project, owner)
    assert visit("t2").credited == 2


def test_the_ids_of_an_earlier_visit_that_was_put_aside_do_so_too(turk):
    owner, stranger = Client(), Client()
    begin(turk, owner, "A1"), begin(turk, owner, "A2")
    label(turk, owner)
    begin(turk, stranger, "X1")
    begin(turk, owner := Client(), "A1")
    assert (visit("A1").state, visit("X1").is_barred) == ("working", True)
    assert (is_in(owner, turk), is_in(stranger, turk)) == (True, False)


def test_what_a_stranger_did_is_not_gone_on_with_by_who_comes_back(tmp_path):
    """The only item that is left is the one that the stranger began."""
    setting = {"platform": "mturk", "items_per_visit": 3}
    project = make_project(tmp_path, recruitment=setting, traces=make_traces(5), overlap=0)
    owner, stranger = Client(), Client()
    begin(project, owner, "A1"), begin(project, owner, "A2")
    label(project, owner), label(project, owner), label(project, owner)
    begin(project, stranger, "X1")
    label(project, stranger)
    theirs = write(project, stranger)
    begin(project, owner := Client(), "A1")
    assert visit("X1").is_barred
    owner.post(f"{home(project)}next")
    theirs.refresh_from_db()
    assert theirs.state == "released"
    assert "Recently submitted" not in said(owner.get(home(project)))


def test_who_came_later_under_the_name_ends_nothing_with_their_ids(project):
    owner, stranger, again = Client(), Client(), Client()
    come(project, owner)
    label(project, owner), label(project, owner)
    come(project, stranger, **STRANGE)
    label(project, stranger), label(project, stranger)
    come(project, again, SESSION_ID="78")
    assert "It is not mine" not in said(Client().get(page(project, **STRANGE)))
    Client().post(page(project, **STRANGE), {"act": "not-me"})
    assert visit("78").is_under_way
    # Who is signed in by the same ids goes on as the same person, and has no more than they had.
    assert is_in(again, project)
    come(project, again, SESSION_ID="79")
    assert visit("79").known_since == visit("78").known_since > visit("yy").known_since > visit("77bb").known_since


def test_a_look_at_the_code_ends_nothing(project):
    owner = Client()
    come(project, owner)
    label(project, owner), label(project, owner)
    come(project, again := Client(), **STRANGE)
    Client().get(page(project)), come(project, Client())
    assert visit("yy").is_under_way
    assert is_in(again, project)


def test_an_item_in_hand_when_the_code_is_given_may_be_finished_and_is_sealed_by_the_next(project):
    client = Client()
    come(project, client)
    label(project, client)
    mine = write(project, client)
    give_code(project)
    mine.refresh_from_db()
    assert (mine.state, json.loads(submits(client, mine).content)["next"]) == ("released", home(project))
    assert shares.standing_of(project, Recruit.objects.get().user_id).done == 1
    # It was not paid for: they may change it still.
    assert states.reopen(mine.public_id, mine.annotator).state == "reopened"


def test_who_opens_another_participation_reads_first_what_becomes_of_the_one_under_way(client, project):
    told = "You have another participation under way"
    assert told not in said(client.get(page(project)))
    come(project, client)
    label(project, client)
    later = page(project, STUDY_ID="66bb", SESSION_ID="88cc")
    assert f"{told}, with 1 item done. What you have done goes on in this one" in said(client.get(later))
    assert told not in said(Client().get(later)), "whoever else comes with the ID is told nothing"
    come(project, client, STUDY_ID="66bb", SESSION_ID="88cc")
    assert f"{told}, with 1 item done." in said(client.get(page(project))), "the other way round, too"
