"""Deciding where annotators differ: who may, what becomes of two at once, and what it is not counted as."""

import json
import re
import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.http import Http404
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from annotation.answers.ops import apply_ops
from annotation.answers.submission import submit
from annotation.assignments import adjudication, managing, states
from annotation.assignments.handout import hand_out
from annotation.audits import event_chains
from annotation.models import Answer, Assignment, Item, Membership, Slot, Submission
from annotation.projects import membership
from annotation.projects.revisions import current, set_config
from annotation.quality import statistics
from annotation.quality.disagreement import n_answers
from annotation.quality.status import status
from potato_site.accounts.models import User
from potato_site.operations.audits import Audit
from tests import kept
from tests.factory import (
    ERROR_DESCRIPTION,
    FIRST_ERROR,
    OUTCOME,
    answers,
    make_project,
    make_trace,
    make_traces,
    op,
    person,
    submit_item,
)

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])]
State = Assignment.State


def member(project, name, role="adjudicator"):
    user, _ = User.objects.get_or_create(username=name)
    Membership.objects.create(project=project, user=user, role=role, source=Membership.Source.ADMIN)
    return user


@pytest.fixture
def project(tmp_path):
    """trace_001 is disputed, trace_002 agreed upon, trace_003 answered by one person."""

    def make():
        made = make_project(tmp_path, traces=make_traces(3), minimum_time=20)
        submit_item(made, "ann", answers(1))
        submit_item(made, "bob", answers(4, "not_resolved"))
        submit_item(made, "ann", answers(2))
        submit_item(made, "bob", answers(2))
        submit_item(made, "ann", answers(None))
        statistics.compute(made)
        return made

    return kept.again("adjudication", tmp_path, make)


@pytest.fixture
def judge(project):
    return member(project, "judge")


def item_of(project, trace):
    return Item.objects.select_related("project", "trace_a", "trace_b").get(project=project, trace_a__external_id=trace)


def opened(project, user, trace="trace_001", **keys):
    item = item_of(project, trace)
    return adjudication.open_item(item, user, n_answers(project, item), **keys)


def decide(assignment, user, values):
    assignment.refresh_from_db()
    ops = [op(scheme, changes, base=assignment.version) for scheme, changes in values.items()]
    payload = {"op_id": uuid.uuid4().hex, "tab": "tab", "version": assignment.version, "ops": ops}
    return submit(assignment.public_id, user, payload)


def annotates(project, user):
    return Membership.objects.create(project=project, user=user, role="annotator", source=Membership.Source.ADMIN)


def role_of(user, role="adjudicator"):
    return Membership.objects.get(user=user, role=role)


def ask_first_error_per_step(project):
    """The first question means something else from now on, the others the same."""
    first, *others = current(project).annotation_schemes
    changed = type(first).model_validate({**first.model_dump(exclude_unset=True), "mode": "per_step"})
    set_config(project, current(project).model_copy(update={"annotation_schemes": (changed, *others)}), None)
    project.refresh_from_db()


def queue(client, project, **query):
    return client.get(reverse("manage-adjudicate", args=[project.slug]), query)


def words(response):
    return " ".join(response.content.decode().split())


