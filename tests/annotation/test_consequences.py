"""What a change means once people have answered: every sentence is what then happens."""

import pytest
import yaml

from annotation.assignments.handout import hand_out
from annotation.assignments.items import sync_items
from annotation.models import Assignment, Item, Slot
from annotation.projects.apply import apply_text
from annotation.projects.config import parse
from annotation.projects.consequences import consequences, counts_of
from annotation.projects.dump import to_yaml
from annotation.projects.revisions import current
from annotation.quality.agreement import agreement
from potato_site.accounts.models import User
from potato_site.jobs import runner
from potato_site.jobs.models import Job
from tests import factory
from tests.factory import ERROR_DESCRIPTION, FIRST_ERROR, OUTCOME

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
PAIRWISE = {"annotation_type": "pairwise", "name": "preference"}
MORE = {**OUTCOME, "options": [*OUTCOME["options"], {"value": "unclear", "text": "Unclear"}]}


@pytest.fixture
def project(tmp_path):
    return factory.make_project(tmp_path, overlap=100)


@pytest.fixture
def boss(db):
    return User.objects.create_superuser("boss")


def text(*schemes, **quality):
    asked = list(schemes) or [FIRST_ERROR, OUTCOME, ERROR_DESCRIPTION]
    value = {"project_name": "Test project", "annotation_schemes": asked}
    return yaml.safe_dump({**value, "quality_control": {"overlap_percentage": 100, **quality}}, sort_keys=False)


def said(project, new):
    after = parse(new, "c", needs_files=False).config
    return {one.key: one.text for one in consequences(current(project), after, counts_of(project))}


def both_submit(project, n=1):
    for name in ("ann", "bob"):
        for _ in range(n):
            factory.submit_item(project, name, factory.answers())


def traces_compared(project, scheme):
    report = agreement(project, using="default")
    return max((one.traces for one in report.results if one.scheme == scheme), default=None)


def test_nothing_is_said_before_somebody_answers(project):
    assert said(project, text(FIRST_ERROR)) == {}


def test_another_label_set_starts_a_new_meaning_and_going_back_brings_answers_back(project, boss):
    both_submit(project)
    assert traces_compared(project, "outcome") == 1
    sentence = said(project, text(FIRST_ERROR, MORE, ERROR_DESCRIPTION))["annotation_schemes.outcome"]
    assert "2 submissions given under the old meaning" in sentence
    apply_text(project, text(FIRST_ERROR, MORE, ERROR_DESCRIPTION), boss)
    assert traces_compared(project, "outcome") == 0
    assert traces_compared(project, "step_reward") == 1
    sentence = said(project, text())["annotation_schemes.outcome"]
    assert "0 submissions given under the old meaning" in sentence
    assert "2 submissions given under the new meaning before: they count again" in sentence
    apply_text(project, text(), boss)
    assert traces_compared(project, "outcome") == 1


def test_other_words_keep_the_meaning(project, boss):
    both_submit(project)
    other = text(FIRST_ERROR, {**OUTCOME, "label": "Solved?", "description": "Look at the tests."}, ERROR_DESCRIPTION)
    after = parse(other, "c", needs_files=False).config
    (one,) = consequences(current(project), after, counts_of(project))
    assert (one.key, one.asks) == ("annotation_schemes.outcome", False)
    assert "keeps its meaning" in one.text
    apply_text(project, other, boss)
    assert traces_compared(project, "outcome") == 1


def test_a_removed_question_keeps_its_answers(project, boss):
    both_submit(project)
    sentence = said(project, text(FIRST_ERROR))["annotation_schemes.outcome"]
    assert sentence == (
        "“Did the agent resolve the issue?” is no longer asked. 2 submissions that asked it: the answers stay and are "
        "exported; agreement on them is no longer computed."
    )
    apply_text(project, text(FIRST_ERROR), boss)
    assert traces_compared(project, "outcome") is None


def test_a_new_or_newly_required_question_is_not_asked_again(project):
    both_submit(project)
    extra = {"annotation_type": "text", "name": "extra", "required": True}
    new = said(project, text(FIRST_ERROR, OUTCOME, {**ERROR_DESCRIPTION, "required": True}, extra))
    assert (
        new["annotation_schemes.extra"]
        == "“Extra” is a new question. 2 submissions made before: without an answer to it."
    )


