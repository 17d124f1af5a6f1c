"""Code review: what is kept, what is missing, what is compared and exported."""

import hashlib
import json
import uuid

import pytest

from annotation.admin.config_draft import of_config
from annotation.answers.ops import apply_ops
from annotation.answers.submission import NotYet
from annotation.assignments.handout import hand_out
from annotation.assignments.states import Closed
from annotation.models import Answer, AnswerEvent
from annotation.projects.config import ProjectConfig
from annotation.projects.dump import to_yaml
from annotation.projects.presets import presets
from annotation.projects.revisions import config_of
from annotation.quality.agreement import agreement
from annotation.queries import labeled_traces
from annotation.schemes.base import Refused, context_of_document
from annotation.schemes.code_review import LONGEST_PATH, CodeReview
from annotation.schemes.review_comments import MAX_COMMENTS
from tests.factory import make_project, make_trace, op, person, submit_item

pytestmark = pytest.mark.django_db
REVIEW = {
    "annotation_type": "code_review",
    "name": "review",
    "inline_comments": {"categories": ["Bug", "Style"]},
    "file_ratings": {"labels": ["Poor", "Below Average", "Acceptable", "Good", "Excellent"]},
    "require_comment_on_reject": True,
}
CONTEXT = context_of_document(make_trace())
ANCHOR = {"step": 2, "file": "src/a.py", "side": "new", "start_line": 1, "end_line": 2}


def comment(text="Why?", **keys):
    return {f"comment:{uuid.uuid4()}": {"anchor": {**ANCHOR, **keys.pop("anchor", {})}, "text": text, **keys}}


def review(**keys):
    return CodeReview.model_validate({**REVIEW, **keys})


def cleaned(scheme, answers):
    return {key: scheme.clean(key, value, CONTEXT) for key, value in answers.items()}


def messages(scheme, answers):
    return [gap.message for gap in scheme.missing(cleaned(scheme, answers), CONTEXT)]


def test_the_digest_of_the_quoted_lines_is_kept_with_the_anchor():
    [stored] = cleaned(review(), comment()).values()
    assert stored["anchor"]["quote_sha"] == hashlib.sha256(b"x = 3\ny = 2").hexdigest()


def test_a_verdict_is_needed_only_where_it_is_asked_and_required():
    assert messages(review(label="Merge?"), {}) == ["“Merge?” has no verdict yet"]
    assert messages(review(required=False), {}) == []
    silent = review(verdict={"enabled": False}, require_comment_on_reject=False, label="Merge?")
    assert messages(silent, {}) == ["“Merge?” has no answer yet"]
    assert messages(silent, {"file:src/a.py": 3}) == []


def test_a_file_that_was_viewed_is_no_answer():
    mark = {"viewed:src/a.py": True}
    silent = review(verdict={"enabled": False}, require_comment_on_reject=False, label="Merge?")
    assert messages(silent, mark) == ["“Merge?” has no answer yet"]
    both = {**mark, "file:src/a.py": 3}
    assert silent.final(both, CONTEXT) == {"file:src/a.py": 3}
    assert silent.said(both, CONTEXT) == {"file:src/a.py": [3]}


@pytest.mark.parametrize(("key", "value"), [("file:", 3), ("viewed:", True)])
def test_the_longest_name_of_a_file_is_kept_and_a_longer_one_refused(tmp_path, key, value):
    paths = [n * "a" for n in (LONGEST_PATH, LONGEST_PATH + 1)]
    steps = [{"type": "file_create", "path": path, "content": "x"} for path in paths]
    project = make_project(tmp_path, schemes=[REVIEW], traces=[{"id": "t", "structured_turns": steps}])
    given = hand_out(project, person("ann")).assignment
    kept = apply_ops(given.public_id, person("ann"), [op("review", {key + paths[0]: value})])
    assert kept.acked
    ctx = context_of_document({"id": "t", "structured_turns": steps})
    with pytest.raises(Refused, match=f"more than {LONGEST_PATH} characters"):
        review().clean(key + paths[1], value, ctx)


def test_a_verdict_that_rejects_needs_a_comment_where_the_project_says_so():
    rejected = {"verdict": "request_changes"}
    assert messages(review(), rejected) == ["“Request Changes” needs at least one comment"]
    assert messages(review(required=False), rejected) == ["“Request Changes” needs at least one comment"]
    assert messages(review(require_comment_on_reject=False), rejected) == []
    assert messages(review(), {**rejected, **comment()}) == []
    assert messages(review(), {"verdict": "approve"}) == []