class TestTheQueue:
    def test_it_shows_what_differs_in_words(self, client, project, judge):
        client.force_login(judge)
        text = words(queue(client, project))
        assert "trace_001" in text
        assert "trace_002" not in text
        assert "trace_003" not in text
        assert "First error: step 1 / step 4" in text
        assert "Did the agent resolve the issue? Fully Resolved / Not Resolved" in text
        assert "2 people answered" in text

    def test_a_decided_item_moves(self, client, project, judge):
        decide(opened(project, judge), judge, answers(1))
        client.force_login(judge)
        assert "trace_001" not in words(queue(client, project))
        text = words(queue(client, project, show="decided"))
        assert "trace_001" in text
        assert "decided by <bdi>judge</bdi>" in text
        assert ">Change<" in text
        assert "trace_001" in words(queue(client, project, show="all"))

    def test_the_second_sees_who_is_at_it(self, client, project, judge):
        opened(project, judge)
        client.force_login(member(project, "other"))
        text = words(queue(client, project))
        assert "being decided by <bdi>judge</bdi>" in text
        assert ">Decide<" not in text

    def test_it_tells_what_would_be_here(self, client, tmp_path):
        empty = make_project(tmp_path)
        statistics.compute(empty)
        client.force_login(member(empty, "judge"))
        assert "There is nothing to decide. An item appears here when" in words(queue(client, empty))

    def test_the_overview_and_the_project_lead_there(self, client, project, judge):
        client.force_login(judge)
        address = reverse("manage-adjudicate", args=[project.slug])
        overview = words(client.get(reverse("manage-overview", args=[project.slug])))
        assert "1 item to adjudicate: the annotators differ." in overview
        assert f'href="{address}"' in overview
        assert f'href="{address}">Adjudicate: 1 to decide' in words(client.get(reverse("project", args=[project.slug])))

    @pytest.mark.parametrize(("role", "status"), [("manager", 200), ("viewer", 404), ("annotator", 404)])
    def test_it_is_for_those_who_decide(self, client, project, role, status):
        client.force_login(member(project, "somebody", role))
        assert queue(client, project).status_code == status
        address = reverse("manage-adjudicate-item", args=[project.slug, item_of(project, "trace_001").pk])
        assert client.post(address).status_code == (302 if status == 200 else 404)
        assert Assignment.objects.filter(purpose="adjudication").exists() == (status == 200)
        if role == "viewer":
            text = words(client.get(reverse("manage-overview", args=[project.slug])))
            assert "1 item to adjudicate" in text
            assert "/adjudicate/" not in text

    def test_an_item_of_another_project_is_not_found(self, client, project, judge, tmp_path):
        other = make_project(tmp_path / "other", name="Other", people=["eve"])
        client.force_login(judge)
        address = reverse("manage-adjudicate-item", args=[project.slug, item_of(other, "trace_001").pk])
        assert client.post(address).status_code == 404

    def test_its_queries_do_not_grow_with_the_rows(self, client, tmp_path):
        counts = []
        for number in (1, 6):
            folder = tmp_path / str(number)
            made = make_project(folder, traces=make_traces(6), name=f"P{number}", people=[f"a{number}", f"b{number}"])
            for _ in range(number):
                submit_item(made, f"a{number}", answers(0))
                submit_item(made, f"b{number}", answers(4))
            statistics.compute(made)
            client.force_login(member(made, "judge"))
            queue(client, made)
            with CaptureQueriesContext(
                connection,
            ) as found:
                assert words(queue(client, made)).count("queue-row") == number
            counts.append(len(found))
        assert counts[0] == counts[1]


