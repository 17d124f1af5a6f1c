"""What managers see of the screening, and do about it."""

import re
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation.assignments.handout import hand_out
from annotation.models import Assignment, Item, Membership
from annotation.projects import bulk, membership
from potato_site.accounts.models import AuditEntry, User
from tests.annotation.admin.test_people import Role, do, member_of, page
from tests.annotation.test_screening import RULES, attempt, configure, label, later, member, project_of
from tests.annotation.test_screening_pages import text_of
from tests.factory import person

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
PEOPLE = ("ann", "bob", "cat", "dan", "eve")


@pytest.fixture
def project(tmp_path):
    return project_of(tmp_path, 20, known=12, people=PEOPLE)


@pytest.fixture
def manager(project, client):
    client.force_login(member_of(project, "mia"))
    return client


def row(client, project, name):
    """What the list says of somebody, and the words of the buttons there."""
    html = client.get(page(project)).content.decode()
    mine = next(part for part in html.split("<tr>") if f'<th scope="row">{name}' in part)
    return text_of(mine)


def test_the_list_says_of_everybody_what_came_of_it(project, manager):
    attempt(project, "ann", right=3, wrong=1)
    attempt(project, "bob", right=1, wrong=3)
    label(project, "cat", count=2)
    do(manager, project, "dan", action="let-through")
    assert "screening passed: 3 of 4, 3 needed" in row(manager, project, "ann")
    assert "screening not passed : 1 of 4, 3 needed" in row(manager, project, "bob")
    assert "may try again from" in row(manager, project, "bob")
    assert "screening: 2 of 4 done, begun" in row(manager, project, "cat")
    assert "screening: let through" in row(manager, project, "dan")
    assert "screening: not begun" in row(manager, project, "eve")
    assert "screening" not in row(manager, project, "mia")
    later(project, "bob")
    assert "may try again" in row(manager, project, "bob")


def test_a_manager_lets_through_and_gives_a_try_and_takes_both_back(project, manager):
    configure(project, retries=0)
    attempt(project, "ann", right=0, wrong=4)
    assert "Let through" in row(manager, project, "ann")
    assert "Let through: ann" in do(manager, project, "ann", action="let-through")
    assert hand_out(project, person("ann")).assignment.purpose == "production"
    assert "Taken back: the screening holds for ann" in do(manager, project, "ann", action="screen")
    assert "Given: ann is screened now" in do(manager, project, "ann", action="give-try")
    assert "screening: 0 of 4 done, given" in row(manager, project, "ann")
    assert "Take the try back" in row(manager, project, "ann")
    assert "Taken back: ann has the try no more" in do(manager, project, "ann", action="take-back-try")
    assert "screening not passed" in row(manager, project, "ann")
    made = AuditEntry.objects.filter(user__username="mia", action__startswith="people.").order_by("pk")
    assert [(one.action, one.object) for one in made] == [
        ("people.let_through", "ann (annotator)"),
        ("people.screen", "ann (annotator)"),
        ("people.give_try", "ann (annotator)"),
        ("people.take_back_try", "ann (annotator)"),
    ]


def test_the_list_of_items_leads_to_what_was_said_of_them(project, manager):
    (made,) = label(project, "ann")
    text = manager.get(f"/admin/annotation/item/?project={project.pk}").content.decode()
    assert f'<a href="/admin/p/{project.slug}/items/{made.item_id}/">0 of 1, 1 screened</a>' in text


def test_what_is_skipped_in_a_screening_says_nothing_of_the_item(project, manager):
    item = label(project, "ann")[0].item
    address = f"/admin/annotation/item/?project={project.pk}&work=skipped"
    Assignment.objects.filter(item=item).update(state="skipped", reason="while screened")
    for number, name in enumerate(("bob", "cat", "dan")):
        purpose = "screening" if name == "bob" else "production"
        Assignment.objects.create(
            item=item, project=project, annotator=person(name), purpose=purpose, state="skipped", reason=f"why {number}"
        )
        found = Item.objects.skipped_by_several([project.pk])
        assert list(found) == ([item] if name == "dan" else [])
    html = manager.get(address).content.decode()
    link = re.search(r'href="([^"]*attention=skipped[^"]*)">2<', html)
    why = manager.get(unescape(link[1])).content.decode()
    assert "why 1" in why
    assert "why 2" in why
    assert "why 0" not in why
    assert "while screened" not in why


def test_what_cannot_be_done_is_said(project, manager):
    assert "Not done for ann: This person is screened before" in do(manager, project, "ann", action="give-try")
    found = do(manager, project, "mia", action="let-through")
    assert "Not done for mia: Only annotators are screened." in found


