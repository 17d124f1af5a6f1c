"""Acts on many rows of a list: what is asked, what happens, what is refused, and to whose rows."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from annotation.admin import asked, lists
from annotation.assignments import managing
from annotation.assignments.handout import hand_out
from annotation.models import Assignment, Item, Membership, Slot, Submission
from annotation.projects import bulk
from annotation.projects.forgetting import forget
from potato_site.accounts.models import AuditEntry, User
from potato_site.jobs import handle, runner
from potato_site.jobs.models import Job
from tests import factory

pytestmark = pytest.mark.slow

State = Assignment.State


@pytest.fixture
def project(db, tmp_path):
    return factory.make_project(tmp_path / "ours", people=("ann", "bob", "cyd"), overlap=0)


@pytest.fixture
def manager(project, client) -> User:
    user = User.objects.create_user("boss")
    Membership.objects.create(project=project, user=user, role="manager", source="admin")
    client.force_login(user)
    return user


def act(client, name: str, rows: list[Any], confirm: bool = True, **more: Any) -> Any:
    """Choose rows in their list and do it. Returns the page that comes."""
    model = bulk.ACTS[name].model._meta.model_name
    body = {"action": name, "_selected_action": [row.pk for row in rows], "select_across": "0", **more}
    body |= {"confirm": "yes"} if confirm else {"index": "0"}
    return client.post(reverse(f"admin:annotation_{model}_changelist"), body, follow=True)


def ask(client, name: str, query: str = "") -> Any:
    """Choose all that match: the page that asks, of ``name`` done to them."""
    model = bulk.ACTS[name].model
    address = f"{reverse(f'admin:annotation_{model._meta.model_name}_changelist')}?{query}"
    body = {"action": name, "_selected_action": [model.objects.first().pk], "select_across": "1", "index": "0"}
    return client.post(address, body)


def confirm(client, page, **more: Any) -> Any:
    """What the browser sends from that page."""
    body = {field: page.context[field] for field in ("action", "select_across", "rows")}
    chosen = page.context["chosen"]
    return client.post(
        page.context["back"], {**body, "_selected_action": chosen, "confirm": "yes", **more}, follow=True
    )


def across(client, name: str, query: str = "", **more: Any) -> Any:
    return confirm(client, ask(client, name, query), **more)


def said(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def opened(project, name: str) -> Assignment:
    return hand_out(project, factory.person(name)).assignment


def test_before_anything_happens_a_page_says_what_will_and_to_how_many(client, project, manager):
    work = [opened(project, "ann"), opened(project, "bob")]
    response = act(client, "release", work, confirm=False)
    assert "2 assignments" in response.content.decode()
    assert Assignment.objects.filter(state=State.OPEN).count() == 2


def test_all_that_match_are_those_that_matched_when_it_was_asked(client, project, manager):
    first, second = (factory.submit_item(project, name, factory.answers()).assignment for name in ("ann", "bob"))
    page = ask(client, "invalidate", "state__exact=submitted")
    assert "2 assignments" in page.content.decode()
    # One that matches comes, one of those that were asked about matches no more.
    late = factory.submit_item(project, "cyd", factory.answers()).assignment
    managing.reopen(first.pk, manager)
    assert said(confirm(client, page)) == ["1 assignment invalidated."]
    states = dict(Assignment.objects.values_list("pk", "state"))
    assert states == {first.pk: State.REOPENED, second.pk: State.VOID, late.pk: State.SUBMITTED}
    assert "matches any longer" in said(confirm(client, page))[0]


@pytest.mark.parametrize("rows", ["", "x", "é", "eJwz", "AAAA"])
def test_what_says_not_which_rows_were_asked_about_is_asked_again(client, project, manager, rows):
    page = ask(client, "withdraw")
    asked = confirm(client, page, rows=rows)
    assert (asked.context["things"], asked.context["rows"]) == ("3 items", page.context["rows"])
    assert not Item.objects.withdrawn().exists()


def test_what_a_form_refuses_is_asked_again_of_the_same_rows(client, project, manager):
    page = ask(client, "set_priority")
    Item.objects.last().delete()
    again = confirm(client, page, priority="x")
    assert (again.context["things"], "whole number" in again.content.decode()) == ("2 items", True)
    assert said(confirm(client, again, priority="5")) == ["2 items given this priority."]


def test_it_names_the_projects_and_the_first_rows(client, project, manager, tmp_path, monkeypatch):
    monkeypatch.setattr(lists, "NAMED", 2)
    text = " ".join(ask(client, "withdraw").content.decode().split())
    assert ("<strong>3 items</strong> of Test project" in text, "trace_001, trace_002 and 1 more" in text) == (
        True,
        True,
    )
    other = factory.make_project(tmp_path / "small", people=("dan",), name="Small", traces=factory.make_traces(1))
    Membership.objects.create(project=other, user=manager, role="manager", source="admin")
    text = " ".join(ask(client, "withdraw").content.decode().split())
    assert ("<li>3 of Test project</li>" in text, "<li>1 of Small</li>" in text) == (True, True)


def test_the_rows_of_the_largest_act_are_small_enough_for_a_form(settings):
    pks = [number * 7 + number % 5 for number in range(1, bulk.LIMIT + 1)]
    assert asked.unpack(asked.pack(pks)) == set(pks)
    assert len(asked.pack(pks)) < settings.DATA_UPLOAD_MAX_MEMORY_SIZE / 4


def test_what_was_done_is_counted_and_what_was_refused_is_named(client, project, manager):
    submitted = factory.submit_item(project, "ann", factory.answers()).assignment
    work = opened(project, "bob")
    response = act(client, "release", [submitted, work], reason="away")
    trace = submitted.item.trace_a.external_id
    assert said(response) == [
        "1 assignment released.",
        f"1 assignment not changed: Only work that somebody has in hand can be released. ({trace} (ann))",
    ]
    work.refresh_from_db()
    assert (work.state, AuditEntry.objects.get(action="assignment.release").user) == (State.RELEASED, manager)


def test_work_is_given_to_a_person_of_the_project(client, project, manager):
    work, cyd = opened(project, "ann"), factory.person("cyd")
    act(client, "reassign", [work], to=cyd.pk)
    assert opened(project, "cyd").item_id == work.item_id


def test_work_is_given_to_nobody_else(client, project, manager):
    work = opened(project, "ann")
    response = act(client, "reassign", [work], to=manager.pk)
    assert "Select a valid choice" in response.content.decode()
    work.refresh_from_db()
    assert work.state == State.OPEN


def test_who_chose_nothing_is_told_so_in_our_words_and_keeps_the_filter(client, project, manager):
    address = f"{reverse('admin:annotation_membership_changelist')}?project={project.pk}"
    response = client.post(address, {"action": "pause", "select_across": "0", "index": "0"}, follow=True)
    assert said(response) == ["Choose rows first: nothing was changed."]
    assert response.redirect_chain == [(address, 302)]


SUBMISSIONS = "admin:annotation_submission_changelist"


def test_submissions_are_invalidated_where_they_are_found(client, project, manager):
    """The overview leads to a person's submissions: there it is done, to their assignments."""
    others = factory.submit_item(project, "ann", factory.answers())
    careless = [factory.submit_item(project, "bob", factory.answers()) for _ in range(2)]
    bob = factory.person("bob").pk
    address = f"{reverse(SUBMISSIONS)}?person={bob}"
    body = {"action": "invalidate", "_selected_action": [careless[0].pk], "select_across": "1", "index": "0"}
    page = client.post(address, body)
    assert "<strong>2 assignments</strong>" in " ".join(page.content.decode().split())
    assert said(confirm(client, page)) == ["2 assignments invalidated."]
    assert Assignment.objects.get(pk=others.assignment_id).state == State.SUBMITTED
    assert {Assignment.objects.get(pk=one.assignment_id).state for one in careless} == {State.VOID}
    assert client.get(reverse(SUBMISSIONS)).content.decode().count(">invalidated<") == 2