class TestOpening:
    def test_it_is_no_place_of_the_item_and_pins_the_revision(self, project, judge):
        made = opened(project, judge)
        assert (made.purpose, made.state, made.revision_id) == ("adjudication", State.OPEN, project.revision_id)
        assert not Slot.objects.filter(assignment=made).exists()

    def test_again_it_is_the_same(self, project, judge):
        assert opened(project, judge).pk == opened(project, judge).pk

    def test_who_labeled_it_may_not(self, project):
        member(project, "ann")
        with pytest.raises(states.Closed, match="as an annotator"):
            opened(project, person("ann"))

    def test_nothing_to_decide_without_two_answers(self, project, judge):
        with pytest.raises(states.Closed, match="fewer than two"):
            opened(project, judge, "trace_003")

    def test_two_adjudicators(self, project, judge):
        opened(project, judge)
        with pytest.raises(states.Closed, match="judge is deciding this item now"):
            opened(project, member(project, "other"))

    def test_the_database_refuses_a_second_one(self, project, judge):
        first = opened(project, judge)
        with pytest.raises(IntegrityError), transaction.atomic():
            Assignment.objects.create(
                item=first.item, project=project, annotator=member(project, "other"), purpose="adjudication",
                state=State.OPEN, revision=first.revision,
            )  # fmt: skip

    def test_a_lease_that_ended_keeps_nobody_waiting(self, project, judge):
        first = opened(project, judge)
        later = timezone.now() + states.LEASE + timedelta(minutes=1)
        second = opened(project, member(project, "other"), now=later)
        first.refresh_from_db()
        assert (first.state, second.state) == (State.EXPIRED, State.OPEN)
        # The first one's page saves once more.
        with pytest.raises(states.Closed, match="somebody else decides it now"):
            apply_ops(first.public_id, judge, [op("outcome", {"": "partial"})], later)

    def test_opening_another_gives_the_first_back(self, project, judge):
        submit_item(project, "bob", answers(1))
        first = opened(project, judge)
        second = opened(project, judge, "trace_003")
        first.refresh_from_db()
        assert (first.state, second.state) == (State.RELEASED, State.OPEN)
        assert opened(project, judge).pk == first.pk

    def test_the_page_of_one_given_back_takes_no_answers_and_leads_on(self, client, project, judge):
        submit_item(project, "bob", answers(1))
        first = opened(project, judge)
        opened(project, judge, "trace_003")
        client.force_login(judge)
        page = client.get(reverse("label", args=[first.public_id]))
        assert page.templates[0].name == "annotation/label_closed.html"
        assert "You are not deciding this item now" in words(page)
        assert reverse("manage-adjudicate", args=[project.slug]) in page.content.decode()
        again = client.post(reverse("manage-adjudicate-item", args=[project.slug, first.item_id]), follow=True)
        assert again.templates[0].name == "annotation/label.html"

    def test_not_beside_an_item_being_labeled(self, project, judge):
        Membership.objects.create(project=project, user=judge, role="annotator", source="admin")
        assert hand_out(project, judge).assignment.item == item_of(project, "trace_003")
        with pytest.raises(states.Closed, match="another item of this project open"):
            opened(project, judge)

    def test_who_also_labels_gets_no_place_for_a_decision_given_back(self, project, judge):
        Membership.objects.create(project=project, user=judge, role="annotator", source="admin")
        made = opened(project, judge)
        assert hand_out(project, judge).assignment == made
        states.release(made.public_id, judge)
        given = hand_out(project, judge).assignment
        assert given is not None
        assert given.purpose == "production"
        assert given.item_id != made.item_id

    def test_it_may_be_skipped_and_taken_up_again(self, project, judge):
        made = opened(project, judge)
        states.skip(made.public_id, judge)
        assert opened(project, judge).pk == made.pk

    def test_it_is_not_theirs_without_the_role(self, client, project, judge):
        made = opened(project, judge)
        Membership.objects.create(project=project, user=judge, role="annotator", source="admin")
        client.force_login(judge)
        page = reverse("label", args=[made.public_id])
        assert client.get(page).status_code == 200
        Membership.objects.filter(user=judge, role="adjudicator").update(state="inactive")
        assert client.get(page).status_code == 404
        with pytest.raises(Http404):
            apply_ops(made.public_id, judge, [op("outcome", {"": "partial"})])

    def test_taken_up_again_it_takes_no_free_place(self, project, judge):
        made = opened(project, judge)
        free = Slot.objects.create(item=made.item, project=project, number=9, queue_key="z")
        states.expire_overdue(timezone.now() + states.LEASE + timedelta(minutes=1), project)
        apply_ops(made.public_id, judge, [op("outcome", {"": "partial"})])
        made.refresh_from_db()
        free.refresh_from_db()
        assert (made.state, free.assignment) == (State.OPEN, None)

    def test_a_superuser_needs_no_membership(self, client, project):
        root = User.objects.create_superuser("root")
        client.force_login(root)
        address = reverse("manage-adjudicate-item", args=[project.slug, item_of(project, "trace_001").pk])
        assert address in words(
            client.get(reverse("manage-item", args=[project.slug, item_of(project, "trace_001").pk]))
        )
        page = client.post(address).url
        assert client.get(page).status_code == 200
        made = Assignment.objects.get(purpose="adjudication")
        assert decide(made, root, answers(1)).flags == []


