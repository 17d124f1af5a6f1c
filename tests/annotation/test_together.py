"""What several people said of one item, side by side, and where they differ."""

import uuid

import pytest

from annotation.answers.together import submissions_of, together
from annotation.models import Item, Submission
from annotation.schemes.base import words_of
from tests.factory import FIRST_ERROR, OUTCOME, PER_STEP, make_project, make_traces, submit_item

pytestmark = pytest.mark.django_db
NOTES = {"annotation_type": "text_input", "name": "notes", "required": False}
REVIEW = {
    "annotation_type": "code_review",
    "name": "review",
    "file_ratings": {"scale": [1, 2], "labels": ["Bad", "Good"]},
}
ANCHOR = {"step": 2, "file": "src/a.py", "side": "new", "start_line": 1, "end_line": 1}


def seen_of(tmp_path, schemes, ann, bob):
    project = make_project(tmp_path, schemes=schemes, traces=make_traces(1), overlap=100)
    for name, values in (("ann", ann), ("bob", bob)):
        submit_item(project, name, values)
    return together(submissions_of(Item.objects.get().pk))


def told(seen, scheme, step=None, part=""):
    [place] = [one for one in seen.places if (one.scheme, one.step, one.part) == (scheme, step, part)]
    return [f"{name}: {said.text}" for name, said in place.said], place.differs


def test_labels_of_a_first_error_are_on_every_step_and_differ_where_they_do(tmp_path):
    ann = {"step_reward": {"first_error": {"step": 2, "reason": "wrong file"}}, "outcome": {"": "partial"}}
    bob = {"step_reward": {"first_error": {"step": None}}, "outcome": {"": "partial"}}
    seen = seen_of(tmp_path, [FIRST_ERROR, OUTCOME], ann, bob)
    assert seen.differing_steps == [2, 3, 4]
    assert told(seen, "step_reward", 1) == (["ann: Correct Step", "bob: Correct Step"], False)
    assert told(seen, "step_reward", 2) == (["ann: Incorrect Step", "bob: Correct Step"], True)
    assert told(seen, "step_reward") == (["ann: First error: step 2", "bob: All correct"], True)
    assert told(seen, "outcome") == (["ann: Partially Resolved", "bob: Partially Resolved"], False)
    [marked] = [place for place in seen.of_steps()[2] if place.scheme == "step_reward"]
    assert [said.detail for _, said in marked.said] == ["wrong file", ""]


def test_a_step_that_only_one_labeled_is_no_difference(tmp_path):
    optional = {**PER_STEP, "require_all_steps": False}
    seen = seen_of(
        tmp_path,
        [optional, NOTES],
        {"per_step": {"0": {"label": "correct"}, "3": {"label": "neutral"}}, "notes": {"": "a"}},
        {"per_step": {"0": {"label": "incorrect"}}, "notes": {"": "b"}},
    )
    assert seen.differing_steps == [0]
    assert told(seen, "per_step", 3) == (["ann: Neutral"], False)
    # Texts are read, not compared.
    assert told(seen, "notes") == (["ann: a", "bob: b"], False)


def test_reviews_are_compared_by_verdict_and_file_and_their_comments_are_listed(tmp_path):
    comment = {"anchor": ANCHOR, "text": "<b>Why?</b>"}
    seen = seen_of(
        tmp_path,
        [REVIEW],
        {"review": {"verdict": "approve", "file:src/a.py": 1, f"comment:{uuid.uuid4()}": comment}},
        {"review": {"verdict": "comment", "file:src/a.py": 1}},
    )
    assert told(seen, "review") == (["ann: Approve", "bob: Comment"], True)
    assert told(seen, "review", part="src/a.py") == (["ann: 1 Bad", "bob: 1 Bad"], False)
    [(name, _, said)] = seen.comments
    assert (name, said.text, said.anchor["start_line"]) == ("ann", "<b>Why?</b>", 1)


def test_only_current_submissions_are_read(tmp_path):
    project = make_project(tmp_path, schemes=[OUTCOME], traces=make_traces(1), overlap=0)
    submit_item(project, "ann", {"outcome": {"": "partial"}})
    item = Item.objects.get().pk
    assert len(submissions_of(item)) == 1
    Submission.objects.update(is_current=False)
    assert submissions_of(item) == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("a", "A text"),
        (4, "4"),
        (["a", "b"], "A text, b"),
        ({"label": "a", "origin": "human"}, "A text"),
        ({"step": 2, "text": "why?"}, "why?"),
        ({"side": "a", "strength": 2, "reason": None}, "side: a, strength: 2"),
    ],
)
def test_stored_values_are_read_in_words(value, words):
    assert words_of(value, {"a": "A text"}) == words