def test_an_earlier_answer_does_not_take_the_one_in_its_place_with_it(client, project, manager):
    first = factory.submit_item(project, "ann", factory.answers())
    Submission.objects.filter(pk=first.pk).update(is_current=False)
    body = {"action": "invalidate", "_selected_action": [first.pk], "select_across": "0", "index": "0"}
    told = said(client.post(reverse(SUBMISSIONS), body, follow=True))
    assert told == [
        "Nothing was changed: none of the chosen rows is the latest answer of its person to an item, in a project that "
        "you manage."
    ]
    assert Assignment.objects.get(pk=first.assignment_id).state == State.SUBMITTED


def test_a_viewer_changes_no_submission(client, project, db):
    made = factory.submit_item(project, "ann", factory.answers())
    user = User.objects.create_user("vic")
    Membership.objects.create(project=project, user=user, role="viewer", source="admin")
    client.force_login(user)
    body = {"action": "invalidate", "_selected_action": [made.pk], "select_across": "0", "confirm": "yes"}
    client.post(reverse(SUBMISSIONS), body)
    assert Assignment.objects.get(pk=made.assignment_id).state == State.SUBMITTED


@pytest.mark.parametrize(("name", "state"), [("reopen", "reopened"), ("invalidate", "void")])
def test_submitted_work_is_reopened_and_invalidated(client, project, manager, name, state):
    done = factory.submit_item(project, "ann", factory.answers()).assignment
    act(client, name, [done])
    done.refresh_from_db()
    assert done.state == state