class TestTheAnswersBeside:
    """What the page holds of the annotators' answers."""

    def state(self, client, made):
        text = client.get(reverse("label", args=[made.public_id])).content.decode()
        return text, json.loads(re.search(r'id="page-state" type="application/json">(.*?)</script>', text)[1])

    def test_nobody_is_named_and_the_letters_stay(self, client, project, judge):
        client.force_login(judge)
        made = opened(project, judge)
        text, state = self.state(client, made)
        assert sorted(state["voices"]["answers"]) == ["A", "B"]
        assert not {"ann", "bob"} & set(re.findall(r"\w+", text))
        states.release(made.public_id, judge)
        other = member(project, "other")
        client.force_login(other)
        again = self.state(client, opened(project, other))[1]
        assert again["voices"]["answers"] == state["voices"]["answers"]

    def test_only_labels_that_count_are_there(self, client, project, judge):
        Membership.objects.filter(user=person("bob")).update(is_excluded=True)
        with pytest.raises(states.Closed, match="fewer than two"):
            opened(project, judge)

    def test_an_annotator_gets_none(self, client, project):
        made = hand_out(project, person("bob")).assignment
        client.force_login(person("bob"))
        text, state = self.state(client, made)
        assert "voices" not in state
        assert "voices" not in text

    def test_hostile_words_are_text(self, client, tmp_path):
        bad = "<script>alert(1)</script>"
        outcome = {**OUTCOME, "label": bad, "options": [{"value": "a", "text": bad}, {"value": "b", "text": "b"}]}
        trace = make_trace("t1", issue_description=bad)
        made = make_project(tmp_path, traces=[trace], schemes=[FIRST_ERROR, outcome, ERROR_DESCRIPTION])
        for name, step in (("ann", 0), ("bob", 4)):
            submit_item(made, name, answers(step, "a" if step else "b", bad))
        statistics.compute(made)
        judge = member(made, "judge")
        client.force_login(judge)
        listed = words(queue(client, made))
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in listed
        beside = self.state(client, opened(made, judge, "t1"))[0]
        assert bad not in listed
        assert bad not in beside


class TestDeciding:
    def test_it_raises_the_counter_and_waits_for_no_time(self, project, judge):
        before = project.seq
        made = decide(opened(project, judge), judge, answers(1))
        assert made.seq > before
        assert made.flags == []

    def test_it_is_nobodys_label(self, project, judge):
        Membership.objects.create(project=project, user=judge, role="annotator", source="admin")
        before = {one.username: one for one in status(project).people}
        kept = statistics.submitted_by_person(project)
        decide(opened(project, judge), judge, answers(1))
        after = {one.username: one for one in status(project).people}
        assert (after["judge"].submitted, after["judge"].assigned) == (0, 0)
        assert after["ann"] == before["ann"]
        assert all(one.submitted == 0 for one in after["judge"].schemes)
        assert statistics.submitted_by_person(project) == kept
        statistics.compute(project)
        stats = statistics.read(project)
        assert stats[statistics.PACE].payload["submissions"] == 5
        assert stats[statistics.ADJUDICATION].payload == {"to_decide": 0, "decided": 1, "asked": 0}

    def test_it_counts_not_against_a_cap(self, project, judge):
        Membership.objects.create(project=project, user=judge, role="annotator", source="admin", caps={"items": 1})
        decide(opened(project, judge), judge, answers(1))
        assert hand_out(project, judge).assignment is not None

    def test_it_can_be_changed_and_invalidated(self, project, judge):
        made = opened(project, judge)
        decide(made, judge, answers(1))
        assert opened(project, judge).state == State.REOPENED
        decide(made, judge, answers(2))
        assert (
            Submission.objects.get(assignment=made, is_current=True).values["step_reward"]["first_error"]["step"] == 2
        )
        other = member(project, "other")
        with pytest.raises(states.Closed, match="judge decided this item on"):
            opened(project, other)
        managing.invalidate(made.pk, other)
        assert opened(project, other).state == State.OPEN
        with pytest.raises(states.Closed, match="other is deciding"):
            opened(project, judge)

    def test_it_is_given_to_nobody_else(self, project, judge):
        made = opened(project, judge)
        with pytest.raises(states.Closed, match="is given to nobody"):
            managing.reassign(made.pk, judge, person("ann").pk)


