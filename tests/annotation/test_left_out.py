"""Labels that are left out finish nothing; their places go back into the queue, and they return with the person."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from annotation.answers.submission import submit
from annotation.answers.together import submissions_of, together
from annotation.assignments import managing, states
from annotation.assignments.handout import hand_out
from annotation.assignments.items import sync_items
from annotation.assignments.timing import seen
from annotation.models import Assignment, Item, Membership, Project, Slot, Submission
from annotation.projects import membership
from annotation.projects.withdrawal import set_withdrawn
from annotation.quality.status import status
from annotation.queries import labeled_traces
from annotation.queries.counted import coverage
from potato_site.accounts.models import AuditEntry, User
from tests.api.calls import caller
from tests.factory import answers, labeled_project, make_project, make_traces, op, person, submit_item

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])]
PEOPLE = ("ann", "bob", "cat")
# What takes the free places of an item, and what brings them back.
AWAY_AND_BACK: dict[str, Any] = {
    "withdrawn": (lambda item, by: managing.withdraw(item.pk, by), lambda item, by: managing.restore(item.pk, by)),
    "calibration": (
        lambda item, by: managing.calibrate(item.pk, by),
        lambda item, by: managing.end_calibration(item.pk, by),
    ),
    "trace": (
        lambda item, by: set_withdrawn(item.trace_a, True, by),
        lambda item, by: set_withdrawn(item.trace_a, False, by),
    ),
}


@pytest.fixture
def boss(db):
    return User.objects.create_user("boss")


@pytest.fixture
def project(tmp_path):
    """Two items, each labeled by ann and bob."""
    labels = [(name, answers()) for name in ("ann", "bob") for _ in range(2)]
    return labeled_project(tmp_path, labels, traces=make_traces(2), people=PEOPLE)


def of(name: str) -> Membership:
    return Membership.objects.get(user__username=name)


def exclude(name: str, boss: User, excluded: bool = True) -> None:
    membership.exclude(of(name), boss, excluded)


def items(project) -> list[Item]:
    return list(Item.objects.filter(project=project).order_by("position"))


def labels(project) -> list[list[str]]:
    return [sorted(one.annotator for one in trace.submissions) for trace in labeled_traces(project, using="default")]


def surplus(project) -> list[str]:
    found = labeled_traces(project, using="default", include_surplus=True)
    return sorted(one.annotator for trace in found for one in trace.submissions if "surplus" in one.flags)


def after(seconds: int) -> datetime:
    return timezone.now() + timedelta(seconds=seconds)


def change(item: Item, name: str, boss: User) -> Submission:
    """Somebody's answers to an item submitted again, as a manager let them."""
    assignment = Assignment.objects.get(item=item, annotator=person(name))
    managing.reopen(assignment.pk, boss)
    body = {"op_id": uuid.uuid4().hex, "tab": "tab", "version": assignment.version, "ops": []}
    return submit(assignment.public_id, person(name), body)


class TestWhatIsFinished:
    def test_a_label_that_is_left_out_is_none(self, project, boss):
        assert (status(project).items.finished, status(project).overlap.labels_submitted) == (2, 4)
        exclude("ann", boss)
        report = status(project)
        assert (report.items.finished, report.items.open, report.overlap.items.finished) == (0, 2, 0)
        assert (report.overlap.labels_submitted, report.overlap.labels_planned) == (2, 4)
        exclude("bob", boss)
        assert status(project).items.open == coverage(project, using="default").items - coverage(project).labeled == 2

    def test_the_lists_behind_the_numbers_say_the_same(self, project, boss):
        exclude("ann", boss)
        found = Item.objects.filter(project=project)
        for projects in (None, [project.pk]):
            assert found.unfinished(projects).count() == found.short_of_overlap(projects).count() == 2
            assert found.filled_in_vain(projects).count() == 2
            assert not found.finished(projects).exists()
        exclude("ann", boss, False)
        assert not found.filled_in_vain().exists()
        assert found.finished().count() == 2

    def test_somebody_who_is_left_out_elsewhere_counts_here(self, project, boss, tmp_path):
        other = make_project(tmp_path / "other", traces=make_traces(1), name="Other", people=("dan",))
        Membership.objects.create(project=other, user=person("ann"), role="annotator", source="admin", is_excluded=True)
        assert status(project).items.finished == 2
        assert not Item.objects.filter(project=project).filled_in_vain().exists()

    def test_the_manager_is_told_and_led_to_the_items(self, project, boss, admin_client):
        exclude("ann", boss)
        admin_client.post(reverse("manage-count", args=[project.slug]))
        from annotation.quality import statistics
        from potato_site.jobs import run_now

        run_now(statistics.JOB, {"project": project.pk})
        page = admin_client.get(reverse("manage-overview", args=[project.slug]))
        text = page.content.decode()
        assert "2 items have labels that are left out, in places that nobody else is given" in text
        assert "Every item has all its labels" not in text
        rows = admin_client.get(page.context["links"].filled_in_vain).content.decode()
        assert rows.count("1 of 2, 1 left out") == 2
        assert "finished</span>" not in rows