def test_more_and_less_overlap_say_how_many_labels(project, boss):
    both_submit(project)
    assert "Up to 3 more labels asked for" in said(project, text(overlap_depth=3))["quality_control.overlap_percentage"]
    less = said(project, text(overlap_percentage=0))["quality_control.overlap_percentage"]
    assert "Up to 2 labels no longer asked for" in less
    assert "1 second label begun or given stay" in less
    apply_text(project, text(overlap_percentage=0), boss)
    sync_items(project)
    assert Slot.objects.filter(project=project, number=2).count() == 1


def test_places_that_are_there_are_asked_for_no_second_time(tmp_path, boss):
    project = factory.make_project(tmp_path, people=("ann", "bob", "cyd"), traces=factory.make_traces(4))
    apply_text(project, text(overlap_percentage=50, overlap_depth=3), boss)
    sync_items(project)
    project.refresh_from_db()
    for name in ("ann", "bob", "cyd"):
        for _ in range(2):
            factory.submit_item(project, name, factory.answers())
    before = set(Slot.objects.values_list("item", "number"))
    told = said(project, text(overlap_percentage=100, overlap_depth=2))["quality_control.overlap_percentage"]
    apply_text(project, text(overlap_percentage=100, overlap_depth=2), boss)
    sync_items(project)
    after = set(Slot.objects.values_list("item", "number"))
    assert (len(after - before), len(before - after)) == (2, 1)
    assert told.startswith("4 of 4 items are labeled by 2 people. Up to 2 more labels asked for. ")
    assert "Up to 1 label no longer asked for" in told


def test_a_question_that_comes_back_has_its_answers_again(project, boss):
    both_submit(project)
    without, whole = text(FIRST_ERROR), text()
    apply_text(project, without, boss)
    project.refresh_from_db()
    factory.submit_item(project, "ann", {"step_reward": {"first_error": {"step": None}}})
    assert said(project, whole)["annotation_schemes.outcome"] == (
        "“Did the agent resolve the issue?” is asked again. 2 submissions that asked it before: what they answered "
        "counts again. 1 submission that did not: without an answer to it."
    )
    assert traces_compared(project, "outcome") is None
    apply_text(project, whole, boss)
    assert traces_compared(project, "outcome") == 1


def test_how_earlier_work_answers_a_new_question_is_said_where_there_is_one(project):
    both_submit(project)
    assert "Ask the questions as they are now" in said(project, text(FIRST_ERROR, MORE))[""]
    assert "" not in said(project, text(FIRST_ERROR))


def test_only_labels_are_counted_and_what_else_was_answered_asks_as_well(project):
    both_submit(project)
    Assignment.objects.filter(annotator__username="ann").update(purpose="calibration")
    assert "1 submission that asked it" in said(project, text(FIRST_ERROR))["annotation_schemes.outcome"]
    Assignment.objects.update(purpose="calibration")
    assert "0 submissions that asked it" in said(project, text(FIRST_ERROR))["annotation_schemes.outcome"]


def test_who_breaks_ties_is_said(project, boss):
    both_submit(project)
    more = said(project, text(tie_breakers=2))["quality_control.tie_breakers"]
    assert more == "Items whose answers are tied now go out again, to up to 2 more people."
    apply_text(project, text(tie_breakers=2), boss)
    assert "answers given stay" in said(project, text())["quality_control.tie_breakers"]


def test_what_is_open_is_finished_as_it_was_opened(project, boss):
    given = hand_out(project, factory.person("ann")).assignment
    sentences = said(project, text(FIRST_ERROR, MORE, minimum_time_per_instance=30))
    assert sentences[""].startswith("1 item is in people's hands right now.")
    assert "quality_control.minimum_time_per_instance" in sentences
    apply_text(project, text(FIRST_ERROR, MORE, minimum_time_per_instance=30), boss)
    given.refresh_from_db()
    assert given.revision.number == 1


def test_limits_and_order_say_from_when_they_hold(project, boss):
    both_submit(project)
    new = text() + "instances_per_annotator: 1\nhand_out: {order: random}\n"
    assert "from the next item on" in said(project, new)["instances_per_annotator"]
    assert "all places that are free" in said(project, new)["hand_out.order"]
    apply_text(project, new, boss)
    project.refresh_from_db()
    assert hand_out(project, factory.person("ann")).assignment is None


def test_the_counts_cost_the_same_at_any_size(project, django_assert_num_queries):
    both_submit(project)
    with django_assert_num_queries(9):
        counts_of(project)
    both_submit(project, 2)
    with django_assert_num_queries(9):
        counts = counts_of(project)
    assert (counts.submissions, counts.items, counts.overlapping, counts.second_labels) == (6, 3, 3, 3)


