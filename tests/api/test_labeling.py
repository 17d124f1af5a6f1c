"""A program labels: takes an item, reads it, saves, submits. What it may read is what the page shows."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from annotation.models import Answer, Assignment, Membership, Presence, Project, Submission
from potato_site.accounts.models import ApiToken, User
from tests import factory
from tests.api.calls import caller, problem

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
SECRET = "secret-outcome"


@pytest.fixture
def project(tmp_path):
    traces = [
        factory.make_trace(f"trace_{n}", metrics={"resolved": SECRET}, model=SECRET, gold_label=SECRET)
        for n in range(2)
    ]
    for trace in traces:
        trace["structured_turns"][0]["gold_step"] = SECRET
    return factory.make_project(tmp_path, traces=traces)


@pytest.fixture
def ann(project):
    return caller("ann", "annotate")


def begin(call, project) -> str:
    return call.post(f"projects/{project.slug}/next").json()["assignment"]["id"]


def submission(values=None, **more) -> dict:
    ops = [factory.op(scheme, changes) for scheme, changes in (values or factory.answers()).items()]
    return {"op_id": "submit-1", "tab": "run", "version": 0, "ops": ops, **more}


def test_a_program_labels_an_item(ann, project):
    public_id = begin(ann, project)
    state = ann.get(f"assignments/{public_id}").json()
    assert [scheme["name"] for scheme in state["schemes"]] == ["step_reward", "outcome", "error_description"]
    assert (state["version"], state["answers"], len(state["step_types"])) == (0, {}, 5)

    op = factory.op("outcome", {"": "partial"})
    saved = ann.post(f"assignments/{public_id}/operations", {"ops": [op], "trace_sha256": state["trace_sha256"]})
    assert (saved.status_code, saved.json()["version"], saved.json()["acked"]) == (200, 1, [op["id"]])
    assert ann.get(f"assignments/{public_id}").json()["answers"] == {"outcome": {"": "partial"}}

    rest = [factory.op("step_reward", {"first_error": {"step": None}}, base=1)]
    done = ann.post(f"assignments/{public_id}/submit", submission(version=1) | {"ops": rest})
    assert done.status_code == 200, done.content
    frozen = Submission.objects.get()
    assert frozen.values["outcome"] == {"": "partial"}
    assert done.json()["seq"] == frozen.seq
    assert begin(ann, project) != public_id


def test_next_gives_the_open_item_again_and_says_why_there_is_none(ann, project):
    assert begin(ann, project) == begin(ann, project)
    Project.objects.update(state=Project.State.PAUSED)
    answer = caller("bob").post(f"projects/{project.slug}/next").json()
    assert answer["assignment"] is None
    assert "paused" in answer["reason"]


def test_the_trace_is_what_the_page_shows_and_no_more(ann, project):
    public_id = begin(ann, project)
    trace = ann.get(f"assignments/{public_id}/trace").json()
    assert trace["issue_description"].startswith("Fix the bug")
    assert [step["type"] for step in trace["steps"]][:2] == ["thinking", "file_read"]
    assert trace["steps"][3] == {
        "step": 3, "type": "bash_command", "command": "pytest -q", "output": "2 passed in 0.12s", "exit_code": 0,
    }  # fmt: skip
    for path in ("", "/trace"):
        assert SECRET not in json.dumps(ann.get(f"assignments/{public_id}{path}").json())


def test_a_record_shows_the_fields_of_its_layout_only(tmp_path):
    record = {"id": "r1", "text": "Read me", "gold": SECRET, "model": SECRET}
    layout = '<p title="{{gold}}">{{text}}</p><script>{{model}}</script>'
    schemes = [factory.OUTCOME]
    project = factory.make_project(tmp_path, traces=[record], schemes=schemes, html_layout=layout)
    call = caller("ann")
    trace = call.get(f"assignments/{begin(call, project)}/trace").json()
    assert (trace["steps"], trace["record"]) == ([], {"text": "Read me"})


def test_what_is_missing_is_422_and_what_it_carried_is_kept(ann, project):
    public_id = begin(ann, project)
    body = submission({"outcome": {"": "partial"}})
    document = problem(ann.post(f"assignments/{public_id}/submit", body), 422, "not-yet")
    assert [error["field"] for error in document["errors"]] == ["step_reward"]
    assert document["reply"]["acked"] == [body["ops"][0]["id"]]
    assert Answer.objects.get().value == {"": "partial"}
    assert not Submission.objects.exists()


def test_reading_time_is_counted_and_asked_for(tmp_path):
    project = factory.make_project(tmp_path, minimum_time=20)
    call = caller("ann")
    public_id = begin(call, project)
    document = problem(call.post(f"assignments/{public_id}/submit", submission()), 422, "not-yet")
    assert document["wait_seconds"] == 20

    for seq in (1, 2):
        Presence.objects.update(last_seen_at=timezone.now() - timedelta(seconds=15))
        seen = call.post(f"assignments/{public_id}/seen", {"seq": seq, "delta_ms": 15_000})
        assert seen.json() == {"seq": seq, "active_ms": seq * 15_000}
    assert call.post(f"assignments/{public_id}/submit", submission(version=2)).status_code == 200


def test_a_conflict_names_the_key_and_keeps_the_others(ann, project):
    public_id = begin(ann, project)
    ann.post(f"assignments/{public_id}/operations", {"ops": [factory.op("outcome", {"": "partial"}, tab="a")]})
    ops = [
        factory.op("outcome", {"": "resolved"}, tab="b"),
        factory.op("step_reward", {"first_error": {"step": 1}}, tab="b"),
    ]
    document = problem(ann.post(f"assignments/{public_id}/operations", {"ops": ops}), 409, "conflict")
    assert [(one["scheme"], one["value"]) for one in document["conflicts"]] == [("outcome", "partial")]
    assert document["acked"] == [ops[1]["id"]]


@pytest.mark.parametrize(
    "body",
    [
        {"ops": {}}, {"ops": [1]}, {"ops": [factory.op("outcome", {"": "partial"}, base=9)]},
        {"ops": [{**factory.op("outcome", {"": "x"}), "id": "\x00"}]}, {"ops": [factory.op("outcome", {"\ud800": 1})]},
    ],
)  # fmt: skip
def test_malformed_operations_are_400(ann, project, body):
    problem(ann.post(f"assignments/{begin(ann, project)}/operations", body), 400, "malformed")
    assert not Answer.objects.exists()


@pytest.mark.parametrize("body", [{}, {"ops": [], "more": 1}, [], "text", None, 7])
def test_a_body_of_another_shape_is_422(ann, project, body):
    response = ann("POST", f"assignments/{begin(ann, project)}/operations", json.dumps(body))
    problem(response, 422, "invalid")


@pytest.mark.parametrize(("raw", "kind"), [("{", "application/json"), ('{"ops": NaN}', "application/json")])
def test_what_is_not_json_is_400(ann, project, raw, kind):
    problem(ann("POST", f"assignments/{begin(ann, project)}/operations", raw, kind=kind), 400, "malformed")


def test_another_kind_of_body_is_415_and_a_large_one_413(ann, project):
    path = f"assignments/{begin(ann, project)}/operations"
    problem(ann("POST", path, "ops=[]", kind="application/x-www-form-urlencoded"), 415, "media-type")
    problem(ann.post(path, {"ops": "x" * 2_000_000}), 413, "too-large")


def test_a_value_the_question_does_not_take_is_refused_by_name(ann, project):
    public_id = begin(ann, project)
    answer = ann.post(f"assignments/{public_id}/operations", {"ops": [factory.op("outcome", {"": "no such"})]})
    assert answer.status_code == 200
    assert len(answer.json()["refused"]) == 1
    assert not Answer.objects.exists()


def test_labels_given_to_another_version_of_the_trace_are_refused(ann, project):
    path = f"assignments/{begin(ann, project)}/operations"
    body = {"ops": [factory.op("outcome", {"": "partial"})], "trace_sha256": "0" * 64}
    problem(ann.post(path, body), 409, "closed")


def test_answers_to_other_questions_than_the_caller_read_are_refused(ann, project):
    public_id = begin(ann, project)
    path = f"assignments/{public_id}/operations"
    body = {"ops": [factory.op("outcome", {"": "partial"})], "questions_sha256": "0" * 64}
    problem(ann.post(path, body), 409, "closed")
    problem(ann.post(f"assignments/{public_id}/submit", submission(questions_sha256="0" * 64)), 409, "closed")
    told = ann.get(f"assignments/{public_id}").json()["questions_sha256"]
    assert ann.post(path, {**body, "questions_sha256": told}).status_code == 200


def test_skip_release_and_reopen(ann, project):
    public_id = begin(ann, project)
    assert ann.post(f"assignments/{public_id}/release").json()["state"] == "released"
    second = begin(ann, project)
    assert second != public_id
    assert ann.post(f"assignments/{second}/skip", {"reason": "too long"}).json()["state"] == "skipped"
    assert Assignment.objects.get(public_id=second).reason == "too long"
    problem(
        ann.post(f"assignments/{second}/operations", {"ops": [factory.op("outcome", {"": "partial"})]}), 409, "closed"
    )

    assert begin(ann, project) == public_id
    assert ann.post(f"assignments/{public_id}/submit", submission()).status_code == 200
    problem(ann.post(f"assignments/{public_id}/skip"), 409, "closed")
    assert ann.post(f"assignments/{public_id}/reopen").json()["state"] == "reopened"
    assert ann.post(f"projects/{project.slug}/next").json()["to_change"] == [public_id]
    problem(ann.post(f"assignments/{public_id}/leave", {"submission": 2}), 409, "closed")
    mine = {"submission": ann.get(f"assignments/{public_id}").json()["submission"]}
    assert ann.post(f"assignments/{public_id}/leave", mine).json()["state"] == "submitted"
    assert ann.post(f"assignments/{public_id}/leave").json()["state"] == "submitted"
    assert ann.post(f"projects/{project.slug}/next").json()["to_change"] == []


def test_a_get_writes_nothing_and_a_change_notes_the_use(ann, project):
    ann.get("projects")
    assert ApiToken.objects.get().last_used_at is None
    begin(ann, project)
    first = ApiToken.objects.get().last_used_at
    begin(ann, project)
    assert ApiToken.objects.get().last_used_at == first
    assert first is not None


def test_who_was_removed_saves_nothing_more(ann, project):
    public_id = begin(ann, project)
    Membership.objects.update(state=Membership.State.INACTIVE)
    body = {"ops": [factory.op("outcome", {"": "partial"})]}
    problem(ann.post(f"assignments/{public_id}/operations", body), 404, "not-found")
    assert not Answer.objects.exists()


@pytest.fixture
def pairs(tmp_path):
    traces = [factory.make_trace(f"try_{n}", 3 + n, issue_id="x", issue_description="Fix x") for n in range(2)]
    schemes = [factory.FIRST_ERROR, {"annotation_type": "pairwise", "name": "preference"}]
    return factory.make_project(tmp_path, traces=traces, schemes=schemes, people=["ann"], overlap=0)


def test_a_program_compares_two_attempts_once_it_has_labeled_them(pairs):
    ann, boss = caller("ann"), caller(User.objects.create_superuser("root"), "read")
    for _ in range(2):
        public_id = begin(ann, pairs)
        state = ann.get(f"assignments/{public_id}").json()
        assert ([scheme["name"] for scheme in state["schemes"]], state["trace_b"]) == (["step_reward"], None)
        assert ann.get(f"assignments/{public_id}/trace").json()["trace_b"] is None
        body = submission({"step_reward": {"first_error": {"step": None}}})
        assert ann.post(f"assignments/{public_id}/submit", body | {"op_id": f"s-{public_id}"}).status_code == 200

    public_id = begin(ann, pairs)
    state = ann.get(f"assignments/{public_id}").json()
    assert (state["trace"], state["trace_b"], state["step_types"]) == ("try_0", "try_1", [])
    assert [scheme["name"] for scheme in state["schemes"]] == ["preference"]
    read = ann.get(f"assignments/{public_id}/trace").json()
    assert (read["id"], len(read["steps"])) == ("try_0", 3)
    assert (read["trace_b"]["id"], len(read["trace_b"]["steps"])) == ("try_1", 4)
    body = submission({"preference": {"choice": {"side": "b"}}}, trace_sha256=state["trace_sha256"])
    assert ann.post(f"assignments/{public_id}/submit", body).status_code == 200

    path = f"projects/{pairs.slug}"
    *_, item = boss.get(f"{path}/items").json()["results"]
    assert (item["traces"], item["schemes"]) == (["try_0", "try_1"], ["preference"])
    assert item["trace_sha256"] == state["trace_sha256"]
    for resource in ("assignments", "submissions"):
        *_, row = boss.get(f"{path}/{resource}").json()["results"]
        assert (row["trace"], row["trace_b"]) == ("try_0", "try_1")


def test_an_optional_question_is_not_left_half_answered(tmp_path):
    problems = {
        "annotation_type": "multiselect", "name": "problems", "required": False, "min_selections": 2,
        "options": ["slow", "risky", "needless"],
    }  # fmt: skip
    project = factory.make_project(tmp_path, schemes=[problems])
    ann = caller("ann", "annotate")
    public_id = begin(ann, project)
    half = ann.post(f"assignments/{public_id}/submit", submission({"problems": {"": ["slow"]}}))
    assert half.status_code == 422
    assert [gap["message"] for gap in half.json()["errors"]] == ["“Problems”: choose at least 2"]
    done = ann.post(f"assignments/{public_id}/submit", submission({}, version=1) | {"ops": [
        factory.op("problems", {"": ["slow", "risky"]}, base=1)
    ]})  # fmt: skip
    assert done.status_code == 200, done.content