class TestWithoutTheRole:
    """What becomes of a decision in hand when its person has another role, or none."""

    @pytest.mark.parametrize("how", ["removed", "made a viewer"])
    def test_who_decides_no_more_gives_it_back_and_labels_on(self, project, judge, how):
        annotates(project, judge)
        made = opened(project, judge)
        if how == "removed":
            membership.deactivate(role_of(judge), None)
        else:
            membership.set_role(role_of(judge), "viewer", None)
        made.refresh_from_db()
        assert (made.state, made.reason) == (State.RELEASED, membership.REMOVED)
        assert hand_out(project, judge).assignment.purpose == "production"

    def test_a_decision_being_changed_stands_as_it_was(self, project, judge):
        made = opened(project, judge)
        decide(made, judge, answers(1))
        opened(project, judge)
        membership.deactivate(role_of(judge), None)
        made.refresh_from_db()
        assert made.state == State.SUBMITTED

    def test_a_manager_who_was_an_adjudicator_too_keeps_it(self, project, judge):
        Membership.objects.create(project=project, user=judge, role="manager", source="admin")
        made = opened(project, judge)
        membership.deactivate(role_of(judge), None)
        made.refresh_from_db()
        assert made.state == State.OPEN

    def test_who_labels_no_more_keeps_it_and_gives_labels_back(self, project, judge):
        annotates(project, judge)
        label = submit_item(project, "judge", answers(1)).assignment
        states.reopen(label.public_id, judge)
        made = opened(project, judge)
        membership.deactivate(role_of(judge, "annotator"), None)
        made.refresh_from_db()
        label.refresh_from_db()
        assert (made.state, label.state) == (State.OPEN, State.SUBMITTED)


class TestLeftOut:
    """A decision of somebody whose work is left out decides nothing."""

    @pytest.fixture
    def made(self, project, judge):
        made = opened(project, judge)
        decide(made, judge, answers(1))
        membership.exclude(role_of(judge), None)
        return made

    def test_it_is_to_be_decided_again(self, client, project, made):
        statistics.compute(project)
        assert statistics.read(project)[statistics.ADJUDICATION].payload == {"to_decide": 1, "decided": 0, "asked": 0}
        client.force_login(member(project, "other"))
        assert ">Decide<" in words(queue(client, project))
        assert "trace_001" not in words(queue(client, project, show="decided"))

    def test_somebody_else_decides_it(self, client, project, made):
        other = member(project, "other")
        assert opened(project, other).state == State.OPEN
        made.refresh_from_db()
        assert made.state == State.VOID
        membership.exclude(role_of(made.annotator), None, False)
        with pytest.raises(states.Closed, match="other is deciding"):
            opened(project, made.annotator)

    def test_it_counts_again_with_its_person(self, client, project, judge, made):
        membership.exclude(role_of(judge), None, False)
        statistics.compute(project)
        assert statistics.read(project)[statistics.ADJUDICATION].payload == {"to_decide": 0, "decided": 1, "asked": 0}

    def test_who_is_left_out_is_told(self, project, judge, made):
        with pytest.raises(states.Closed, match="left out"):
            opened(project, judge)