def test_items_get_a_priority_and_are_withdrawn_and_restored(client, project, manager):
    items = list(Item.objects.order_by("position"))
    act(client, "set_priority", items[1:], priority=7)
    assert list(Item.objects.order_by("position").values_list("priority", flat=True)) == [0, 7, 7]
    assert opened(project, "ann").item_id in {item.pk for item in items[1:]}
    assert "whole number" in act(client, "set_priority", items, priority="x").content.decode()
    act(client, "withdraw", items)
    assert Item.objects.withdrawn().count() == 3
    act(client, "restore", items)
    assert Item.objects.withdrawn().count() == 0


def test_a_paused_person_is_told_so_and_a_resumed_one_goes_on(client, project, manager):
    ann = Membership.objects.get(user__username="ann")
    act(client, "pause", [ann])
    given = hand_out(project, factory.person("ann"))
    assert (given.assignment, "paused" in given.reason) == (None, True)
    act(client, "resume", [ann])
    assert opened(project, "ann") is not None


def test_a_limit_of_ones_own_ends_the_work_and_is_taken_back(client, project, manager):
    ann = Membership.objects.get(user__username="ann")
    act(client, "set_limit", [ann], items="1")
    factory.submit_item(project, "ann", factory.answers())
    assert "reached the number of items" in hand_out(project, factory.person("ann")).reason
    listed = client.get(reverse("admin:annotation_membership_changelist"), {"project": project.pk}).content.decode()
    assert '<td class="field-limit">1</td>' in listed
    act(client, "set_limit", [ann], items="")
    assert opened(project, "ann") is not None


def test_who_labels_nothing_has_no_limit(client, project, manager):
    boss = Membership.objects.filter(role="manager").first()
    response = act(client, "set_limit", [boss], items="1")
    assert "Only an annotator has a limit." in response.content.decode()


def test_the_next_save_of_a_removed_person_is_told_why_and_changes_nothing(client, project, manager):
    work, ann = opened(project, "ann"), factory.person("ann")
    act(client, "remove", [Membership.objects.get(user=ann)])
    work.refresh_from_db()
    assert (work.state, Slot.objects.filter(assignment=work).exists()) == (State.RELEASED, False)
    client.force_login(ann)
    response = client.post(reverse("label-ops", args=[work.public_id]), {"ops": "[]"})
    assert (response.status_code, "no longer a member" in response.json()["message"]) == (410, True)


