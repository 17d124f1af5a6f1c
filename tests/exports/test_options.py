"""Every option has an effect, on a project and from the command; what is wrong is refused with its name."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from annotation import queries
from annotation.models import Assignment, Submission
from annotation.projects.revisions import current, set_config
from exports.build import build
from exports.formats import formats
from exports.management.commands.export import summary
from exports.options import Options, WrongOptions, as_json, options_of
from exports.preview import preview
from tests.factory import FIRST_ERROR, OUTCOME, PER_STEP, answers, make_project, make_trace, make_traces, submit_item

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])]

CORRECT, NEUTRAL, WRONG = {"label": "correct"}, {"label": "neutral"}, {"label": "incorrect"}


def export(project, name="prm", **options):
    """(rows of the main file, counts, rows by file)."""
    output = project_folder(project) / (formats.get(name).file or "folder")
    built = build(project.pk, name, Options(**options), output)
    files = {
        file.name: [json.loads(line) for line in (output.parent / file.name).read_text().splitlines()]
        for file in built.files
        if file.name.endswith(".jsonl")
    }
    return files.get(output.name, []), built.counts, files


def project_folder(project) -> Path:
    return Path(project.output_path) / "training_data"


@pytest.fixture
def steps(tmp_path):
    """A project where one person labeled four steps: right, neutral, wrong, right."""
    project = make_project(tmp_path, traces=make_traces(1, 4), schemes=[PER_STEP], overlap=0)
    given = [CORRECT, NEUTRAL, WRONG, CORRECT]
    submit_item(project, "ann", {"per_step": {str(place): label for place, label in enumerate(given)}})
    return project


@pytest.fixture
def tied(tmp_path):
    """Two people who disagree about the first of two traces, and agree about the second."""
    project = make_project(tmp_path, traces=make_traces(2))
    submit_item(project, "ann", answers(3, "partial"))
    submit_item(project, "bob", answers(1, "partial"))
    submit_item(project, "ann", answers(None))
    submit_item(project, "bob", answers(None))
    return project


# --- several annotators --------------------------------------------------------------------------------------------


def test_ties_go_to_the_earliest_the_latest_or_out(tied):
    assert [row["first_error_step"] for row in export(tied)[0]] == [1, None]
    assert [row["first_error_step"] for row in export(tied, ties="latest")[0]] == [3, None]
    rows, counts, _ = export(tied, ties="drop")
    assert [row["trace_id"] for row in rows] == ["trace_002"]
    assert counts["left_out"] == {"tied": 1}


def test_per_annotator_there_is_a_row_for_each_answer(tied):
    rows, counts, _ = export(tied, aggregation="per_annotator")
    assert [(row["annotators"], row["first_error_step"]) for row in rows] == [
        (["ann"], 3), (["bob"], 1), (["ann"], None), (["bob"], None),
    ]  # fmt: skip
    assert (counts["rows"], counts["traces"]) == (4, 2)


@pytest.mark.parametrize(("left_out", "asked"), [([], {"outcome", "error_description"}), (["bob"], {"outcome"})])
def test_other_answers_are_merged_where_they_may_be_tied_or_are_written(tied, monkeypatch, left_out, asked):
    """The outcome decides which rows are in; kto writes none of the others."""
    found = []
    monkeypatch.setattr("exports.rows._answer", lambda question, *given: found.append(question.name) or ("", False))
    export(tied, "kto", exclude_annotators=tuple(left_out))
    assert set(found) == asked


def test_what_a_reviewer_decided_is_the_label_unless_only_the_majority_counts(tied):
    bob = Submission.objects.get(assignment__annotator__username="bob", assignment__item__position=0)
    Assignment.objects.filter(pk=bob.assignment_id).update(purpose="adjudication")
    row = export(tied, ties="latest")[0][0]
    assert (row["first_error_step"], row["aggregation"], row["agreement"]) == (1, "adjudicated", 0.0)
    assert (row["annotators"], row["needs_adjudication"]) == (["ann", "bob"], False)
    row = export(tied, aggregation="majority")[0][0]
    assert (row["first_error_step"], row["aggregation"], row["annotators"]) == (3, "single", ["ann"])


def test_soft_labels_are_the_share_who_call_a_step_correct(tied):
    rows, _, _ = export(tied, soft_labels=True)
    assert rows[0]["p_correct"] == [1.0, 0.5, 0.5, 0.0, 0.0]
    assert rows[0]["steps"][1]["p_correct"] == 0.5
    assert rows[0]["labels"] == [True, False, False, False, False]
    assert "p_correct" not in export(tied)[0][0]


def test_the_least_agreement_leaves_out_what_people_agree_less_on(tied):
    rows, counts, _ = export(tied, min_agreement=0.9)
    assert [row["trace_id"] for row in rows] == ["trace_002"]
    assert counts["left_out"] == {"agreement below 0.9": 1}


# --- what a label teaches ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        ({}, [True, True, False, True]),
        ({"neutral": "negative"}, [True, False, False, True]),
        ({"neutral": "mask"}, [1, -100, 0, 1]),
        ({"post_error": "mask"}, [1, 1, 0, -100]),
        ({"post_error": "truncate"}, [True, True, False]),
        ({"reward_values": {"neutral": 0.2}}, [True, False, False, True]),
    ],
)
def test_neutral_and_later_steps_teach_what_is_asked(steps, options, labels):
    row = export(steps, **options)[0][0]
    assert row["labels"] == labels
    assert {type(label) for label in row["labels"]} == {type(labels[0])}
    assert (row["total_steps"], row["first_error_step"]) == (len(labels), 2)


def test_reward_values_are_the_rewards_of_the_steps(steps):
    row = export(steps, reward_values={"neutral": 0.2, "correct": 0.9})[0][0]
    assert [step["reward"] for step in row["steps"]] == [0.9, 0.2, 0.0, 0.9]


@pytest.mark.parametrize(
    ("values", "first", "is_right"), [({"neutral": 0.0}, 1, False), ({"incorrect": 0.2}, None, True)]
)
def test_a_label_that_is_worth_nothing_is_the_error_in_every_format(steps, values, first, is_right):
    row = export(steps, reward_values=values)[0][0]
    assert (row["first_error_step"], row["all_correct"]) == (first, is_right)
    assert export(steps, "processbench", reward_values=values)[0][0]["label"] == (-1 if first is None else first)
    assert export(steps, reward_values=values, post_error="truncate")[0][0]["total_steps"] == (first or 3) + 1


def test_a_first_error_that_was_marked_stays_whatever_its_reward(tied):
    rows = export(tied, reward_values={"incorrect": 0.2})[0]
    assert [(row["first_error_step"], row["all_correct"]) for row in rows] == [(1, False), (None, True)]
    assert rows[0]["steps"][1]["reward"] == 0.2


@pytest.mark.parametrize("people", [["ann"], ["ann", "bob"]])
def test_nothing_behind_a_first_error_that_reward_values_make_has_a_label(tmp_path, people):
    stop = {**PER_STEP, "mode": "stop_at_first_error"}
    project = make_project(tmp_path, traces=make_traces(1), schemes=[stop], people=people)
    given = ("correct", "partially_correct", "correct", "incorrect")
    for name in people:
        submit_item(project, name, {"per_step": {str(place): {"label": label} for place, label in enumerate(given)}})

    def labels(**options):
        row = export(project, soft_labels=True, **options)[0][0]
        return [step["label"] for step in row["steps"]], row["labels"], row["p_correct"], row["first_error_step"]

    assert labels() == ([*given, None], [1, 1, 1, 0, -100], [1.0, 1.0, 1.0, 0.0, None], 3)
    assert labels(reward_values={"partially_correct": 0.0}) == (
        ["correct", "partially_correct", None, None, None], [1, 0, -100, -100, -100], [1.0, 0.0, None, None, None], 1,
    )  # fmt: skip
    assert labels(reward_values={"incorrect": 0.2})[0] == [*given, None]


@pytest.mark.parametrize(
    ("asked", "given", "is_right"),
    [
        ({}, ["correct, incorrect, correct"], True),
        ({}, ["correct, incorrect, correct", "correct, correct, incorrect"], True),
        ({"require_all_steps": False}, ["correct, incorrect"], False),
        ({"mode": "stop_at_first_error"}, ["correct, incorrect"], False),
        ({"mode": "stop_at_first_error"}, ["correct, correct, incorrect"], True),
    ],
)
def test_steps_that_nobody_was_asked_about_are_no_gap_where_reward_values_leave_no_error(
    tmp_path, asked, given, is_right
):
    """Of five steps the three in the middle are tools."""
    people = ["ann", "bob"][: len(given)]
    scheme = {**PER_STEP, "step_types": ["any_tool"], **asked}
    project = make_project(tmp_path, traces=make_traces(1), schemes=[scheme], people=people)
    for name, labels in zip(people, given, strict=True):
        values = {str(place): {"label": label} for place, label in enumerate(labels.split(", "), start=1)}
        submit_item(project, name, {"per_step": values})
    row = export(project)[0][0]
    assert (row["first_error_step"] is not None, row["all_correct"]) == (True, False)
    row = export(project, reward_values={"incorrect": 0.2})[0][0]
    assert (row["first_error_step"], row["all_correct"]) == (None, is_right)
    bench, counts, _ = export(project, "processbench", reward_values={"incorrect": 0.2})
    assert [one["label"] for one in bench] == [-1] * is_right
    assert counts["left_out"] == ({} if is_right else {"no error, but unlabeled steps": 1})


def test_where_each_named_another_error_and_none_comes_out_all_is_correct(tmp_path):
    quality = {"overlap_percentage": 100, "overlap_depth": 3, "minimum_time_per_instance": 0}
    scheme, people = {**PER_STEP, "step_types": ["any_tool"]}, ("ann", "bob", "cat")
    project = make_project(tmp_path, traces=make_traces(1), schemes=[scheme], people=people, quality_control=quality)
    for name, wrong in zip(people, "123", strict=True):
        submit_item(project, name, {"per_step": {place: WRONG if place == wrong else CORRECT for place in "123"}})
    row = export(project)[0][0]
    assert (row["first_error_step"], row["all_correct"], row["n_annotators"]) == (None, True, 3)


def test_what_labels_were_worth_is_told_where_a_question_was_revised(tmp_path):
    """One label is gone, another is worth less."""
    project = make_project(tmp_path, traces=make_traces(2, 3), schemes=[PER_STEP], overlap=0)
    half = {"label": "partially_correct"}
    submit_item(project, "ann", {"per_step": dict(zip("012", (CORRECT, NEUTRAL, half), strict=True))})
    labels = {name: one for name, one in PER_STEP["labels"].items() if name != "neutral"}
    labels["partially_correct"] = {**labels["partially_correct"], "reward": 0.25}
    now = current(project)
    revised = type(now.annotation_schemes[0]).model_validate({**PER_STEP, "labels": labels})
    set_config(project, now.model_copy(update={"annotation_schemes": (revised,)}), None)
    project.refresh_from_db()
    submit_item(project, "ann", {"per_step": dict.fromkeys("012", half)})

    def told(**given):
        built = build(project.pk, "prm", Options(**given), tmp_path / "out", with_card=True)
        rewards = {label["value"]: (label["reward"], label["rewards"]) for label in built.card["labels"]}
        mixed = [line for line in summary(built, tmp_path / "out") if line.startswith("  mixed: ")]
        return rewards, built.counts["mixed_rewards"], mixed

    sentence = "teps labeled partially_correct are worth 0.25 and 0.5, as revisions of the question said"
    rewards = {"correct": (1.0, [1.0]), "partially_correct": (0.25, [0.25, 0.5]), "incorrect": (0.0, []),
               "neutral": (None, [0.5])}  # fmt: skip
    assert told() == (rewards, {"partially_correct": [0.25, 0.5]}, [f"  mixed: s{sentence}"])
    assert f"S{sentence}." in preview(project, "prm", Options()).warnings
    rewards, mixed, lines = told(reward_values={"partially_correct": 0.4})
    assert (rewards["partially_correct"], mixed, lines) == ((0.4, [0.4]), {}, [])


def test_ties_are_broken_by_the_rewards_that_the_options_give(tmp_path):
    project = make_project(tmp_path, traces=make_traces(1, 2), schemes=[PER_STEP])
    for name, label in (("ann", "neutral"), ("bob", "incorrect")):
        submit_item(project, name, {"per_step": {"0": CORRECT, "1": {"label": label}}})
    found = [export(project, reward_values=values)[0][0] for values in ({}, {"neutral": 0.0, "incorrect": 0.2})]
    assert [(row["steps"][1]["label"], row["first_error_step"]) for row in found] == [("incorrect", 1), ("neutral", 1)]


def test_truncated_content_keeps_both_ends_and_is_counted(tmp_path):
    trace = make_trace(structured_turns=[
        {"type": "bash_command", "command": "make", "output": "start" + "x" * 5000 + "the error", "exit_code": 2},
    ])  # fmt: skip
    project = make_project(tmp_path, traces=[trace], overlap=0)
    submit_item(project, "ann", answers(0))
    rows, counts, _ = export(project, content="truncated", content_limit=200)
    content = rows[0]["completions"][0]
    assert len(content) == 200
    assert content.startswith("$ make\nstart")
    assert content.endswith("the error")
    assert "characters left out" in content
    assert counts["changed"] == {"steps with truncated content": 1}
    assert len(export(project)[0][0]["completions"][0]) > 5000


def test_answers_that_accept_what_a_model_suggested_can_be_left_out(tmp_path):
    hint = {"step_reward": {"first_error_step": 1}}
    project = make_project(tmp_path, traces=[make_trace(suggestions=hint)], overlap=0)
    submit_item(project, "ann", answers(1))
    assert export(project)[0][0]["steps"][1]["label_source"] == "ai"
    rows, counts, _ = export(project, suggested="drop")
    assert (rows, counts["answers_left_out"]) == ([], {"with labels that a model suggested": 1})


# --- what goes in --------------------------------------------------------------------------------------------------


def test_answers_are_filtered_by_time_flag_and_person(tied):
    first = Submission.objects.order_by("seq").first()
    Submission.objects.filter(pk=first.pk).update(submitted_at="2020-01-01T00:00Z", flags=["too_fast"])
    since = datetime(2021, 1, 1, tzinfo=UTC)
    for options, reason in (
        ({"submitted_since": since}, "submitted earlier"),
        ({"exclude_flags": ("too_fast",)}, "flagged too_fast"),
    ):
        rows, counts, _ = export(tied, **options)
        assert rows[0]["annotators"] == ["bob"]
        assert counts["answers_left_out"] == {reason: 1}
    rows, counts, _ = export(tied, exclude_annotators=("bob",))
    assert [row["annotators"] for row in rows] == [["ann"], ["ann"]]
    assert counts["answers_left_out"] == {"by somebody left out": 2}


def test_only_some_outcomes(tied):
    rows, counts, _ = export(tied, outcome=("resolved",))
    assert [row["trace_id"] for row in rows] == ["trace_002"]
    assert counts["left_out"] == {"another outcome, or none": 1}


def test_the_outcome_may_come_from_another_question(tmp_path):
    other = {**OUTCOME, "name": "second", "required": False}
    project = make_project(tmp_path, traces=make_traces(1), schemes=[FIRST_ERROR, OUTCOME, other], overlap=0)
    submit_item(project, "ann", {**answers(1, "partial"), "second": {"": "resolved"}})
    assert export(project, outcome=("resolved",))[0] == []
    assert len(export(project, outcome=("resolved",), outcome_scheme="second")[0]) == 1


def test_the_outcome_may_be_the_verdict_of_a_review(tmp_path):
    review = {"annotation_type": "code_review", "name": "review"}
    patch = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"
    ids = [f"psf__requests-{number}" for number in range(4)]
    traces = [make_trace(name, instance_id=name, issue_description=name, final_patch=patch) for name in ids]
    project = make_project(tmp_path, traces=traces, schemes=[FIRST_ERROR, review], overlap=100)
    for verdicts in (("approve", "approve"), ("request_changes", "request_changes"), ("approve", "request_changes"),
                     ("comment", "comment")):  # fmt: skip
        for name, verdict in zip(("ann", "bob"), verdicts, strict=True):
            submit_item(project, name, {"step_reward": answers(None)["step_reward"], "review": {"verdict": verdict}})
    folder = project_folder(project)

    built = build(project.pk, "swe_bench", Options(outcome_scheme="review"), folder / "results.json")
    report = json.loads((folder / "results.json").read_text())
    predictions = map(json.loads, (folder / "results.preds.jsonl").read_text().splitlines())
    said = {one["instance_id"]: one["annotation"] for one in predictions}
    assert report["resolved_ids"] == ["psf__requests-0", "psf__requests-2"]
    assert report["unresolved_ids"] == ["psf__requests-1", "psf__requests-3"]
    assert [said[name]["outcome"] for name in sorted(said)] == ["approve", "request_changes", "approve", "comment"]
    assert [said[name]["needs_adjudication"] for name in sorted(said)] == [False, False, True, False]
    assert built.counts["outcomes"] == {"approve": 2, "comment": 1, "request_changes": 1}

    # Unless it is asked for a verdict resolves nothing, and whoever wonders is told how to ask.
    built = build(project.pk, "swe_bench", Options(), folder / "results.json")
    assert json.loads((folder / "results.json").read_text())["resolved_ids"] == []
    assert "outcome_scheme names no code review" in " ".join(built.counts["left_out"])


def test_a_trace_that_is_there_twice_is_exported_once(tmp_path):
    traces = [make_trace("one", issue_description="Fix it"), make_trace("two", issue_description="Fix it")]
    project = make_project(tmp_path, traces=[*traces, make_trace("three", 4, issue_description="Fix it")], overlap=0)
    for _ in range(3):
        submit_item(project, "ann", answers(1))
    rows, counts, _ = export(project)
    assert [row["trace_id"] for row in rows] == ["one", "three"]
    assert counts["left_out"] == {"the same task and steps as an earlier trace": 1}
    assert len(export(project, dedupe=False)[0]) == 3


@pytest.fixture
def same(tmp_path):
    """Three runs of one task with the same steps, which people labeled as they are told to."""

    def labeled(*each, people=("ann",)):
        traces = [make_trace(f"t{place}", issue_description="Fix it") for place in range(len(each))]
        project = make_project(tmp_path, traces=traces, overlap=100 * (len(people) - 1), people=list(people))
        for said in each:
            for name, values in zip(people, said, strict=True):
                submit_item(project, name, values)
        return project

    return labeled


OTHERWISE = "the same task and steps as an earlier trace, labeled otherwise"


@pytest.mark.parametrize("name", ["prm", "preference_pairs"])
def test_a_duplicate_that_contradicts_the_one_that_is_kept_is_counted_as_such(same, name):
    project = same([answers(1)], [answers(1)], [answers(3)], [answers(1, "partial")])
    _, counts, _ = export(project, name)
    found = {reason: number for reason, number in counts["left_out"].items() if "same task" in reason}
    assert found == {"the same task and steps as an earlier trace": 1, OTHERWISE: 2}
    (told,) = [one for one in preview(project, name, Options()).warnings if "same" in one]
    assert told.startswith("2 traces have the same task and steps as an earlier one, and other labels")


def test_what_was_said_of_the_one_that_is_kept_is_read_once(same, monkeypatch):
    """However many duplicates there are: to ask for it again costs as much as many traces."""
    project, read, asked = same([answers(1)], [answers(1)], [answers(3)]), queries.labeled_traces, []
    monkeypatch.setattr(queries, "labeled_traces", lambda *args, **how: asked.append(how["only"]) or read(*args, **how))
    _, counts, _ = export(project)
    assert counts["left_out"] == {"the same task and steps as an earlier trace": 1, OTHERWISE: 1}
    assert asked == [None]


def test_each_annotators_labels_are_looked_for_among_all_of_the_one_that_is_kept(same):
    said = [answers(1), answers(3)]
    project = same(said, said[::-1], [answers(1), answers(2)], people=("ann", "bob"))
    rows, counts, _ = export(project, aggregation="per_annotator")
    assert {row["trace_id"] for row in rows} == {"t0"}
    assert counts["left_out"] == {"the same task and steps as an earlier trace": 1, OTHERWISE: 1}


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"ties": "drop"}, "tied"), ({"min_agreement": 0.9}, "agreement below 0.9"),
     ({"outcome": ("resolved",)}, "another outcome, or none")],
)  # fmt: skip
def test_a_trace_that_is_left_out_stands_for_no_duplicate(same, options, reason):
    torn, agreed = [answers(1, "partial"), answers(3, "partial")], [answers(None), answers(None)]
    project = same(torn, torn, agreed, agreed, people=("ann", "bob"))
    rows, counts, _ = export(project, **options)
    assert [row["trace_id"] for row in rows] == ["t2"]
    assert counts["left_out"] == {reason: 2, "the same task and steps as an earlier trace": 1}


def test_a_trace_that_the_format_refuses_stands_for_no_duplicate(tmp_path):
    traces = [make_trace(name, 3, issue_description="Fix it") for name in ("neutral", "right", "wrong")]
    project = make_project(tmp_path, traces=traces, schemes=[PER_STEP], overlap=0)
    for label in (NEUTRAL, CORRECT, WRONG):
        submit_item(project, "ann", {"per_step": dict.fromkeys("012", label)})
    rows, counts, _ = export(project, "kto")
    assert {row["trace_id"] for row in rows} == {"right"}
    assert counts["left_out"] == {"no step judged right or wrong": 1, OTHERWISE: 1}
    assert {row["trace_id"] for row in export(project, "prm")[0]} == {"neutral"}


@pytest.mark.parametrize("name", ["annotations", "csv"])
def test_what_people_said_is_there_for_every_trace_whatever_its_steps(tmp_path, name):
    project = make_project(
        tmp_path, traces=[make_trace(one, issue_description="Fix it") for one in ("one", "two")], overlap=0
    )
    for _ in range(2):
        submit_item(project, "ann", answers(1))
    _, counts, _ = export(project, name)
    assert counts["left_out"] == {}
    written = (project_folder(project) / formats.get(name).file).read_text()
    assert "one" in written
    assert "two" in written


def test_a_benchmark_has_every_attempt_whatever_its_steps(tmp_path):
    said = {"issue_description": "Fix it", "instance_id": "django__django-1", "final_patch": "--- a/x\n+++ b/x\n"}
    traces = [make_trace(name, model=f"model-{name}", **said) for name in ("one", "two")]
    project = make_project(tmp_path, traces=traces, overlap=0)
    for _ in traces:
        submit_item(project, "ann", answers(1))
    _, counts, files = export(project, "swe_bench")
    assert counts["left_out"] == {}
    models = [[one["model_name_or_path"] for one in lines] for lines in files.values()]
    assert sorted(models) == [["model-one"], ["model-two"]]


def test_an_incremental_export_holds_what_changed_since(tied):
    seq = Submission.objects.order_by("seq")[1].seq
    rows, counts, _ = export(tied, since_seq=seq)
    assert [row["trace_id"] for row in rows] == ["trace_002"]
    assert counts["left_out"] == {f"unchanged since {seq}": 1}


# --- splits --------------------------------------------------------------------------------------------------------


def test_splits_stand_in_files_of_their_own_and_no_repository_is_in_two(tmp_path):
    repos = [f"org/r{number}" for number in range(12)]
    traces = [make_trace(f"t{number:02d}", repo=repos[number % 12], issue_id=f"issue-{number}") for number in range(36)]
    project = make_project(tmp_path, traces=traces, overlap=0)
    for _ in traces:
        submit_item(project, "ann", answers(1))
    _, counts, files = export(project, validation=0.3, test=0.3)
    assert set(files) == {"prm_labels.jsonl", "prm_labels.validation.jsonl", "prm_labels.test.jsonl"}
    found = {name: {row["repo"] for row in rows} for name, rows in files.items()}
    assert sum(len(names) for names in found.values()) == 12
    assert {row["split"] for row in files["prm_labels.test.jsonl"]} == {"test"}
    assert sum(counts["splits"].values()) == 36
    # Whole attempts at an issue stay together too, and another seed deals anew.
    _, _, other = export(project, validation=0.3, test=0.3, split_seed="another")
    assert {name: {row["repo"] for row in rows} for name, rows in other.items()} != found


# --- the command, the API and the form -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"ties": "first"}, "ties"),
        ({"min_agreement": 1.5}, "min_agreement"),
        ({"min_agreement": float("nan")}, "min_agreement"),
        ({"content_limit": 3}, "content_limit"),
        ({"reward_values": {"neutral": 2}}, "reward_values"),
        ({"submitted_since": "yesterday"}, "submitted_since"),
        ({"since_seq": -1}, "since_seq"),
        ({"traces": []}, "traces"),
        ({"dedupe": 1}, "dedupe"),
        ({"exclude_flags": ["slow"]}, "exclude_flags"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_value_is_refused_at_its_name(given, name):
    with pytest.raises(WrongOptions) as caught:
        options_of(given)
    assert [option for option, _ in caught.value.problems] == [name]


def test_options_survive_the_way_through_json():
    options = Options(
        submitted_since=datetime(2026, 1, 2, 3, 4, tzinfo=UTC), traces=("b", "a", "b"), reward_values={"x": 0.5},
        exclude_flags=("too_fast",), min_agreement=0.5,
    )  # fmt: skip
    assert options_of(json.loads(json.dumps(as_json(options)))) == options
    assert options.traces == ("a", "b")