class TestBackIntoTheQueue:
    def test_the_places_go_to_others_and_never_to_the_person(self, project, boss):
        exclude("ann", boss)
        assert hand_out(project, person("cat")).assignment is None
        for item in items(project):
            managing.requeue(item.pk, boss)
        assert status(project).items.open == 2
        assert not Item.objects.filled_in_vain().exists()
        for name in ("ann", "bob"):
            assert hand_out(project, person(name)).assignment is None
        for _ in range(2):
            submit_item(project, "cat", answers())
        assert labels(project) == [["bob", "cat"]] * 2
        assert status(project).items.finished == 2
        entry = AuditEntry.objects.filter(action="item.requeue").latest("pk")
        assert (entry.user, entry.before) == (boss, {"labels_left_out": 1})

    def test_nothing_else_gives_up_its_place(self, project, boss):
        exclude("ann", boss)
        first, _ = items(project)
        managing.requeue(first.pk, boss)
        assert Slot.objects.filter(assignment=None).count() == 1
        with pytest.raises(states.Closed, match="No label that is left out"):
            managing.requeue(first.pk, boss)

    def test_who_is_taken_in_again_takes_what_is_free_and_is_surplus_elsewhere(self, project, boss):
        exclude("ann", boss)
        first, second = items(project)
        for item in (first, second):
            managing.requeue(item.pk, boss)
        submit_item(project, "cat", answers())
        exclude("ann", boss, False)
        assert labels(project) == [["bob", "cat"], ["ann", "bob"]]
        assert surplus(project) == ["ann"]
        assert list(Assignment.objects.surplus().values_list("annotator__username", "item")) == [("ann", first.pk)]
        for item in (first, second):
            assert Slot.objects.filter(item=item).exclude(assignment=None).count() == 2
        assert status(project).items.finished == 2
        # What was submitted stays as it was.
        assert not Submission.objects.filter(flags__contains="surplus").exists()

    def test_the_lists_and_pages_say_which_label_lost_its_place(self, project, boss, admin_client):
        exclude("ann", boss)
        first, _ = items(project)
        managing.requeue(first.pk, boss)
        submit_item(project, "cat", answers())
        exclude("ann", boss, False)
        lost = Submission.objects.get(assignment__item=first, assignment__annotator=person("ann"))
        listed = admin_client.get(
            f"{reverse('admin:annotation_submission_changelist')}?project={project.pk}&flag=surplus"
        )
        assert [one.pk for one in listed.context["cl"].result_list] == [lost.pk]
        assert listed.content.decode().count('flag-quiet">surplus</span>') == 1
        told = caller("admin").get(f"projects/{project.slug}/submissions").json()["results"]
        assert [one["seq"] for one in told if one["flags"] == ["surplus"]] == [lost.seq]
        voices = together(submissions_of(first.pk)).voices
        assert [voice.name for voice in voices if voice.flags] == ["ann"]

    def test_many_are_taken_in_again_in_few_queries(self, tmp_path, boss, django_assert_max_num_queries):
        project = make_project(tmp_path, traces=make_traces(6), people=PEOPLE)
        for _ in range(6):
            submit_item(project, "ann", answers())
        exclude("ann", boss)
        for item in items(project):
            managing.requeue(item.pk, boss)
        with django_assert_max_num_queries(40):
            exclude("ann", boss, False)
        assert labels(project) == [["ann"]] * 6
        assert Slot.objects.exclude(assignment=None).count() == 6

    def test_a_label_changed_while_it_is_left_out_comes_back_like_the_others(self, project, boss):
        exclude("ann", boss)
        for item in items(project):
            managing.requeue(item.pk, boss)
            assert change(item, "ann", boss).flags == []
        # Not into the place that others were to get.
        assert Slot.objects.filter(assignment=None).count() == 2
        submit_item(project, "cat", answers())
        exclude("ann", boss, False)
        assert labels(project) == [["bob", "cat"], ["ann", "bob"]]
        assert surplus(project) == ["ann"]

    def test_a_label_that_lost_its_place_takes_one_that_is_free_when_it_is_submitted_again(self, project, boss):
        exclude("ann", boss)
        first, _ = items(project)
        managing.requeue(first.pk, boss)
        given = hand_out(project, person("cat")).assignment
        exclude("ann", boss, False)
        assert surplus(project) == ["ann"]
        states.release(given.public_id, person("cat"))
        assert change(first, "ann", boss).flags == []
        assert labels(project) == [["ann", "bob"]] * 2
        assert surplus(project) == []
        assert not Slot.objects.filter(assignment=None).exists()

    @pytest.mark.parametrize(
        ("act", "told"), [(managing.calibrate, "calibration set"), (managing.withdraw, "withdrawn")]
    )
    def test_what_is_handed_out_to_nobody_has_no_queue(self, project, boss, act, told):
        exclude("ann", boss)
        first, second = items(project)
        act(first.pk, boss)
        assert list(Item.objects.filled_in_vain()) == [second]
        with pytest.raises(states.Closed, match=told):
            managing.requeue(first.pk, boss)
        exclude("ann", boss, False)
        assert surplus(project) == []
        assert Slot.objects.filter(item=first).exclude(assignment=None).count() == 2

    def test_an_item_of_a_withdrawn_trace_has_no_queue(self, project, boss):
        exclude("ann", boss)
        first, _ = items(project)
        set_withdrawn(first.trace_a, True, boss)
        with pytest.raises(states.Closed, match="withdrawn"):
            managing.requeue(first.pk, boss)

    @pytest.mark.parametrize(
        ("act", "undo"), [(managing.calibrate, managing.end_calibration), (managing.withdraw, managing.restore)]
    )
    def test_a_label_is_not_lost_with_places_that_went(self, project, boss, act, undo):
        exclude("ann", boss)
        first, _ = items(project)
        managing.requeue(first.pk, boss)
        act(first.pk, boss)
        sync_items(project)
        exclude("ann", boss, False)
        assert change(first, "ann", boss).flags == []
        undo(first.pk, boss)
        sync_items(project)
        assert labels(project) == [["ann", "bob"]] * 2

    def test_a_label_whose_places_others_filled_before_they_went_is_surplus(self, project, boss):
        exclude("ann", boss)
        first, _ = items(project)
        managing.requeue(first.pk, boss)
        submit_item(project, "cat", answers())
        managing.withdraw(first.pk, boss)
        sync_items(project)
        exclude("ann", boss, False)
        managing.restore(first.pk, boss)
        assert labels(project) == [["bob", "cat"], ["ann", "bob"]]

    @pytest.mark.parametrize(("act", "undo"), AWAY_AND_BACK.values(), ids=AWAY_AND_BACK)
    def test_a_label_that_counts_again_meanwhile_has_its_place_when_the_item_is_back(self, project, boss, act, undo):
        exclude("ann", boss)
        first, _ = items(project)
        managing.requeue(first.pk, boss)
        act(first, boss)
        sync_items(project)
        exclude("ann", boss, False)
        assert Slot.objects.filter(item=first).count() == 1
        undo(first, boss)
        sync_items(project)
        assert hand_out(project, person("cat")).assignment is None
        assert status(project).items.finished == 2
        assert labels(project) == [["ann", "bob"]] * 2

    def test_of_labels_that_find_too_few_places_the_last_is_surplus(self, project, boss):
        first, _ = items(project)
        for name in ("ann", "bob"):
            exclude(name, boss)
        managing.requeue(first.pk, boss)
        submit_item(project, "cat", answers())
        managing.withdraw(first.pk, boss)
        sync_items(project)
        for name in ("ann", "bob"):
            exclude(name, boss, False)
        before = Project.objects.get().seq
        managing.restore(first.pk, boss)
        assert labels(project)[0] == ["ann", "cat"]
        assert surplus(project) == ["bob"]
        assert not Slot.objects.filter(assignment=None).exists()
        first.refresh_from_db()
        assert first.changed_seq == Project.objects.get().seq > before

    def test_a_label_that_is_left_out_takes_no_place_of_an_item_that_is_back(self, project, boss):
        exclude("ann", boss)
        first, _ = items(project)
        managing.requeue(first.pk, boss)
        managing.withdraw(first.pk, boss)
        sync_items(project)
        managing.restore(first.pk, boss)
        assert hand_out(project, person("cat")).assignment.item == first

    def test_work_that_went_on_after_its_place_was_gone_has_it_when_the_item_is_back(self, tmp_path, boss):
        project = make_project(tmp_path, traces=make_traces(1), people=PEOPLE, overlap=0)
        given = hand_out(project, person("ann")).assignment
        for number in range(4):
            seen(
                given.public_id,
                person("ann"),
                {"seq": number + 1, "delta_ms": 15_000, "steps": {}},
                after(15 * number + 15),
            )
        states.expire_overdue(after(7200))
        managing.withdraw(given.item_id, boss)
        sync_items(project)
        ops = [op(scheme, changes) for scheme, changes in answers().items()]
        submit(
            given.public_id,
            person("ann"),
            {"op_id": uuid.uuid4().hex, "tab": "tab", "version": 0, "ops": ops},
            after(7260),
        )
        assert not Slot.objects.exists()
        managing.restore(given.item_id, boss)
        assert hand_out(project, person("bob")).assignment is None
        assert labels(project) == [["ann"]]

    def test_the_list_of_items_does_it_after_a_page_that_says_what_happens(self, project, boss, admin_client):
        exclude("ann", boss)
        listed = f"{reverse('admin:annotation_item_changelist')}?project={project.pk}&work=filled_in_vain"
        body = {"action": "requeue", "_selected_action": [item.pk for item in items(project)], "index": "0"}
        assert "handed out to others" in admin_client.post(listed, body).content.decode()
        told = admin_client.post(listed, {**body, "confirm": "yes"}, follow=True).content.decode()
        assert "2 items put back into the queue." in told
        assert Slot.objects.filter(assignment=None).count() == 2