def test_the_last_manager_cannot_remove_themselves(client, project, manager):
    Membership.objects.filter(role="manager").exclude(user=manager).delete()
    response = act(client, "remove", [Membership.objects.get(user=manager)])
    assert "no manager left" in said(response)[0]


def test_excluded_labels_are_taken_in_again(client, project, manager):
    ann = Membership.objects.get(user__username="ann")
    for name, excluded in (("exclude", True), ("include", False)):
        act(client, name, [ann])
        ann.refresh_from_db()
        assert ann.is_excluded is excluded


def test_what_is_not_ones_own_does_not_exist(client, project, manager, tmp_path):
    other = factory.make_project(tmp_path / "theirs", people=("dan",), name="Theirs")
    theirs, ours = opened(other, "dan"), opened(project, "ann")
    act(client, "release", [theirs, ours])
    theirs.refresh_from_db(), ours.refresh_from_db()
    assert (theirs.state, ours.state) == (State.OPEN, State.RELEASED)
    response = client.post(
        reverse("admin:annotation_assignment_changelist"),
        {"action": "release", "_selected_action": ["x", "1;", "9" * 30], "confirm": "yes"},
        follow=True,
    )
    assert response.status_code == 200


@pytest.mark.parametrize("role", ["viewer", "adjudicator"])
def test_who_only_looks_is_offered_no_act_and_can_post_none(client, project, db, role):
    looker = User.objects.create_user("looker")
    Membership.objects.create(project=project, user=looker, role=role, source="admin")
    work = opened(project, "ann")
    client.force_login(looker)
    response = client.get(reverse("admin:annotation_assignment_changelist"))
    assert b"trace_0" in response.content
    # An export changes nothing.
    offered = [name for name, _ in response.context["action_form"].fields["action"].choices if name]
    assert offered == ["export"]
    act(client, "release", [work])
    work.refresh_from_db()
    assert work.state == State.OPEN


def test_a_manager_of_one_project_only_looks_into_another(client, project, manager, tmp_path):
    other = factory.make_project(tmp_path / "theirs", people=("dan",), name="Theirs")
    Membership.objects.create(project=other, user=manager, role="viewer", source="admin")
    theirs = opened(other, "dan")
    response = act(client, "release", [theirs])
    theirs.refresh_from_db()
    assert (theirs.state, "you manage" in said(response)[0]) == (State.OPEN, True)


def test_many_rows_are_changed_by_a_job_that_shows_how_far_it_is(client, project, manager, monkeypatch):
    monkeypatch.setattr(bulk, "AT_ONCE", 2)
    # All that match the list's filter, not only the rows of the page.
    response = across(client, "set_priority", f"project={project.pk}&q=trace", priority=3)
    job = Job.objects.get(kind=bulk.JOB)
    assert response.redirect_chain == [(reverse("manage-act", args=[job.pk]), 302)]
    assert "Waiting for a worker" in response.content.decode()
    runner.run(job.pk)
    page = client.get(reverse("manage-act", args=[job.pk]))
    assert "3 items given this priority." in page.content.decode()
    assert b"hx-trigger" not in page.content
    # The list as it was filtered, without what was searched for.
    assert f'href="{reverse("admin:annotation_item_changelist")}?project={project.pk}"' in page.content.decode()
    assert Item.objects.filter(priority=3).count() == 3
    other = User.objects.create_superuser("other")
    client.force_login(factory.person("ann"))
    assert client.get(reverse("manage-act", args=[job.pk])).status_code == 404
    client.force_login(other)
    assert client.get(reverse("manage-act", args=[job.pk])).status_code == 200