def test_which_verdicts_reject_can_be_said():
    options = [{"value": "ok", "text": "OK"}, {"value": "no", "text": "No", "rejects": True}]
    scheme = review(verdict={"options": options})
    assert messages(scheme, {"verdict": "no"}) == ["“No” needs at least one comment"]
    assert scheme.has_error({"verdict": "no"}, CONTEXT)
    assert not scheme.has_error({"verdict": "ok"}, CONTEXT)


@pytest.mark.parametrize(
    ("option", "rejects", "approves"),
    [
        ("approve", False, True), ("Approved", False, True), ("Request Changes", True, False), ("Reject", True, False),
        ("comment", False, False), ("needs_work", False, False), ("LGTM", False, False),
        ({"value": "lgtm", "text": "Good", "approves": True}, False, True),
        ({"value": "approve", "text": "Not yet", "rejects": True}, True, False),
    ],
)  # fmt: skip
def test_what_neither_says_so_nor_is_called_so_rejects_and_approves_nothing(option, rejects, approves):
    scheme = review(verdict={"options": [option]}, require_comment_on_reject=False)
    found = scheme.verdict.options[0]
    assert (found.rejects, found.approves) == (rejects, approves)
    assert [one.reward for one in scheme.meanings()] == [0.0 if rejects else 1.0 if approves else None]


def test_other_questions_wait_for_verdicts_categories_and_ratings():
    answers = cleaned(review(), {"verdict": "approve", "file:src/a.py": 4, **comment(category="Bug"), **comment()})
    said = [str(value) for values in review().said(answers, CONTEXT).values() for value in values]
    assert sorted(said) == ["4", "Bug", "approve"]
    for value in ("approve", "Bug", 4):
        review().could_say(value)
    for value in ("Taste", True, 9):
        with pytest.raises(ValueError, match="no verdict, category or rating"):
            review().could_say(value)


def test_text_that_is_not_saved_is_settled_first_and_is_no_comment():
    draft = {key: {"anchor": value["anchor"], "draft": "half a sen"} for key, value in comment().items()}
    assert messages(review(), {"verdict": "request_changes", **draft}) == [
        "a comment on lines 1–2 of src/a.py is not saved yet",
        "“Request Changes” needs at least one comment",
    ]


@pytest.mark.parametrize("part", ["inline_comments", "file_ratings", "verdict"])
def test_a_part_that_is_off_takes_nothing(part):
    value = {"inline_comments": comment(), "file_ratings": {"file:src/a.py": 3}, "verdict": {"verdict": "approve"}}
    scheme = review(**{part: {"enabled": False}}, require_comment_on_reject=False)
    with pytest.raises(ValueError, match="no such part"):
        cleaned(scheme, value[part])
    assert {"inline_comments": "c", "file_ratings": "r 1", "verdict": "p 1"}[part] not in [
        key.key
        for key in scheme.keys()  # noqa: SIM118
    ]


def test_comments_are_exported_in_the_order_of_the_code_with_what_they_quote():
    answers = cleaned(
        review(),
        {
            **comment("whole", anchor={"step": None, "end_line": 1}),
            **comment("old", anchor={"side": "old", "end_line": 1}, category="Bug", resolved=True),
            **comment("new"),
            "file:src/a.py": 4,
            "verdict": "request_changes",
        },
    )
    exported = review().export(answers, CONTEXT)
    assert exported["verdict"] == "request_changes"
    assert exported["file_ratings"] == [{"file": "src/a.py", "rating": 4, "label": "Good"}]
    told = [(one["step"], one["side"], one["text"], one["code"]) for one in exported["comments"]]
    assert told == [
        (2, "old", "old", "x = 1"),
        (2, "new", "new", "x = 3\ny = 2"),
        (None, "new", "whole", "x = 3"),
    ]
    assert (exported["comments"][0]["category"], exported["comments"][0]["resolved"]) == ("Bug", True)


def on_file(step, file, text):
    return {f"comment:{uuid.uuid4()}": {"anchor": {"step": step, "file": file}, "text": text}}


WITHOUT_LINES = [
    {"step_idx": 0, "type": "file_delete", "path": "old.py"},
    {"step_idx": 1, "type": "file_create", "path": "empty.py", "content": ""},
    {"step_idx": 2, "type": "file_edit", "path": "b.py", "diff": "--- a/a.py\n+++ b/b.py\n"},
    {"step_idx": 3, "type": "file_edit", "path": "x.png", "diff": "Binary files a/x.png and b/x.png differ\n"},
    make_trace()["structured_turns"][2] | {"step_idx": 4},
]