def test_what_is_no_longer_handed_out_is_said(tmp_path):
    pairwise = {"annotation_type": "pairwise", "name": "preference"}
    project = factory.make_project(tmp_path, schemes=[OUTCOME], overlap=100)
    factory.submit_item(project, "ann", {"outcome": {"": "partial"}})
    assert "annotation_schemes" not in said(project, text(FIRST_ERROR, OUTCOME, pairwise))
    assert said(project, text(OUTCOME, pairwise))["annotation_schemes"].startswith("Single traces are no longer")


def compared(tmp_path, **pairs):
    traces = [factory.make_trace(f"x-{number}", 3, issue_id="x", issue_description="Fix x") for number in range(8)]
    return factory.make_project(tmp_path, traces=traces, schemes=[PAIRWISE], overlap=0, people=("ann",), pairs=pairs)


def with_pairs(project, **pairs):
    return yaml.safe_dump({**yaml.safe_load(to_yaml(current(project))), "pairs": pairs})


def plan() -> int:
    """Does the planning that was asked for; how often it was."""
    waiting = list(Job.objects.filter(state=Job.State.QUEUED, kind="annotation.sync_items"))
    return sum(runner.run(job.pk) for job in waiting)


@pytest.mark.parametrize(
    ("before", "after", "n_before", "n_after", "sentence"),
    [
        (("sampled", 3), ("sampled", 20), 3, 20, "Up to 20 pairs of an issue are compared: the missing ones are made."),
        (("sampled", 3), ("all", 10), 3, 28, "All pairs of an issue are compared: the missing ones are made."),
        (
            ("sampled", 20), ("sampled", 3), 20, 20,
            "Of the pairs of an issue at most 3 are chosen from now on. The 20 pairs that there are stay, and are "
            "handed out all the same.",
        ),
        (
            ("all", 10), ("sampled", 1), 28, 28,
            "Of the pairs of an issue at most 1 is chosen from now on. The 28 pairs that there are stay, and are "
            "handed out all the same.",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_answered", [False, True])
def test_other_rules_for_pairs_are_planned_and_what_stays_is_said(
    tmp_path, boss, before, after, n_before, n_after, sentence, is_answered
):
    project = compared(tmp_path, strategy=before[0], per_issue=before[1])
    pairs = Item.objects.filter(project=project, kind=Item.Kind.PAIR)
    assert pairs.count() == n_before
    if is_answered:
        factory.submit_item(project, "ann", {"preference": {"choice": {"side": "a"}}})
    new = with_pairs(project, strategy=after[0], per_issue=after[1])
    (one,) = consequences(current(project), parse(new, "c", needs_files=False).config, counts_of(project))
    assert (one.text, one.asks) == (sentence, is_answered)
    assert one.key == ("pairs.per_issue" if before[0] == after[0] else "pairs.strategy")
    assert apply_text(project, new, boss).is_saved
    assert plan() == 1
    assert pairs.count() == Slot.objects.filter(project=project).count() == n_after


def test_a_number_of_pairs_that_plays_no_part_is_no_consequence(tmp_path):
    project = compared(tmp_path, strategy="all", per_issue=3)
    assert said(project, with_pairs(project, strategy="all", per_issue=7)) == {}


def test_where_the_best_is_compared_issues_that_have_pairs_get_no_others(tmp_path, boss):
    keys = {"schemes": [FIRST_ERROR, PAIRWISE], "overlap": 0, "people": ("ann",), "pairs": {"strategy": "all"}}
    traces = [
        factory.make_trace(f"{issue}-{number}", 3, issue_id=issue, issue_description=f"Fix {issue}")
        for issue in "xy"
        for number in range(3)
    ]
    project = factory.make_project(tmp_path, traces=traces, **keys)
    judged = {"step_reward": {"first_error": {"step": 1}}}
    for _ in range(3):
        factory.submit_item(project, "ann", judged)
    plan()
    pairs = Item.objects.filter(project=project, kind=Item.Kind.PAIR)
    assert pairs.count() == 3
    new = with_pairs(project, strategy="best_against_rest")
    assert said(project, new)["pairs.strategy"] == (
        "Issues that have pairs get no others; of the others the best attempt is compared with each. The 3 pairs that "
        "there are stay, and are handed out all the same."
    )
    apply_text(project, new, boss)
    plan()
    assert pairs.count() == 3
    for item in Item.objects.filter(kind=Item.Kind.TRACE, trace_a__issue_id="y"):
        Item.objects.filter(pk=item.pk).update(priority=1)
        Slot.objects.filter(item=item).update(queue_key=f"!{item.pk:04d}")
    for _ in range(3):
        factory.submit_item(project, "ann", judged)
    assert pairs.count() == 5