class TestQuestionsThatChanged:
    """A decision taken up again asks what is asked now."""

    @pytest.mark.parametrize("ended", ["changed", "invalidated", "skipped", "released", "expired"])
    def test_it_is_asked_anew(self, project, judge, ended):
        made = opened(project, judge)
        if ended in ("changed", "invalidated"):
            decide(made, judge, answers(1))
        else:
            given = [op("step_reward", {"first_error": {"step": 1}}), op("outcome", {"": "resolved"})]
            apply_ops(made.public_id, judge, given)
        if ended == "invalidated":
            managing.invalidate(made.pk, judge)
        elif ended == "skipped":
            states.skip(made.public_id, judge)
        elif ended == "released":
            states.release(made.public_id, judge)
        elif ended == "expired":
            states.expire_overdue(timezone.now() + states.LEASE + timedelta(minutes=1), project)
        ask_first_error_per_step(project)
        again = opened(project, judge)
        assert (again.pk, again.revision_id) == (made.pk, project.revision_id)
        kept = dict(Answer.objects.filter(assignment=made).values_list("scheme", "value"))
        # The one that means the same is kept.
        assert kept == {"step_reward": {}, "outcome": {"": "resolved"}}
        assert list(event_chains(Audit("answer events", "default"))) == []
        per_step = {str(step): {"label": "correct"} for step in range(5)}
        assert decide(made, judge, {"step_reward": per_step}).revision_id == project.revision_id

    def test_in_hand_it_asks_what_it_asked(self, project, judge):
        made = opened(project, judge)
        ask_first_error_per_step(project)
        assert opened(project, judge).revision_id == made.revision_id != project.revision_id


class TestOneAtATime:
    def test_opening_another_ends_a_change(self, project, judge):
        submit_item(project, "bob", answers(1))
        first = opened(project, judge)
        decide(first, judge, answers(1))
        opened(project, judge)
        second = opened(project, judge, "trace_003")
        first.refresh_from_db()
        assert (first.state, second.state) == (State.SUBMITTED, State.OPEN)

    def test_going_on_with_one_that_a_manager_reopened_gives_the_other_back(self, project, judge):
        submit_item(project, "bob", answers(1))
        first = opened(project, judge)
        decide(first, judge, answers(1))
        second = opened(project, judge, "trace_003")
        managing.reopen(first.pk, judge)
        assert opened(project, judge).state == State.REOPENED
        second.refresh_from_db()
        assert second.state == State.RELEASED


def test_who_waits_for_an_item_is_not_told_of_decisions_in_hand(project, judge):
    submit_item(project, "bob", answers(1))
    annotates(project, User.objects.create_user("cleo"))
    opened(project, judge)
    reason = hand_out(project, person("cleo")).reason
    assert reason == "Every item has as many labels as it needs. Thank you!"


def test_decisions_are_not_counted_among_the_items_one_labeled(client, project, judge):
    decide(opened(project, judge), judge, answers(1))
    annotates(project, judge)
    given = hand_out(project, judge).assignment
    client.force_login(judge)
    assert "Item 1 of 3" in words(client.get(reverse("label", args=[given.public_id])))


def test_withdrawn_items_are_in_no_number_of_the_queue(client, project, judge):
    submit_item(project, "bob", answers(1))
    statistics.compute(project)
    decide(opened(project, judge), judge, answers(1))
    for trace in ("trace_001", "trace_003"):
        managing.withdraw(item_of(project, trace).pk, judge)
    client.force_login(judge)
    assert [one["count"] for one in queue(client, project).context["filters"]] == [0, 0, 0]
    statistics.compute(project)
    assert statistics.read(project)[statistics.ADJUDICATION].payload == {"to_decide": 0, "decided": 0, "asked": 0}