class TestTheirWork:
    def test_who_is_left_out_gets_nothing_new_and_may_finish(self, tmp_path, boss):
        project = make_project(tmp_path, traces=make_traces(3), people=PEOPLE)
        given = hand_out(project, person("ann")).assignment
        exclude("ann", boss)
        assert hand_out(project, person("ann")).assignment == given
        submit_item(project, "ann", answers())
        found = hand_out(project, person("ann"))
        assert (found.assignment, found.reason) == (None, "The project's manager has paused your work here.")
        assert next(one.left for one in status(project).people if one.username == "ann") == 0
        exclude("ann", boss, False)
        assert hand_out(project, person("ann")).assignment is not None

    def test_what_was_kept_for_them_goes_to_others(self, tmp_path, boss):
        project = make_project(tmp_path, traces=make_traces(1), people=PEOPLE, overlap=0)
        given = hand_out(project, person("bob")).assignment
        managing.reassign(given.pk, boss, person("ann").pk)
        assert hand_out(project, person("cat")).assignment is None
        exclude("ann", boss)
        assert not Assignment.objects.filter(annotator=person("ann")).exists()
        assert hand_out(project, person("cat")).assignment is not None

    def test_no_item_is_kept_for_them(self, project, boss):
        exclude("cat", boss)
        mine = Assignment.objects.filter(annotator=person("ann")).first()
        with pytest.raises(states.Closed, match="labels are left out"):
            managing.reassign(mine.pk, boss, person("cat").pk)

    @pytest.mark.parametrize("where", ["manage-people", "admin:annotation_membership_changelist"])
    def test_the_pages_that_do_it_say_so(self, project, admin_client, where):
        if where == "manage-people":
            text = admin_client.get(reverse(where, args=[project.slug])).content.decode()
        else:
            body = {"action": "exclude", "_selected_action": [of("ann").pk], "index": "0"}
            text = admin_client.post(reverse(where), body).content.decode()
        assert "no new items" in text
