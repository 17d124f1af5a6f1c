"""Items that are kept for a group of annotators: who gets them, who does not, and what everybody is told."""

from __future__ import annotations

import contextlib
import threading

import pytest
from django.urls import reverse

from annotation.admin.attention import notices
from annotation.admin.figures import figures_of
from annotation.admin.links import links_of
from annotation.assignments import managing, planning, render_ahead
from annotation.assignments.groups import for_nobody, names
from annotation.assignments.handout import OTHERS_AT_WORK, hand_out
from annotation.assignments.items import sync_items
from annotation.models import Assignment, Item, Membership, Slot
from annotation.projects import membership
from annotation.quality import statistics
from annotation.quality.live import live
from annotation.quality.status import status
from potato_site.accounts.models import AuditEntry, User
from potato_site.jobs.models import Job
from tests import factory
from tests.annotation.test_known_items import in_order, known, labeled, project_of
from tests.annotation.test_tie_breakers import project_with, tie
from tests.faults.test_lock_order import beside

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
ONLY_OTHERS = "What is left of this project is for other annotators. Thank you!"


@pytest.fixture
def project(tmp_path):
    return factory.make_project(tmp_path, traces=factory.make_traces(3), overlap=0)


@pytest.fixture
def boss(project) -> User:
    user = User.objects.create_user("boss")
    Membership.objects.create(project=project, user=user, role="manager", source="admin")
    return user


def put(name: str, group: str) -> None:
    membership.set_group(Membership.objects.get(user__username=name, role="annotator"), None, group)


def keep(item: Item, group: str) -> None:
    managing.keep_for(item.pk, User.objects.get_or_create(username="boss")[0], group)


def items() -> list[Item]:
    return list(Item.objects.order_by("position"))


def given(project, name: str) -> Assignment | None:
    return hand_out(project, factory.person(name)).assignment


def test_the_numbers_are_counted_again_when_an_item_or_a_person_is_of_another_group(project):
    asked = Job.objects.filter(kind=statistics.JOB, dedupe_key=f"{statistics.JOB}:{project.pk}", state__in=Job.LIVE)
    for change in (lambda: keep(items()[0], "rust"), lambda: put("bob", "rust")):
        asked.delete()
        change()
        assert asked.count() == 1


@pytest.mark.services
def test_an_item_and_a_person_get_a_group_at_the_same_time(project, boss, monkeypatch):
    """Each holds the first job that it asked for until the other has asked for one, too, as long as nobody waits."""
    met, has_asked = threading.Barrier(2, timeout=1), threading.local()

    def meeting(request):
        def ask(*given, **more):
            job = request(*given, **more)
            if not getattr(has_asked, "said", False):
                has_asked.said = True
                with contextlib.suppress(threading.BrokenBarrierError):
                    met.wait()
            return job

        return ask

    for module in (planning, statistics):
        monkeypatch.setattr(module, "request", meeting(module.request))
    done = [beside(lambda: put("ann", "rust")), beside(lambda: keep(items()[0], "rust"))]
    for one in done:
        one.result(10)
    assert names([project.pk]) == ["rust"]


def test_only_the_group_gets_what_is_kept_for_it(project):
    keep(items()[0], "rust")
    put("bob", "rust")
    assert given(project, "ann").item == items()[1]
    assert given(project, "bob").item == items()[0]


def test_another_group_gets_it_no_more_than_nobody(project):
    keep(items()[0], "rust")
    put("ann", "web")
    assert given(project, "ann").item == items()[1]


def test_who_is_left_with_the_items_of_others_is_told_so_and_gets_them_with_the_group(project):
    for item in items():
        keep(item, "rust")
    assert hand_out(project, factory.person("ann")).reason == ONLY_OTHERS
    put("ann", "rust")
    assert given(project, "ann").item == items()[0]


def test_work_of_another_group_is_nothing_to_wait_for(project):
    first, *rest = items()
    keep(first, "rust")
    for item in rest:
        managing.withdraw(item.pk, factory.person("bob"))
    put("bob", "rust")
    assert given(project, "bob").item == first
    assert hand_out(project, factory.person("ann")).reason != OTHERS_AT_WORK


def test_what_is_in_hand_stays_there(project):
    work = given(project, "ann")
    keep(work.item, "rust")
    assert given(project, "ann") == work


def test_a_manager_gives_it_to_anybody(project, boss):
    keep(items()[0], "rust")
    put("bob", "rust")
    work = given(project, "bob")
    managing.reassign(work.pk, boss, factory.person("ann").pk)
    assert given(project, "ann").item == items()[0]


def test_what_checks_people_is_of_their_group(tmp_path):
    project = project_of(tmp_path, 6, percentage=50)
    checks = known(project, 3, 4, 5)
    for item in Item.objects.filter(pk__in=checks):
        keep(item, "rust")
    assert labeled(project, "ann", 3) == in_order(project)[:3]
    assert hand_out(project, factory.person("ann")).reason == ONLY_OTHERS
    put("bob", "rust")
    assert set(labeled(project, "bob", 3)) & set(checks)


