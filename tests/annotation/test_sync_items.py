"""Items and places are planned in batches: none is forgotten, wherever a batch ends."""

import json
from itertools import permutations
from typing import get_args

import pytest
import yaml
from django.conf import settings
from django.utils import timezone

from annotation.assignments import items, managing, pairing, queue, states
from annotation.assignments.handout import hand_out
from annotation.models import Assignment, Item, Membership, Slot
from annotation.projects import membership
from annotation.projects.apply import apply_text
from annotation.projects.dump import to_yaml
from annotation.projects.revisions import current
from annotation.projects.sections import HandOut
from potato_site.accounts.models import User
from potato_site.jobs import runner
from potato_site.jobs.models import Job
from tests.factory import answers, make_project, make_trace, make_traces, person, submit_item
from tests.slow_work import SlowWork
from traces.imports import import_files

pytestmark = [pytest.mark.slow, pytest.mark.django_db]


@pytest.mark.parametrize("count", [1, 2, 4, 5])
def test_every_trace_has_an_item_and_every_item_its_places(tmp_path, monkeypatch, count):
    monkeypatch.setattr(items, "BATCH", 2)
    project = make_project(tmp_path, traces=make_traces(count), overlap=100)
    positions = Item.objects.filter(project=project).order_by("position").values_list("position", flat=True)
    assert list(positions) == list(range(count))
    assert Slot.objects.filter(project=project).count() == 2 * count
    assert items.sync_items(project) == 0


def test_one_batch_is_asked_for_once(tmp_path, django_assert_max_num_queries):
    """Projects smaller than a batch, most of all, are not asked again whether that was all."""
    project = make_project(tmp_path)
    with django_assert_max_num_queries(26):
        items.sync_items(project)


@pytest.mark.parametrize("slow", ["_make_items", "_make_slots"])
def test_planning_that_takes_long_is_not_taken_for_dead(tmp_path, monkeypatch, slow):
    monkeypatch.setattr(items, "BATCH", 2)
    project = make_project(tmp_path, traces=make_traces(1), overlap=100)
    lines = "".join(f"{json.dumps(document)}\n" for document in make_traces(7))
    (tmp_path / "more.jsonl").write_text(lines)
    import_files(project.dataset, [tmp_path / "more.jsonl"])
    work = SlowWork(monkeypatch)
    work.each_call(items, slow, seconds=settings.JOB_LEASE_SECONDS * 0.6)
    job = work.run("annotation.sync_items", {"dataset": project.dataset_id})
    assert (job.state, job.attempt, job.error) == ("done", 1, "")
    assert job.progress["result"] == {project.slug: 6}
    assert work.times >= 3


def test_pairs_that_take_long_to_find_are_a_sign_of_life_each_batch(tmp_path, monkeypatch):
    monkeypatch.setattr(pairing, "BATCH", 1)
    traces = [make_trace(f"{issue}{number}", issue_id=issue) for issue in "abc" for number in range(2)]
    project = make_project(tmp_path, traces=traces, schemes=[{"annotation_type": "pairwise", "name": "better"}])
    work = SlowWork(monkeypatch)
    work.each_call(pairing, "_due", seconds=settings.JOB_LEASE_SECONDS * 0.6)
    job = work.run("annotation.sync_items", {"dataset": project.dataset_id})
    assert (job.state, job.attempt, work.times) == ("done", 1, 3)


ORDERS = get_args(HandOut.model_fields["order"].annotation)


def reconfigure(project, **changes):
    """By the admin or the API, planned by the job that it asks for."""
    config = yaml.safe_load(to_yaml(current(project)))
    boss = User.objects.get_or_create(username="boss", is_superuser=True)[0]
    assert apply_text(project, yaml.safe_dump({**config, **changes}), boss).is_saved
    for job in Job.objects.filter(state=Job.State.QUEUED, kind="annotation.sync_items"):
        assert runner.run(job.pk)


def in_the_queue(project):
    return list(
        Slot.objects.filter(project=project, assignment=None).order_by("queue_key").values_list("pk", flat=True)
    )


@pytest.mark.parametrize(("before", "after"), list(permutations(ORDERS, 2)))
def test_another_order_holds_for_the_places_there_are(tmp_path, monkeypatch, before, after):
    monkeypatch.setattr(items, "FEW", 5)
    project = make_project(tmp_path, traces=make_traces(12), overlap=50, hand_out={"order": before})
    boss = User.objects.create_superuser("boss")
    first, last = Item.objects.filter(position__in=[7, 8]).order_by("position")
    managing.set_priority(first.pk, boss, 2)
    managing.set_priority(last.pk, boss, -2)
    mine = hand_out(project, person("bob")).assignment
    kept = mine.slot.queue_key
    reconfigure(project, hand_out={"order": after})
    free = Slot.objects.filter(project=project, assignment=None).select_related("item")
    wanted = sorted(free, key=lambda slot: queue.queue_key(after, project.slug, slot.item, slot.number))
    assert in_the_queue(project) == [slot.pk for slot in wanted]
    assert Slot.objects.get(assignment=mine).queue_key == kept
    given = hand_out(project, person("ann")).assignment
    assert given.item_id == next(slot.item_id for slot in wanted)


