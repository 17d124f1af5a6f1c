"""The answers to one item on its trace: who may look, what is shown, whose answers are chosen."""

import json
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from annotation.models import Assignment, Item, Membership, Submission
from annotation.quality.gold import keep_submission
from potato_site.accounts.models import User
from tests.annotation.test_together import ANCHOR, REVIEW
from tests.factory import FIRST_ERROR, OUTCOME, make_project, make_traces, submit_item
from tests.two_projects import fingerprint

pytestmark = [pytest.mark.slow, pytest.mark.django_db]


@pytest.fixture
def project(tmp_path):
    made = make_project(tmp_path, schemes=[FIRST_ERROR, OUTCOME, REVIEW], traces=make_traces(2), overlap=100)
    comment = {"anchor": ANCHOR, "text": "<script>alert(1)</script>"}
    ann = {"verdict": "approve", f"comment:{uuid.uuid4()}": comment}
    for name, step, outcome, review in (("ann", 2, "partial", ann), ("bob", 3, "partial", {"verdict": "comment"})):
        values = {"step_reward": {"first_error": {"step": step}}, "outcome": {"": outcome}, "review": review}
        submit_item(made, name, values)
    mara = User.objects.create_user("mara")
    Membership.objects.create(project=made, user=mara, role="viewer", source="admin")
    return made


@pytest.fixture
def page(client, project):
    client.force_login(User.objects.get(username="mara"))
    return client


def url(project, query=""):
    item = Item.objects.get(project=project, position=0)
    return reverse("manage-item", args=[project.slug, item.pk]) + query


def test_everybodys_answers_are_side_by_side(page, project):
    response = page.get(url(project))
    assert [voice.name for voice in response.context["seen"].voices] == ["ann", "bob"]
    state = response.context["state"]
    assert state["differing"] == [2]
    assert [place["differs"] for place in state["steps"][2]] == [True]
    content = response.content.decode()
    assert "First error: step 2" in content
    assert "Partially Resolved" in content
    json.dumps(state)


def test_a_strangers_text_is_text(page, project):
    content = page.get(url(project)).content.decode()
    assert "<script>alert" not in content
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in content


def test_people_are_chosen(page, project):
    seen = page.get(url(project, "?by=bob")).context["seen"]
    assert [voice.name for voice in seen.voices] == ["bob"]
    assert seen.comments == []
    # Names nobody has are no choice.
    assert len(page.get(url(project, "?by=zoe")).context["seen"].voices) == 2


def test_looking_changes_nothing_and_offers_nothing_to_change(page, project):
    before = fingerprint()
    content = page.get(url(project)).content.decode()
    assert fingerprint() == before
    assert "hx-post" not in content
    assert 'method="post"' not in content


def test_an_item_of_another_project_does_not_exist_here(page, project, tmp_path):
    other = make_project(tmp_path / "other", name="Other")
    item = Item.objects.filter(project=other).first()
    assert page.get(reverse("manage-item", args=[project.slug, item.pk])).status_code == 404
    assert page.get(reverse("manage-item", args=[other.slug, item.pk])).status_code == 404


def test_an_item_that_nobody_has_submitted_is_shown_without_answers(page, project):
    item = Item.objects.get(project=project, position=1)
    response = page.get(reverse("manage-item", args=[project.slug, item.pk]))
    assert "Nobody has submitted this item yet." in response.content.decode()


def test_more_people_cost_no_more_queries(page, project):
    page.get(url(project))
    with CaptureQueriesContext(connection) as one:
        page.get(url(project, "?by=ann"))
    with CaptureQueriesContext(connection) as two:
        page.get(url(project))
    assert len(two) == len(one)


def test_the_lists_of_the_admin_lead_there(page, project):
    address = url(project)
    item, submission = Item.objects.get(project=project, position=0), Submission.objects.first()
    assert address in page.get(reverse("admin:annotation_item_changelist") + f"?project={project.pk}").content.decode()
    assert address in page.get(reverse("admin:annotation_item_change", args=[item.pk])).content.decode()
    shown = page.get(reverse("admin:annotation_submission_change", args=[submission.pk])).content.decode()
    assert f"{address}?by=ann" in shown


def test_a_void_submission_is_not_shown(page, project):
    Assignment.objects.filter(annotator__username="ann").update(state="void")
    assert [voice.name for voice in page.get(url(project)).context["seen"].voices] == ["bob"]


@pytest.fixture
def manager(client, project):
    mia = User.objects.create_user("mia")
    Membership.objects.create(project=project, user=mia, role="manager", source="admin")
    client.force_login(mia)
    return client


def test_a_manager_keeps_a_submission_as_what_is_known_and_forgets_it(manager, project):
    submission = Submission.objects.get(assignment__annotator__username="ann", assignment__item__position=0)
    keep = reverse("manage-known-keep", args=[project.slug, submission.pk])
    shown = manager.post(keep, follow=True)
    assert shown.redirect_chain == [(url(project), 302)]
    content = shown.content.decode()
    assert "Kept as known answers: “Step reward”, “Did the agent resolve the issue?”, “Review”." in content
    known = shown.context["known"]
    assert [(one.title, one.words) for one in known][:2] == [
        ("Step reward", ["First error: step 2"]),
        ("Did the agent resolve the issue?", ["Partially Resolved"]),
    ]
    assert "<script>alert" not in content
    forget = reverse("manage-known-forget", args=[project.slug, known[0].pk])
    left = manager.post(forget, follow=True).context["known"]
    assert left == known[1:]


def test_who_only_looks_is_not_told_what_is_known(page, project):
    submission = Submission.objects.get(assignment__annotator__username="ann", assignment__item__position=0)
    keep_submission(project, submission, None)
    content = page.get(url(project)).content.decode()
    assert "Known answers" not in content
    assert page.post(reverse("manage-known-keep", args=[project.slug, submission.pk])).status_code == 404


def test_an_earlier_submission_is_not_kept(manager, project):
    submission = Submission.objects.get(assignment__annotator__username="ann", assignment__item__position=0)
    Submission.objects.filter(pk=submission.pk).update(is_current=False)
    assert manager.post(reverse("manage-known-keep", args=[project.slug, submission.pk])).status_code == 404