def test_files_without_lines_are_rated_commented_on_and_exported(tmp_path):
    project = make_project(tmp_path, schemes=[REVIEW], traces=[make_trace(structured_turns=WITHOUT_LINES)])
    paths = ["old.py", "empty.py", "b.py", "x.png"]
    said = {f"file:{path}": rating for rating, path in enumerate(paths, start=1)}
    said |= on_file(None, "old.py", "Needed") | on_file(3, "x.png", "Large") | on_file(None, "src/a.py", "All of it")
    said |= comment("A line", anchor={"step": None, "end_line": 1})
    submit_item(project, "ann", {"review": {**said, "verdict": "request_changes"}})
    [trace] = labeled_traces(project, using="default")
    value = trace.submissions[0].values["review"]
    told = [(one["step"], one["file"], one["side"], one["end_line"], one["text"]) for one in value["comments"]]
    assert told == [
        (3, "x.png", None, None, "Large"),
        (None, "old.py", None, None, "Needed"),
        (None, "src/a.py", None, None, "All of it"),
        (None, "src/a.py", "new", 1, "A line"),
    ]
    # All comments have the same keys.
    assert len({tuple(one) for one in value["comments"]}) == 1
    assert (value["comments"][0]["quote_sha"], value["comments"][0]["code"]) == (None, None)
    assert {one["file"]: one["rating"] for one in value["file_ratings"]} == dict(zip(paths, [1, 2, 3, 4], strict=True))


def test_a_comment_on_a_file_is_enough_for_a_rejection_and_its_draft_is_settled_first():
    whole = {"anchor": {"step": 2, "file": "src/a.py"}}
    key = f"comment:{uuid.uuid4()}"
    assert messages(review(), {"verdict": "request_changes", key: {**whole, "text": "Why?"}}) == []
    assert messages(review(), {"verdict": "approve", key: {**whole, "draft": "Wh"}}) == [
        "a comment on src/a.py is not saved yet"
    ]


@pytest.mark.parametrize(
    ("anchor", "reason"),
    [
        ({"step": 2, "file": "b.py"}, "the change of step 2 has no file 'b.py'"),
        ({"step": None, "file": "b.py"}, "the run's change has no file 'b.py'"),
        ({"step": 2, "file": "src/a.py", "side": "new"}, "a comment needs the numbers of its lines"),
    ],
)
def test_a_comment_on_a_file_that_is_not_there_is_refused_with_a_reason(anchor, reason):
    with pytest.raises(Refused, match=reason):
        review().clean(f"comment:{uuid.uuid4()}", {"anchor": anchor, "text": "x"}, CONTEXT)


def test_another_wording_keeps_the_meaning_another_scale_does_not():
    reworded = review(file_ratings={"labels": []}, inline_comments={"categories": []})
    assert reworded.meaning() == review().meaning()
    assert review(file_ratings={"scale": [1, 2, 3]}).meaning() != review().meaning()
    options = [{"value": value, "text": value} for value in ("approve", "request_changes")]
    assert review(verdict={"options": options}).meaning() != review().meaning()


def test_a_comment_on_lines_that_do_not_exist_is_refused_with_a_reason(tmp_path):
    project = make_project(tmp_path, schemes=[REVIEW])
    ann = person("ann")
    assignment = hand_out(project, ann).assignment
    wrong = comment(anchor={"end_line": 7})
    reply = apply_ops(assignment.public_id, ann, [op("review", wrong), op("review", comment())])
    [refused] = reply.refused
    assert refused["message"] == ("the change of step 2 has no lines 1 to 7 in one piece on the new side of 'src/a.py'")
    assert len(Answer.objects.get().value) == len(reply.acked) == 1


def test_the_server_checks_the_comment_of_a_rejection(tmp_path):
    project = make_project(tmp_path, schemes=[REVIEW])
    with pytest.raises(NotYet) as refused:
        submit_item(project, "ann", {"review": {"verdict": "request_changes"}})
    assert [gap.message for gap in refused.value.missing] == ["“Request Changes” needs at least one comment"]


def test_five_hundred_comments_are_saved_submitted_and_exported(tmp_path):
    lines = "".join(f"+line {n}\n" for n in range(1, 501))
    edit = {"step_idx": 0, "type": "file_edit", "path": "b.py", "diff": f"@@ -0,0 +1,500 @@\n{lines}"}
    project = make_project(tmp_path, schemes=[REVIEW], traces=[make_trace(structured_turns=[edit])])
    said = {}
    for line in range(1, 501):
        said |= comment(f"<b>{line}</b>", anchor={"step": 0, "file": "b.py", "start_line": line, "end_line": line})
    submit_item(project, "ann", {"review": {**said, "verdict": "comment"}})
    [trace] = labeled_traces(project, using="default")
    comments = trace.submissions[0].values["review"]["comments"]
    assert [(one["code"], one["text"]) for one in comments[:2]] == [("line 1", "<b>1</b>"), ("line 2", "<b>2</b>")]
    assert len(comments) == 500


