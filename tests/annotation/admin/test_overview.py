"""The overview of a project: what a manager sees every morning."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from annotation.admin.links import links_of
from annotation.assignments import managing, states
from annotation.assignments.handout import hand_out
from annotation.models import Assignment, Item, Membership, Presence, Statistic, Submission
from annotation.quality import statistics
from potato_site.accounts.models import User
from potato_site.jobs import enqueue, run_now
from potato_site.jobs.models import Job
from tests.factory import answers, make_project, make_traces, person, submit_item

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])]


def member(client, project, role="manager"):
    user = User.objects.create_user(f"the_{role}")
    Membership.objects.create(project=project, user=user, role=role, source=Membership.Source.ADMIN)
    client.force_login(user)
    return client


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path, traces=make_traces(3))


@pytest.fixture
def manager(client, project):
    return member(client, project)


def page(client, project, part="") -> str:
    headers = {"HX-Request": "true", "HX-Target": part} if part else {}
    response = client.get(reverse("manage-overview", args=[project.slug]), headers=headers)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def count(project):
    run_now(statistics.JOB, {"project": project.pk})


class TestWhoSeesIt:
    @pytest.mark.parametrize("role", ["viewer", "adjudicator"])
    def test_who_only_looks_gets_no_button(self, client, project, role):
        text = page(member(client, project, role), project)
        assert "Items finished" in text
        assert "Count now" not in text

    def test_a_manager_gets_it(self, manager, project):
        assert "Count now" in page(manager, project)

    def test_an_annotator_does_not(self, client, project):
        client.force_login(person("ann"))
        for name in ("manage-overview", "manage-quality"):
            assert client.get(reverse(name, args=[project.slug])).status_code == 404
        assert client.post(reverse("manage-count", args=[project.slug])).status_code == 404

    def test_a_viewer_cannot_have_it_counted(self, client, project):
        viewer = member(client, project, "viewer")
        assert viewer.post(reverse("manage-count", args=[project.slug])).status_code == 404
        assert not Job.objects.filter(kind=statistics.JOB).exists()


class TestOnTheFirstPage:
    def test_each_project_says_how_far_it_is_once_counted(self, manager, project):
        def first_page() -> str:
            return manager.get(reverse("admin:index")).content.decode()

        assert "items finished" not in first_page()
        for name, said in (("ann", "0 of 3 items finished"), ("bob", "1 of 3 items finished")):
            submit_item(project, name, answers())
            count(project)
            assert said in first_page()


class TestBeforeAnything:
    def test_every_part_says_what_will_be_there(self, manager, project):
        text = page(manager, project)
        for words in (
            "Not counted yet", "No submission in the last 60 days", "Nobody has an item open", "No submission yet",
            "No import, export or rendering is running",
        ):  # fmt: skip
            assert words in text, words

    def test_a_project_that_was_counted_empty_says_the_same(self, manager, project):
        count(project)
        text = page(manager, project)
        assert "Counted at" in text
        assert "No trace has labels of two people yet" in text

    def test_looking_counts_nothing(self, manager, project):
        page(manager, project)
        assert not Job.objects.filter(kind=statistics.JOB).exists()


class TestTheNumbers:
    def test_they_are_shown_with_their_age(self, manager, project):
        submit_item(project, "ann", answers())
        submit_item(project, "bob", answers())
        count(project)
        assert '1 <span class="of">of 3</span>' in page(manager, project)
        submit_item(project, "ann", answers())
        assert "· 1 submission since" in page(manager, project)

    def test_the_button_has_them_counted(self, manager, project):
        response = manager.post(reverse("manage-count", args=[project.slug]), follow=True)
        assert "being counted" in response.content.decode()
        assert Job.objects.get(kind=statistics.JOB).params == {"project": project.pk}

    def test_the_plots_have_a_table_beside_them(self, manager, project):
        made = submit_item(project, "ann", answers(), seconds=90)
        Submission.objects.filter(pk=made.pk).update(submitted_at=timezone.now() - timedelta(days=2))
        count(project)
        text = page(manager, project)
        day = (timezone.now() - timedelta(days=2)).date()
        assert f"{day:%a} {day.day} {day:%b}: 1 submission" in text
        assert f'<th scope="row">{day:%a} {day.day} {day:%b %Y}</th>' in text
        assert '<td class="number">1:30</td>' in text

    def test_its_days_are_those_of_the_managers_time_zone(self, manager, project):
        """Kiritimati is a day and an hour ahead of Niue: a day there never is the same day here."""
        made = submit_item(project, "ann", answers())
        at = timezone.now() - timedelta(days=2)
        Submission.objects.filter(pk=made.pk).update(submitted_at=at)
        count(project)
        for zone in ("Pacific/Kiritimati", "Pacific/Niue"):
            User.objects.filter(username="the_manager").update(preferences={"timezone": zone})
            day = at.astimezone(ZoneInfo(zone)).date()
            text = page(manager, project)
            assert f"days in {zone}" in text
            assert f'<th scope="row">{day:%a} {day.day} {day:%b %Y}</th>' in text

    def test_agreement_is_said_in_words(self, manager, project):
        for step in (0, 1, 2):
            submit_item(project, "ann", answers(step, "resolved" if step else "partial"))
            submit_item(project, "bob", answers(step, "partial" if step else "resolved"))
        count(project)
        text = page(manager, project)
        assert "Too low" in text
        assert "Agreement on “outcome” (choice) is too low: α −" in text
        full = manager.get(reverse("manage-quality", args=[project.slug])).content.decode()
        assert "<bdi>ann</bdi> and <bdi>bob</bdi>" in full
        assert "0 %" in full

    def test_one_trace_on_which_two_differ_is_no_alarm(self, manager, project):
        submit_item(project, "ann", answers(0, "resolved"))
        submit_item(project, "bob", answers(1, "partial"))
        count(project)
        text = page(manager, project)
        assert "is too low" not in text
        assert "Too low" not in text
        assert "Uncertain" in text

    def test_of_first_errors_those_within_a_step_are_told(self, manager, project):
        for ann, bob in ((0, 1), (1, 4), (2, 2)):
            submit_item(project, "ann", answers(ann))
            submit_item(project, "bob", answers(bob))
        count(project)
        for name in ("manage-overview", "manage-quality"):
            text = " ".join(manager.get(reverse(name, args=[project.slug])).content.decode().split())
            assert text.count("% within a step") == 1
            assert "33 % the same · 67 % within a step · 3 traces" in text

    def test_what_an_earlier_release_counted_is_shown(self, manager, project):
        submit_item(project, "ann", answers(0))
        submit_item(project, "bob", answers(1))
        count(project)
        kept = Statistic.objects.get(project=project, kind=statistics.AGREEMENT)
        for one in kept.payload["results"]:
            del one["within_one_step"]
        kept.save()
        assert "within a step" not in page(manager, project)

    def test_who_is_too_fast_again_and_again_is_named(self, client, tmp_path):
        project = make_project(tmp_path, traces=make_traces(4, steps=30))
        manager = member(client, project)
        for _ in range(3):
            submit_item(project, "ann", answers(), seconds=15)
        count(project)
        assert "ann: 3 of 3 submissions came too fast" in page(manager, project)

    def test_who_judges_what_was_never_in_view_is_named(self, client, tmp_path):
        project = make_project(tmp_path, traces=make_traces(4))
        manager = member(client, project)
        for _ in range(3):
            submit_item(project, "ann", answers())
        Submission.objects.update(flags=["unread"])
        count(project)
        text = page(manager, project)
        assert "ann: 3 of 3 submissions judge steps that were never in view." in text
        assert rows_of(manager, links_of(project).unread) == 3

    def test_who_skips_again_and_again_is_named_with_the_way_to_what_and_why(self, client, tmp_path):
        project = make_project(tmp_path, traces=make_traces(8), people=["ann", "bob"])
        manager = member(client, project)
        for name, times in (("ann", 3), ("bob", 2)):
            for number in range(times):
                states.skip(hand_out(project, person(name)).assignment.public_id, person(name), f"{name} {number}")
            submit_item(project, name, answers())
        count(project)
        text = page(manager, project)
        assert "ann skipped 3 of 4 items." in text
        assert "bob skipped" not in text
        address = links_of(project).skipped
        assert link_text(text, address) == "Show them"
        listed = manager.get(address).content.decode()
        assert all(reason in listed for reason in ("ann 0", "ann 2", "bob 1"))

    def test_an_item_that_several_skip_is_told(self, client, tmp_path):
        project = make_project(tmp_path, traces=make_traces(3), people=["ann", "bob"])
        manager = member(client, project)
        for name in ("ann", "bob"):
            states.skip(hand_out(project, person(name)).assignment.public_id, person(name), "no log")
        count(project)
        text = page(manager, project)
        assert "1 item was skipped by several people: is something wrong with it?" in text
        assert rows_of(manager, links_of(project).often_skipped) == 1


class TestNow:
    def test_who_has_what_open(self, manager, project):
        given = hand_out(project, person("ann")).assignment
        text = page(manager, project, "live")
        assert "ann" in text
        assert "here" in text
        assert given.item.trace_a.external_id in text

    def test_a_lease_that_ran_out_is_overdue(self, manager, project):
        given = hand_out(project, person("ann")).assignment
        Assignment.objects.filter(pk=given.pk).update(lease_until=timezone.now() - timedelta(minutes=1))
        text = page(manager, project)
        assert "1 item is past the end of the lease." in text
        assert ">overdue since " in text

    def test_work_that_waits_for_somebody_is_apart_one_line_for_each(self, manager, project):
        """With the day its leases end: nobody is at it, and it is no sign of anybody being away."""
        end = timezone.now() + timedelta(days=7)
        for _ in range(3):
            states.reopen_for(submit_item(project, "ann", answers()).assignment, timezone.now())
        Assignment.objects.filter(state="reopened").update(lease_until=end)
        Presence.objects.update(last_seen_at=timezone.now() - timedelta(hours=1))
        text = page(manager, project, "live")
        assert "Nobody has an item open" in text
        assert "away" not in text
        assert ">3 reopened</a>" in text
        local = timezone.localtime(end)
        assert f"until {local.day} {local:%b}, {local:%H:%M}" in text
        found = re.search(r'href="([^"]*)">3 reopened', text)
        assert rows_of(manager, found.group(1).replace("&amp;", "&")) == 3
        count(project)
        people = page(manager, project, "figures").partition(">Annotator<")[2]
        assert '<td class="number">3</td> <td class="number">3</td>' in people, "submitted, and open"

    def test_who_is_changing_something_is_at_work(self, manager, project):
        states.reopen_for(submit_item(project, "ann", answers()).assignment, timezone.now(), states.LEASE)
        Presence.objects.update(last_seen_at=timezone.now())
        text = page(manager, project, "live")
        assert "changing" in text
        assert "Waiting for somebody" not in text

    def test_what_is_kept_for_somebody_waits_for_them(self, manager, project):
        given = hand_out(project, person("ann")).assignment
        states.release(given.public_id, person("ann"))
        with transaction.atomic():
            states.reserve(given.item_id, project.pk, person("bob").pk, timezone.now())
        text = page(manager, project, "live")
        assert "Nobody has an item open" in text
        assert "1 reserved" in text

    def test_a_job_that_nobody_takes_is_waiting(self, manager, project):
        Job.objects.all().delete()
        job = enqueue("exports.build", {"project": project.pk, "format": "prm"})
        Job.objects.filter(pk=job.pk).update(due_at=timezone.now() - timedelta(minutes=1))
        text = page(manager, project)
        assert "waiting for a worker" in text
        assert "Is a worker running?" in text

    def test_a_failed_job_is_shown_with_its_reason_to_managers_only(self, manager, project, client):
        job = enqueue("exports.build", {"project": project.pk, "format": "prm"})
        Job.objects.filter(pk=job.pk).update(state="failed", error="no room on the disk", finished_at=timezone.now())
        assert "no room on the disk" in page(manager, project)
        text = page(member(client, project, "viewer"), project)
        assert "1 job failed" in text
        assert "no room on the disk" not in text

    def test_the_jobs_of_another_project_are_not_shown(self, manager, project, tmp_path):
        other = make_project(tmp_path / "other", name="Other project")
        Job.objects.all().delete()
        enqueue("exports.build", {"project": other.pk, "format": "prm"})
        enqueue("traces.import", {"dataset": other.dataset_id, "paths": []})
        assert "No import, export or rendering is running" in page(manager, project)
        enqueue("traces.import", {"dataset": project.dataset_id, "paths": []})
        assert "Import of traces" in page(manager, project)

    def test_names_of_strangers_are_text(self, client, tmp_path):
        trace = {**make_traces(1)[0], "id": "<img src=x>", "issue_description": "<script>alert(1)</script>"}
        project = make_project(tmp_path, traces=[trace])
        hand_out(project, person("ann"))
        submit_item(project, "bob", answers())
        text = page(member(client, project), project)
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "&lt;script&gt;alert(1)" in text


class TestFetchedAgain:
    def test_the_live_part_comes_alone(self, manager, project):
        text = page(manager, project, "live")
        assert text.startswith('<div id="live"')
        assert "Items finished" not in text

    def test_the_numbers_come_only_when_they_were_counted_again(self, manager, project):
        count(project)
        mark = statistics.read(project)["count"].computed_at.isoformat()
        headers = {"HX-Request": "true", "HX-Target": "figures"}
        address = reverse("manage-overview", args=[project.slug])
        assert manager.get(address, {"counted": mark}, headers=headers).status_code == 204
        count(project)
        response = manager.get(address, {"counted": mark}, headers=headers)
        assert response.content.decode().strip().startswith('<div id="figures"')


def test_the_number_of_queries_does_not_grow(client, tmp_path):
    small = make_project(tmp_path / "small", traces=make_traces(1), name="small")
    large = make_project(tmp_path / "large", traces=make_traces(8), people=[f"p{n}" for n in range(6)], name="large")
    client.force_login(User.objects.create_superuser("root"))
    for number in range(6):
        submit_item(large, f"p{number}", answers())
        hand_out(large, person(f"p{number}"))
    numbers = []
    for project in (small, large):
        count(project)
        page(client, project)
        with CaptureQueriesContext(connection) as queries:
            page(client, project)
        numbers.append(len(queries))
    assert numbers[1] <= numbers[0] + 1
    assert numbers[1] <= 16


def test_the_numbers_lead_to_the_rows_behind_them(client, tmp_path):
    project = make_project(tmp_path, traces=make_traces(4, steps=30))
    manager = member(client, project)
    submit_item(project, "ann", answers(), seconds=15)
    submit_item(project, "bob", answers(), seconds=60)
    submit_item(project, "bob", answers(), seconds=60)
    count(project)
    links = links_of(project)
    assert link_text(page(manager, project), links.short_of_overlap) == "3 short of it"
    assert rows_of(manager, links.short_of_overlap) == 3
    assert link_text(page(manager, project), links.unfinished) == "3 to go"
    assert rows_of(manager, links.unfinished) == 3
    assert link_text(page(manager, project), links.too_fast) == "Show them"
    assert rows_of(manager, links.too_fast) == 1


def test_what_people_do_before_they_begin_is_in_no_list_behind_a_number(client, tmp_path):
    project = make_project(tmp_path, traces=make_traces(5, steps=30))
    manager, boss = member(client, project), User.objects.get(username="the_manager")
    managing.calibrate(Item.objects.filter(project=project).first().pk, boss)
    for name in ("ann", "bob"):
        for _ in range(4):
            submit_item(project, name, answers(), seconds=0)
    links = links_of(project)
    count(project)
    assert statistics.read(project)["pace"].payload["too_fast"] == 6
    assert rows_of(manager, links.too_fast) == 6
    notice = next(one for one in notices_of(manager, project) if one.text.startswith("ann"))
    Submission.objects.update(flags=["too_fast", "unread"])
    assert rows_of(manager, links.unread) == 6
    assert rows_of(manager, notice.url) == 3, "those of the one who is named"


def test_a_check_of_somebody_makes_no_item_unfinished(client, tmp_path):
    project = make_project(tmp_path, traces=make_traces(2), people=("ann", "bob", "cat"))
    manager = member(client, project)
    for name in ("ann", "bob"):
        submit_item(project, name, answers())
    item = Item.objects.get(assignments__annotator=person("bob"))
    work = {"item": item, "project": project, "annotator": person("cat"), "state": "open"}
    Assignment.objects.create(**work, purpose="gold", lease_until=timezone.now() + states.LEASE)
    count(project)
    assert statistics.read(project)["progress"].payload["items"]["open"] == 1
    assert rows_of(manager, links_of(project).unfinished) == 1


def notices_of(client, project):
    return client.get(reverse("manage-overview", args=[project.slug])).context["notices"]


def link_text(text: str, address: str) -> str:
    found = re.search(rf'<a href="{re.escape(address.replace("&", "&amp;"))}">([^<]*)</a>', text)
    assert found, address
    return found[1]


def rows_of(client, address: str) -> int:
    return len(client.get(address).context["cl"].result_list)