@pytest.fixture
def cut_off(db, tmp_path, monkeypatch):
    """A job that releases four assignments by two, the first of which was submitted; ``during(row)`` is called before
    each is released. Returns the job, cut off, and the rows that were come to, which go on being noted."""
    project = factory.make_project(tmp_path, traces=factory.make_traces(4), people=("ann", "bob", "cyd"), overlap=0)
    boss = User.objects.create_superuser("root")
    factory.submit_item(project, "ann", factory.answers())
    for name in ("ann", "bob", "cyd"):
        opened(project, name)
    monkeypatch.setattr(bulk, "BATCH", 2)
    came_to: list[int] = []
    release = bulk.ACTS["release"].do

    def run(during):
        def noted(row, by, options):
            came_to.append(row.pk)
            during(len(came_to))
            return release(row, by, options)

        monkeypatch.setitem(bulk.ACTS, "release", bulk.Act(Assignment, "released", noted))
        job = bulk.start("release", list(Assignment.objects.order_by("pk").values_list("pk", flat=True)), boss, {})
        assert runner.run(job.pk)
        job.refresh_from_db()
        assert job.state == Job.State.QUEUED
        Job.objects.filter(pk=job.pk).update(due_at=job.created_at)
        return job, came_to

    yield run
    handle.stopping.clear()


def goes_on(job) -> dict[str, Any]:
    handle.stopping.clear()
    assert runner.run(job.pk)
    job.refresh_from_db()
    assert (job.state, set(job.progress)) == (Job.State.DONE, {"done", "total", "message", "result"})
    return job.progress["result"]


ALL_BUT_THE_SUBMITTED = {
    "done": 3,
    "refused": [
        {"reason": "Only work that somebody has in hand can be released.", "count": 1, "names": ["trace_001 (ann)"]}
    ],
}


def test_a_job_whose_worker_was_stopped_goes_on_behind_what_it_did(cut_off):
    job, came_to = cut_off(lambda count: handle.stopping.set() if count == 2 else None)
    assert (job.progress["done"], job.progress["total"]) == (2, 4)
    project = Assignment.objects.first().project
    again = opened(project, "ann")
    assert again.pk == came_to[1], "taken up again meanwhile"
    assert goes_on(job) == ALL_BUT_THE_SUBMITTED
    again.refresh_from_db()
    assert (again.state, len(came_to)) == (State.OPEN, 4)


def test_a_job_that_failed_at_a_row_goes_on_with_that_row(cut_off):
    def fail(count: int) -> None:
        if count == 4:
            raise RuntimeError("once")

    job, came_to = cut_off(fail)
    assert job.failures == 1
    assert goes_on(job) == ALL_BUT_THE_SUBMITTED
    assert came_to == [*sorted(set(came_to)), max(came_to)]


def test_who_is_forgotten_meanwhile_is_named_nowhere_and_nothing_is_done_twice(cut_off):
    job, came_to = cut_off(lambda count: handle.stopping.set() if count == 2 else None)
    handle.stopping.clear()
    forget(factory.person("ann"), who="root", with_exports=False)
    result = goes_on(job)
    assert (result["done"], len(came_to)) == (3, 4)
    assert "ann" not in str(result["refused"][0]["names"])


def test_a_job_changes_nothing_for_somebody_who_lost_the_right_meanwhile(client, project, manager):
    job = bulk.start("set_priority", [Item.objects.first().pk], manager, {"priority": 3})
    Membership.objects.filter(user=manager).update(state="inactive")
    runner.run(job.pk)
    assert not Item.objects.filter(priority=3).exists()


def test_the_history_of_a_thing_says_who_changed_what(client, project, manager):
    work = opened(project, "ann")
    act(client, "release", [work], reason="away <b>")
    page = client.get(reverse("admin:annotation_assignment_history", args=[work.pk])).content.decode()
    assert ("assignment.release" in page, "boss" in page, "away &lt;b&gt;" in page) == (True, True, True)