def test_agreement_compares_verdicts_and_the_ratings_of_each_file(tmp_path):
    project = make_project(tmp_path, schemes=[REVIEW], overlap=100)
    for name, rating in (("ann", 4), ("bob", 2)):
        for verdict in ("approve", "comment", "approve"):
            submit_item(project, name, {"review": {"verdict": verdict, "file:src/a.py": rating}})
    results = {result.measure: result for result in agreement(project, using="default").results}
    assert (results["verdict"].value, results["verdict"].units, results["verdict"].per) == (1.0, 3, "item")
    assert (results["file_rating"].percent, results["file_rating"].units, results["file_rating"].per) == (
        0.0,
        3,
        "file",
    )


def test_the_ready_made_set_comes_back_from_its_file_and_stands_in_the_form():
    config = presets()["code_review"].configure("Review")
    draft = of_config(config)
    assert draft.is_good, draft.errors
    assert config_again(config) == config.stored()
    scale = next(node for node in draft.form.walk() if node.name == "annotation_schemes.0.file_ratings.scale")
    assert (scale.kind, scale.shown) == ("lines", "1\n2\n3\n4\n5")
    assert {node.kind for node in draft.form.walk()} & {"yaml"} == set()


def config_again(config):
    from annotation.projects.config import parse

    parsed = parse(to_yaml(config), "config.yaml", needs_files=False)
    assert parsed.errors == []
    return ProjectConfig.from_stored(json.loads(json.dumps(parsed.config.stored()))).stored()


def test_the_configuration_is_the_same_after_loading(tmp_path):
    project = make_project(tmp_path, schemes=[REVIEW])
    [scheme] = config_of(project.revision_id).annotation_schemes
    assert scheme == review()


def test_one_comment_more_than_a_review_takes_is_refused_and_those_there_can_be_edited_and_deleted(tmp_path):
    project, user = make_project(tmp_path, schemes=[REVIEW]), person("ann")
    mine = hand_out(project, user).assignment

    def save(*operations):
        return apply_ops(mine.public_id, user, list(operations))

    for count in (200, 200, 100):
        assert not save(*(op("review", comment()) for _ in range(count))).refused
    [refused] = save(op("review", comment(), base=MAX_COMMENTS)).refused
    assert refused["message"] == "there are 500 comments already, as many as one review takes: delete one first"
    answer = Answer.objects.get(assignment=mine)
    key, *_ = answer.value
    # As an earlier version let it grow.
    answer.value |= comment()
    answer.save()
    [edited] = comment("Because.").values()
    assert save(op("review", {key: edited, "verdict": "approve"}, base=MAX_COMMENTS)).acked
    assert save(op("review", {key: None}, base=MAX_COMMENTS + 1)).acked
    assert save(op("review", comment(), base=MAX_COMMENTS + 2)).refused


def test_what_was_viewed_is_kept_with_the_assignment_and_never_submitted(tmp_path):
    project = make_project(tmp_path, schemes=[REVIEW])
    user = person("ann")
    mine = hand_out(project, user).assignment
    mark = op("review", {"viewed:src/a.py": True})
    assert apply_ops(mine.public_id, user, [mark]).acked == [mark["id"]]
    assert apply_ops(mine.public_id, user, [mark]).acked == [mark["id"]]
    assert Answer.objects.get(assignment=mine).value == {"viewed:src/a.py": True}
    submission = submit_item(project, "ann", {"review": {"verdict": "approve"}})
    assert submission.values == {"review": {"verdict": "approve"}}
    # Who opens it again finds what they had viewed; the event stays.
    assert Answer.objects.get(assignment=mine).value == {"viewed:src/a.py": True, "verdict": "approve"}
    assert AnswerEvent.objects.filter(assignment=mine, changes={"viewed:src/a.py": True}).count() == 1
    with pytest.raises(Closed):
        apply_ops(mine.public_id, user, [op("review", {"viewed:src/a.py": None}, base=9)])


def test_a_mark_is_taken_back(tmp_path):
    project = make_project(tmp_path, schemes=[REVIEW])
    user = person("ann")
    mine = hand_out(project, user).assignment
    apply_ops(mine.public_id, user, [op("review", {"viewed:src/a.py": True})])
    reply = apply_ops(mine.public_id, user, [op("review", {"viewed:src/a.py": None}, base=1)])
    assert not reply.refused
    assert Answer.objects.get(assignment=mine).value == {}