def test_what_somebody_could_still_get_is_counted_by_group(project):
    keep(items()[0], "rust")
    put("bob", "rust")
    left = {person.username: person.left for person in status(project).people}
    assert left == {"ann": 2, "bob": 3}


def test_a_tie_that_nobody_of_the_group_can_break_is_a_reviewers(tmp_path):
    project = project_with(tmp_path)
    keep(items()[0], "rust")
    for name in ("ann", "bob"):
        put(name, "rust")
    tie(project)
    assert Slot.objects.filter(purpose="adaptive").count() == 0
    put("cleo", "rust")
    sync_items(project)
    assert Slot.objects.filter(purpose="adaptive").count() == 1
    assert given(project, "cleo").item == items()[0]


def test_places_made_later_are_the_groups_too(project):
    keep(items()[0], "rust")
    managing.withdraw(items()[0].pk, factory.person("bob"))
    managing.restore(items()[0].pk, factory.person("bob"))
    assert given(project, "ann").item == items()[1]


def test_items_of_a_group_in_which_nobody_works_are_told(project, boss):
    keep(items()[0], "rust & “web”")
    statistics.compute(project)
    assert for_nobody(project) == {"rust & “web”": 1}
    links = links_of(project)
    now = live(project, project.created_at)
    (told,) = [
        one
        for one in notices(project, figures_of(statistics.read(project), now.at), now, links, decides=False)
        if "kept" in one.text
    ]
    assert told.text == "1 item is kept for the group “rust & “web””, in which nobody is at work."
    put("ann", "rust & “web”")
    assert for_nobody(project) == {}
    membership.pause(Membership.objects.get(user__username="ann"), boss)
    assert for_nobody(project) == {"rust & “web”": 1}


def test_a_manager_does_it_in_the_lists_and_finds_them_by_it(project, boss, client):
    client.force_login(boss)
    body = {"_selected_action": [items()[0].pk], "select_across": "0", "confirm": "yes"}
    listed = reverse("admin:annotation_item_changelist")
    client.post(listed, {**body, "action": "keep_for", "group": " rust "})
    ann = Membership.objects.get(user__username="ann")
    people = reverse("admin:annotation_membership_changelist")
    client.post(people, {**body, "_selected_action": [ann.pk], "action": "set_group", "group": "rust"})
    assert (items()[0].group, Membership.objects.get(pk=ann.pk).group) == ("rust", "rust")
    for address, count in ((listed, 1), (people, 1)):
        page = client.get(address, {"project": project.pk, "group": "rust"})
        assert page.context["cl"].result_count == count
        assert '<td class="field-group">rust</td>' in page.content.decode()
    assert set(AuditEntry.objects.values_list("action", flat=True)) >= {"item.group", "people.group"}
    assert (
        "Groups there are: rust."
        in client.post(
            listed, {"action": "keep_for", "_selected_action": [items()[0].pk], "index": "0"}
        ).content.decode()
    )


def test_who_does_not_label_is_in_no_group(project, boss):
    with pytest.raises(membership.Refused):
        membership.set_group(Membership.objects.get(user=boss), boss, "rust")


def test_the_names_are_those_of_ones_projects(project, tmp_path):
    other = factory.make_project(tmp_path / "other", name="Other", people=("zoe",))
    put("zoe", "secret")
    put("ann", "rust")
    assert (names([project.pk]), names([other.pk])) == (["rust"], ["secret"])


def test_the_file_says_the_group_and_without_the_key_it_stays(tmp_path):
    from annotation.projects.load import load_file

    path = factory.write_project(tmp_path)
    text = path.read_text()
    named = "username: ann\n"
    path.write_text(text.replace(named, f"{named}  group: rust\n"))
    load_file(path, tmp_path / "output" / ".potato")
    ann = Membership.objects.get(user__username="ann")
    assert ann.group == "rust"
    path.write_text(text)
    load_file(path, tmp_path / "output" / ".potato")
    ann.refresh_from_db()
    assert ann.group == "rust"
    path.write_text(text.replace(named, f"{named}  group: ''\n"))
    load_file(path, tmp_path / "output" / ".potato")
    ann.refresh_from_db()
    assert ann.group == ""


@pytest.mark.parametrize("group", ["x" * 65, 7])
def test_a_group_that_is_none_is_refused_by_its_line(tmp_path, group):
    import yaml

    from annotation.projects.load import load_file

    path = factory.write_project(tmp_path)
    config = yaml.safe_load(path.read_text())
    config["annotators"][0]["group"] = group
    path.write_text(yaml.safe_dump(config))
    report = load_file(path, tmp_path / "output" / ".potato")
    assert any("group" in str(note) for note in report.errors)


def test_what_is_rendered_ahead_is_what_the_people_get(project):
    for item in items():
        keep(item, "rust")
    assert render_ahead._next_versions(project)[""] == set()
    put("ann", "rust")
    assert render_ahead._next_versions(project)[""] == set(), "nobody is at work"
    hand_out(project, factory.person("ann"))
    assert render_ahead._next_versions(project)[""] == {item.a_id for item in items() if item.pk != begun().item_id}


def begun() -> Assignment:
    return Assignment.objects.get(state="open")
