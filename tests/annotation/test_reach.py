"""Labels that nobody at work can give: how many, and that the manager is told."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from annotation.admin.checklist import checklist
from annotation.assignments import managing, states
from annotation.assignments.handout import hand_out
from annotation.assignments.reach import out_of_reach, told_of_depth
from annotation.models import Assignment, Invitation, Item, Membership, Statistic
from annotation.projects import invitations, membership
from annotation.projects.apply import propose
from annotation.quality import statistics
from annotation.quality.status import status
from potato_site.accounts.models import User
from potato_site.jobs import run_now
from potato_site.jobs.models import Job
from tests.factory import answers, make_project, make_traces, person, submit_item

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])]


def project_of(tmp_path, depth=3, traces=4, **options):
    quality = {"overlap_percentage": 100, "overlap_depth": depth, "minimum_time_per_instance": 0}
    return make_project(tmp_path, traces=make_traces(traces), quality_control=quality, **options)


@pytest.fixture
def boss(db):
    return User.objects.create_user("boss")


def notices(client, project) -> str:
    run_now(statistics.JOB, {"project": project.pk})
    page = client.get(reverse("manage-overview", args=[project.slug]))
    return " ".join(notice.text for notice in page.context["notices"])


def test_two_people_cannot_give_three_labels(tmp_path, admin_client):
    project = project_of(tmp_path)
    assert out_of_reach(project).labels == 4, "before anybody begins"
    for name in ("ann", "bob"):
        for _ in range(4):
            submit_item(project, name, answers())
    said = "4 labels are asked for that nobody at work can give: invite people, or lower the overlap."
    assert said in notices(admin_client, project)
    assert "Every item has all its labels" not in notices(admin_client, project)


def test_who_joins_can_give_them(tmp_path, boss):
    project = project_of(tmp_path)
    Membership.objects.create(project=project, user=boss, role="manager", source="admin")
    Job.objects.all().delete()
    _, path = invitations.invite(project, "annotator", boss)
    invitations.register(path.strip("/").split("/")[-1], "cat", "a-long-password-1")
    assert out_of_reach(project).labels == 0
    assert Job.objects.filter(kind=statistics.JOB).exists(), "what the overview says is counted again"


def test_who_is_invited_is_waited_for(tmp_path, boss, admin_client):
    project = project_of(tmp_path)
    Membership.objects.create(project=project, user=boss, role="manager", source="admin")
    invitations.invite(project, "viewer", boss)
    assert "give: invite people, or" in notices(admin_client, project)
    link, _ = invitations.invite(project, "annotator", boss)
    said = "nobody at work can give: wait for 1 person who is invited, invite more people, or lower the overlap."
    assert said in notices(admin_client, project)
    dora = User.objects.create_user("dora")
    Membership.objects.create(project=project, user=dora, role="annotator", state="invited", source="admin")
    assert "wait for 2 people who are invited," in notices(admin_client, project)
    invitations.revoke(link, boss)
    User.objects.filter(pk=dora.pk).update(is_active=False)
    assert "give: invite people, or" in notices(admin_client, project)


def test_a_project_of_nobody_says_that_somebody_is_invited(tmp_path, boss, admin_client):
    project = project_of(tmp_path, people=[])
    Membership.objects.create(project=project, user=boss, role="manager", source="admin")
    page = reverse("manage-overview", args=[project.slug])
    assert checklist(project, boss)[2].label == "Invite people"
    assert "is invited" not in admin_client.get(page).content.decode()
    invitations.invite(project, "annotator", boss)
    assert checklist(project, boss)[2].note == "Links are made: hand them out."
    assert "1 person is invited." in admin_client.get(page).content.decode()
    Invitation.objects.update(expires_at=timezone.now())
    assert checklist(project, boss)[2].label == "Invite people", "nobody can come by it any more"


def test_who_is_added_to_the_file_can_give_them(tmp_path):
    project = project_of(tmp_path)
    run_now(statistics.JOB, {"project": project.pk})
    Job.objects.all().delete()
    project_of(tmp_path, people=("ann", "bob", "cat"))
    assert out_of_reach(project).labels == 0
    assert Job.objects.filter(kind=statistics.JOB).exists(), "what the overview says is counted again"


def test_who_is_paused_gives_none(tmp_path, boss):
    project = project_of(tmp_path, depth=2)
    assert out_of_reach(project).labels == 0
    membership.pause(Membership.objects.get(user__username="bob"), boss)
    assert out_of_reach(project).labels == 4
    membership.resume(Membership.objects.get(user__username="bob"), boss)
    membership.exclude(Membership.objects.get(user__username="bob"), boss)
    assert out_of_reach(project).labels == 4


def test_without_anybody_all_are_out_of_reach(tmp_path, admin_client):
    project = project_of(tmp_path, people=[])
    assert "12 labels are asked for that nobody at work can give: invite people." in notices(admin_client, project)


def test_what_was_invalidated_is_for_a_third(tmp_path, boss):
    project = project_of(tmp_path, depth=2)
    for name in ("ann", "bob"):
        submit_item(project, name, answers())
    assert out_of_reach(project).labels == 0
    managing.invalidate(Assignment.objects.filter(annotator=person("ann")).get().pk, boss)
    assert out_of_reach(project).labels == 1


def test_what_somebody_may_take_up_again_is_in_reach(tmp_path):
    project = project_of(tmp_path, depth=2, traces=1)
    mine = hand_out(project, person("ann")).assignment
    states.release(mine.public_id, person("ann"))
    assert out_of_reach(project).labels == 0
    states.skip(hand_out(project, person("ann")).assignment.public_id, person("ann"))
    assert out_of_reach(project).labels == 1


def test_after_a_calibration_everybody_has_had_the_item(tmp_path, boss):
    project = project_of(tmp_path, depth=2, traces=2)
    item = Item.objects.order_by("position").first()
    managing.calibrate(item.pk, boss)
    for name in ("ann", "bob"):
        submit_item(project, name, answers())
    managing.end_calibration(item.pk, boss)
    assert out_of_reach(project).labels == 2


def test_limits_keep_people_from_what_is_left(tmp_path, admin_client):
    project = project_of(tmp_path, depth=2, instances_per_annotator=3)
    submit_item(project, "ann", answers())
    assert (out_of_reach(project).labels, out_of_reach(project).is_limited) == (2, True)
    said = "2 labels are asked for that nobody at work can give: invite people, or raise the limits."
    assert said in notices(admin_client, project)


def test_a_group_of_one_gives_one_label(tmp_path, boss):
    project = project_of(tmp_path, depth=2, traces=2)
    managing.keep_for(Item.objects.order_by("position").first().pk, boss, "rust")
    assert out_of_reach(project).labels == 0, "a group in which nobody is at work is told of by itself"
    membership.set_group(Membership.objects.get(user__username="bob"), boss, "rust")
    assert out_of_reach(project).labels == 1


REACH = "1 label is asked for that nobody at work can give:"


def skip_next(project, name):
    states.skip(hand_out(project, person(name)).assignment.public_id, person(name))


def test_the_overlap_is_no_way_out_where_nothing_overlaps(tmp_path, admin_client):
    project = make_project(tmp_path, traces=make_traces(1), people=["ann"], overlap=0)
    skip_next(project, "ann")
    assert f"{REACH} invite people." in notices(admin_client, project)


def test_nor_where_the_first_label_is_the_one_that_is_missing(tmp_path, admin_client):
    project = project_of(tmp_path, depth=2, traces=1)
    begun = hand_out(project, person("ann")).assignment
    submit_item(project, "bob", answers())
    states.skip(begun.public_id, person("ann"))
    assert f"{REACH} invite people." in notices(admin_client, project)


def test_the_group_is_named_that_has_too_few_people(tmp_path, boss, admin_client):
    project = make_project(tmp_path, traces=make_traces(3), overlap=0)
    ann = Membership.objects.get(user__username="ann")
    membership.set_group(ann, boss, "rust & co")
    for item in Item.objects.all():
        managing.keep_for(item.pk, boss, "rust & co")
    skip_next(project, "ann")
    assert f"{REACH} put more people into the group “rust & co”." in notices(admin_client, project)
    skip_next(project, "ann")
    managing.keep_for(Assignment.objects.latest("pk").item_id, boss, "")
    skip_next(project, "bob")
    said = "2 labels are asked for that nobody at work can give: invite people, or put more people into the group"
    assert said in notices(admin_client, project)


def test_all_that_helps_is_named(tmp_path, boss, admin_client):
    project = project_of(tmp_path, depth=2, traces=2)
    membership.set_group(Membership.objects.get(user__username="bob"), boss, "rust")
    managing.keep_for(Item.objects.order_by("position").first().pk, boss, "rust")
    assert f"{REACH} put more people into the group “rust”, or lower the overlap." in notices(admin_client, project)


def test_what_an_earlier_release_counted_is_told(tmp_path, admin_client):
    project = project_of(tmp_path)
    assert "invite people" in notices(admin_client, project)
    kept = Statistic.objects.get(project=project, kind="progress")
    kept.payload["out_of_reach"] = {"labels": 4, "is_limited": False, "at_work": 2}
    kept.save()
    page = admin_client.get(reverse("manage-overview", args=[project.slug]))
    assert "4 labels are asked for that nobody at work can give: invite people." in page.content.decode()


def test_where_people_come_by_themselves_nothing_is_said(tmp_path):
    project = project_of(tmp_path, allow_all_users=True)
    assert out_of_reach(project).labels == 0
    assert told_of_depth(project) == ""


def test_the_number_of_queries_does_not_grow(tmp_path):
    counts = []
    for number in (1, 8):
        people = [f"p{n}x{number}" for n in range(number)]
        project = project_of(tmp_path / str(number), traces=number, people=people, name=f"of {number}")
        submit_item(project, people[0], answers())
        out_of_reach(project)
        with CaptureQueriesContext(connection) as queries:
            out_of_reach(project)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 10


def test_what_the_set_up_says_is_true_of_what_is_finished(tmp_path, boss):
    project = project_of(tmp_path, depth=2, traces=2)
    for name in ("ann", "bob"):
        submit_item(project, name, answers())
    membership.deactivate(Membership.objects.get(user__username="bob"), boss)
    assert status(project).items.finished == 1
    assert told_of_depth(project) == (
        "Overlapping items need the labels of 2 people, and 1 annotator is at work: what nobody has labeled yet is not "
        "finished before more people have joined, or the overlap is lower."
    )


def test_the_set_up_says_it_before_and_after_it_is_saved(tmp_path, admin_client):
    said = "Overlapping items need the labels of 3 people, and 2 annotators are at work"
    project = project_of(tmp_path, depth=2)
    page = reverse("manage-setup", args=[project.slug])
    assert said not in admin_client.get(page).content.decode()
    submit_item(project, "ann", answers())
    text = (tmp_path / "config.yaml").read_text().replace("overlap_depth: 2", "overlap_depth: 3")
    assert said in " ".join(one.text for one in propose(project, text).consequences)
    assert said in admin_client.get(reverse("manage-setup", args=[project_of(tmp_path, depth=3).slug])).content.decode()