BACK = ("release", "skip", "expire", "invalidate", "keep for nobody", "leave out")


@pytest.mark.parametrize("how", BACK)
def test_a_place_that_comes_back_later_stands_in_the_present_order(tmp_path, how):
    project = make_project(
        tmp_path, traces=make_traces(6), people=("ann", "bob"), overlap=0, hand_out={"order": "random"}
    )
    boss, ann = User.objects.create_superuser("boss"), person("ann")
    first = Item.objects.get(position=0)
    managing.set_priority(first.pk, boss, 1)
    mine = hand_out(project, ann).assignment
    assert mine.item_id == first.pk
    managing.set_priority(first.pk, boss, 0)
    if how in ("invalidate", "leave out"):
        submit_item(project, "ann", answers())
    elif how == "keep for nobody":
        managing.reassign(mine.pk, boss, person("bob").pk)
    reconfigure(project, hand_out={"order": "in_order"})
    come_back(mine, how, boss)
    free = Slot.objects.filter(project=project, assignment=None).select_related("item")
    assert len(free) == 6
    for slot in free:
        assert slot.queue_key == queue.queue_key("in_order", project.slug, slot.item, slot.number)
    assert submit_item(project, "bob", answers()).assignment.item_id == first.pk


def come_back(mine, how, boss):
    if how == "release":
        states.release(mine.public_id, mine.annotator)
    elif how == "skip":
        states.skip(mine.public_id, mine.annotator)
    elif how == "expire":
        states.expire_overdue(timezone.now() + states.LEASE * 2)
    elif how == "invalidate":
        managing.invalidate(mine.pk, boss)
    elif how == "keep for nobody":
        managing.release(Assignment.objects.get(state="reserved").pk, boss)
    else:
        membership.exclude(Membership.objects.get(user=mine.annotator), boss)
        managing.requeue(mine.item_id, boss)


@pytest.mark.parametrize("order", ORDERS)
def test_the_keys_of_an_order_are_known_by_their_length(tmp_path, order):
    make_project(tmp_path, traces=make_traces(1))
    item = Item.objects.get()
    found = set()
    for item.priority in (0, 1, -1, 999, -999):
        for item.position in (0, 10**11):
            found.add(len(queue.queue_key(order, "seed", item, 2)))
    assert found == set(queue.lengths(order))
    assert all(found.isdisjoint(queue.lengths(other)) for other in ORDERS if other != order)


def test_who_labels_already_goes_on_in_the_other_order(tmp_path):
    project = make_project(tmp_path, traces=make_traces(12), overlap=0, people=("ann",))
    got = [submit_item(project, "ann", answers()).assignment.item_id for _ in range(3)]
    reconfigure(project, hand_out={"order": "random"})
    while (given := hand_out(project, person("ann")).assignment) is not None:
        got.append(given.item_id)
        submit_item(project, "ann", answers())
    assert sorted(got) == sorted(Item.objects.values_list("pk", flat=True))
    free = sorted(
        Item.objects.exclude(pk__in=got[:3]), key=lambda item: queue.queue_key("random", project.slug, item, 1)
    )
    assert got[3:] == [item.pk for item in free]


def quality(depth):
    return {"quality_control": {"overlap_percentage": 100, "overlap_depth": depth}}


def shown_places(project):
    """Who has which place of the one item; "" of a free one."""
    slots = Slot.objects.filter(project=project).order_by("number")
    return [slot.assignment.annotator.username if slot.assignment else "" for slot in slots]


@pytest.mark.parametrize("is_before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("who", ["ann", "bob", "cid"])
def test_nobody_is_given_a_place_that_is_too_many_by_now(tmp_path, who, is_before):
    """Of three people who label the item, one gives it back: before two labels are asked for, or after."""
    names = ("ann", "bob", "cid", "dan")
    project = make_project(tmp_path, traces=make_traces(1), people=names, **quality(3))
    for name in names[:3]:
        submit_item(project, name, answers())
    one = Assignment.objects.get(annotator__username=who).pk
    if is_before:
        states.void(one)
    reconfigure(project, **quality(2))
    if not is_before:
        states.void(one)
    assert sorted(shown_places(project)) == sorted(set(names[:3]) - {who})
    assert list(Slot.objects.order_by("number").values_list("number", flat=True)) == [1, 2]
    assert hand_out(project, person("dan")).assignment is None
    reconfigure(project, **quality(3))
    assert hand_out(project, person("dan")).assignment is not None


def test_submissions_wait_for_few_items_at_once_while_labels_move(tmp_path, monkeypatch):
    monkeypatch.setattr(items, "FEW", 2)
    project = make_project(tmp_path, traces=make_traces(3), people=("ann", "bob", "cid"), **quality(3))
    for name in ("ann", "bob", "cid"):
        for _ in range(3):
            submit_item(project, name, answers())
    for one in Assignment.objects.filter(annotator__username="ann"):
        states.void(one.pk)
    sizes, close_up = [], items.places.close_up
    monkeypatch.setattr(
        items.places, "close_up", lambda project, some: (sizes.append(len(some)), close_up(project, some))
    )
    reconfigure(project, **quality(2))
    assert sizes == [2, 1]
    assert sorted(shown_places(project)) == ["bob"] * 3 + ["cid"] * 3