def test_only_managers_decide(project, client):
    for name, role in (("vic", Role.VIEWER), ("adi", Role.ADJUDICATOR)):
        client.force_login(member_of(project, name, role))
        text = client.get(page(project)).content.decode()
        assert "screening: not begun" in text
        assert "let-through" not in text
        answer = client.post(page(project, str(member(project).pk)), {"action": "let-through"})
        assert answer.status_code == 404
    client.force_login(person("ann"))
    assert client.post(page(project, str(member(project).pk)), {"action": "let-through"}).status_code == 404
    assert not Membership.objects.filter(is_let_through=True).exists()


def test_where_nobody_is_screened_nothing_is_said_of_it(project, manager):
    configure(project, enabled=False)
    assert "creen" not in row(manager, project, "ann")


def test_the_list_costs_the_same_for_many(project, manager):
    def asked():
        with CaptureQueriesContext(connection) as seen:
            assert manager.get(page(project)).status_code == 200
        return len(seen)

    label(project, "ann")
    attempt(project, "bob", right=0, wrong=4)
    few = asked()
    for name in ("cat", "dan"):
        attempt(project, name, right=0, wrong=4)
    label(project, "eve")
    assert asked() <= few


def overview(client, project):
    return text_of(client.get(f"/admin/p/{project.slug}/").content.decode())


def test_the_overview_and_the_setup_page_name_what_is_amiss(tmp_path, client):
    project = project_of(tmp_path, known=5)
    client.force_login(member_of(project, "mia"))
    setup = f"/admin/p/{project.slug}/setup/"
    again = "Not everybody who fails the screening can try again: that takes 8 items"
    assert again in overview(client, project)
    assert again in text_of(client.get(setup).content.decode())
    assert "did not pass" not in overview(client, project)
    attempt(project, right=0, wrong=4)
    assert "1 person did not pass the screening and cannot try again." in overview(client, project)
    do(client, project, "ann", action="let-through")
    assert "did not pass" not in overview(client, project)
    configure(project, items=9)
    none = "Nobody new can be screened, nor begin: a screening takes 9 items, and 5 items have a known answer"
    assert none in overview(client, project)
    assert none in text_of(client.get(setup).content.decode())


def test_the_overview_names_only_those_who_failed_and_wait_for_a_manager(project, manager):
    attempt(project, "ann", right=0, wrong=4)
    assert "did not pass" not in overview(manager, project)
    configure(project, retries=0)
    attempt(project, "bob", right=0, wrong=4)
    attempt(project, "cat", right=0, wrong=4)
    assert "3 people did not pass the screening and cannot try again." in overview(manager, project)
    membership.deactivate(member(project, "bob"), None)
    assert "2 people did not pass" in overview(manager, project)
    Membership.objects.filter(pk=member(project, "cat").pk).update(source="platform")
    assert "1 person did not pass" in overview(manager, project)


def test_the_rules_are_set_on_the_setup_page_which_says_what_they_mean_for_who_is_at_work(tmp_path, client):
    project = project_of(tmp_path, rules={**RULES, "enabled": False})
    label(project)
    client.force_login(member_of(project, "mia"))
    html = client.get(f"/admin/p/{project.slug}/setup/").content.decode()
    for key in ("enabled", "items", "pass_percentage", "retries", "retry_after_hours"):
        assert f'name="quality_control.screening.{key}"' in html
    from annotation.projects.apply import apply_text, propose
    from annotation.projects.dump import to_yaml
    from annotation.projects.revisions import current

    config = current(project)
    rules = config.quality_control.screening.model_copy(update={"enabled": True, "items": 6})
    quality = config.quality_control.model_copy(update={"screening": rules})
    text = to_yaml(config.model_copy(update={"quality_control": quality}))
    (said,) = [one for one in propose(project, text).consequences if one.key == "quality_control.screening"]
    assert "goes on without, unless a manager gives them a try" in said.text
    assert apply_text(project, text, User.objects.get(username="mia")).is_saved
    assert current(project).quality_control.screening.items == 6
    assert "not screened: worked here before" in row(client, project, "ann")
    assert "screening: not begun" in row(client, project, "bob")
    assert "Screen first they label 6 items" in row(client, project, "ann")


def test_many_are_let_through_at_once(project, manager):
    boss = User.objects.get(username="mia")
    everybody = list(Membership.objects.filter(project=project, role="annotator").values_list("pk", flat=True))
    outcome = bulk.run("let_through", everybody, boss, {})
    assert outcome.done == len(PEOPLE)
    outcome = bulk.run("screen", everybody, boss, {})
    assert outcome.done == len(PEOPLE)
    assert not Membership.objects.filter(is_let_through=True).exists()
    outcome = bulk.run("give_try", everybody, boss, {})
    assert (outcome.done, sum(outcome.refused.values())) == (0, len(PEOPLE))
