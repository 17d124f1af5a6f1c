"""Process rewards: the three modes, any label set, some step types only, and labels that came with a trace."""

import json

import pytest
from django.core.management import call_command

from annotation.answers.ops import apply_ops
from annotation.assignments.handout import hand_out
from annotation.models import Answer
from annotation.quality.agreement import agreement
from annotation.schemes import schemes
from annotation.schemes.base import ItemContext, Refused
from tests.annotation.test_config_bad_input import errors
from tests.factory import FIRST_ERROR, PER_STEP, make_project, make_trace, op, person, submit_item

TYPES = ("thinking", "file_edit", "bash_command", "assistant_message")
GRADES = {
    "good": {"text": "Good", "reward": 1},
    "fair": {"text": "Fair", "reward": 0.25},
    "bad": {"text": "Bad", "reward": 0},
}
STOP = {"annotation_type": "process_reward", "name": "stop", "mode": "stop_at_first_error", "labels": GRADES}


def make(config, **options):
    return schemes.get("process_reward").model_validate({**config, **options})


def ctx(**suggestions):
    return ItemContext(TYPES, suggestions=suggestions)


def labels(*names):
    return {str(step): {"label": name, "origin": "human"} for step, name in enumerate(names) if name}


def exported(scheme, answers, context=None):
    value = scheme.export(answers, context or ctx())
    return value["first_error_step"], value["all_correct"], [step["label"] for step in value["steps"]]


class TestUpToTheFirstError:
    def test_nothing_is_asked_behind_the_first_wrong_label(self):
        scheme = make(STOP)
        assert [gap.step for gap in scheme.missing(labels("good"), ctx())] == [1, 2, 3]
        assert scheme.missing(labels("good", "bad"), ctx()) == []
        assert [gap.step for gap in scheme.missing(labels("good", None, "bad"), ctx())] == [1]

    def test_labels_behind_it_are_not_submitted(self):
        given = labels("good", "bad", "good")
        assert set(make(STOP).final(given, ctx())) == {"0", "1"}
        assert exported(make(STOP), given) == (1, False, ["good", "bad", None, None])

    def test_a_run_without_an_error_is_labeled_to_its_end(self):
        given = labels("good", "fair", "good", "good")
        assert make(STOP).missing(given, ctx()) == []
        assert exported(make(STOP), given) == (None, True, ["good", "fair", "good", "good"])

    @pytest.mark.parametrize("mode", ["per_step", "stop_at_first_error"])
    def test_exports_know_whether_there_are_gaps(self, mode):
        assert make(STOP, mode=mode).has_gaps == (mode == "stop_at_first_error")


class TestLabelSets:
    def test_a_first_error_gives_the_labels_of_the_project(self):
        two = {"works": {"text": "Works", "reward": 0.9}, "fails": {"text": "Fails", "reward": 0}}
        scheme = make(FIRST_ERROR, labels=two)
        assert exported(scheme, {"first_error": {"step": 2, "origin": "human"}})[2] == [
            "works",
            "works",
            "fails",
            "fails",
        ]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"labels": {**GRADES, "x": "X"}}, "no reward is known for x"),
            (
                {"labels": {"good": {"text": "G", "reward": 1}, "fine": {"text": "F", "reward": 1}}},
                "needs one with the",
            ),
            ({"labels": {str(n): {"text": "L", "reward": 1} for n in range(200)}}, "at most 50 fit beside a step"),
            ({"mode": "first_error"}, "first_error mode has two, one of them with the reward 0"),
            ({"step_types": ["thoughts"]}, "there is no step type 'thoughts'"),
        ],
    )
    def test_a_set_that_cannot_work_is_named(self, options, message):
        (found,) = errors(annotation_schemes=[{**STOP, **options}])
        assert message in found

    def test_fifty_labels_with_long_descriptions_and_any_script_are_taken(self):
        many = {f"تسمية {n}": {"text": "<b>x</b>", "reward": n / 50, "description": "y" * 2000} for n in range(50)}
        assert make(STOP, labels=many).clean("0", {"label": "تسمية 7"}, ctx())["label"] == "تسمية 7"


class TestStepTypes:
    @pytest.mark.parametrize(("types", "asked"), [([], [0, 1, 2, 3]), (["any_tool"], [1, 2]), (["bash_command"], [2])])
    def test_only_steps_of_these_types_have_labels(self, types, asked):
        scheme = make(PER_STEP, step_types=types)
        assert [gap.step for gap in scheme.missing({}, ctx())] == asked
        given = labels(*("correct" if step in asked else None for step in range(4)))
        assert exported(scheme, given) == (None, True, ["correct" if step in asked else None for step in range(4)])
        assert scheme.has_gaps == bool(types)

    def test_a_first_error_is_one_of_them(self):
        scheme = make(FIRST_ERROR, step_types=["any_tool"])
        with pytest.raises(Refused, match="step 0 is not asked about"):
            scheme.clean("first_error", {"step": 0}, ctx())
        assert exported(scheme, {"first_error": {"step": 2, "origin": "human"}}) == (
            2, False, [None, "correct", "incorrect", None],
        )  # fmt: skip

    def test_answers_about_some_steps_have_another_meaning(self):
        assert make(PER_STEP).meaning() != make(PER_STEP, step_types=["any_tool"]).meaning()


class TestReasons:
    @pytest.mark.parametrize("allow", [True, False])
    def test_a_reason_is_taken_where_the_project_takes_them(self, allow):
        scheme, value = make(PER_STEP, allow_reason=allow), {"label": "correct", "reason": "It compiles"}
        if not allow:
            with pytest.raises(Refused, match="no reasons"):
                scheme.clean("0", value, ctx())
            return
        clean = scheme.clean("0", value, ctx())
        assert scheme.export({"0": clean}, ctx())["steps"][0]["reason"] == "It compiles"


class TestSuggestions:
    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            ({"first_error_step": 2}, {"step": 2}),
            ({"first_error_step": None, "all_correct": True}, {"step": None}),
            ({"first_error_step": None, "all_correct": False}, None),
            ({"steps": ["correct", "correct", {"label": "incorrect", "reason": "no"}]}, {"step": 2, "reason": "no"}),
            (["correct"] * 4, {"step": None}),
            (["correct"] * 3, None),
            ({"first_error_step": 9}, None),
            ({"first_error_step": True}, None),
            ("nonsense", None),
            ({"steps": {"0": "correct"}}, None),
        ],
    )
    def test_a_first_error_is_read_from_what_an_export_holds(self, raw, expected):
        found = make(FIRST_ERROR).suggested(ctx(step_reward=raw)).answers
        assert found.get("first_error") == expected

    def test_labels_are_read_step_by_step(self):
        raw = {"by": "model-x", "steps": ["correct", None, {"label": "neutral", "reward": 0.5}, "unknown", "correct"]}
        found = make(PER_STEP).suggested(ctx(per_step=raw))
        assert (found.answers, found.by) == ({"0": {"label": "correct"}, "2": {"label": "neutral"}}, "model-x")

    def test_whose_a_label_is_follows_from_the_suggestion_whatever_is_sent(self):
        scheme, context = make(PER_STEP), ctx(per_step=["correct", "correct"])
        said = [("0", "correct", "human"), ("1", "incorrect", "ai"), ("2", "correct", "ai")]
        found = [scheme.clean(key, {"label": label, "origin": sent}, context)["origin"] for key, label, sent in said]
        assert found == ["ai", "ai_changed", "human"]

    @pytest.mark.parametrize("shown", [True, False])
    def test_a_project_shows_them_or_not(self, shown):
        scheme, context = make(FIRST_ERROR, show_suggestions=shown), ctx(step_reward={"first_error_step": 1})
        assert bool(scheme.suggested(context).answers) == shown
        assert scheme.clean("first_error", {"step": 1}, context)["origin"] == ("ai" if shown else "human")
        assert ("accept" in [key.action for key in scheme.keys()]) == shown  # noqa: SIM118

    def test_a_suggestion_alone_is_no_answer(self):
        assert make(FIRST_ERROR).missing({}, ctx(step_reward={"first_error_step": 1})) != []


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
class TestInAProject:
    def test_the_origin_is_kept_and_exported(self, tmp_path):
        suggestions = {"per_step": {"by": "model-x", "steps": ["correct", "correct", "incorrect"]}}
        trace = make_trace("t", 3, suggestions=suggestions)
        project = make_project(tmp_path, traces=[trace], schemes=[PER_STEP], overlap=0)
        given = {"0": {"label": "correct"}, "1": {"label": "neutral"}, "2": {"label": "incorrect", "origin": "human"}}
        submission = submit_item(project, "ann", {"per_step": given})
        assert [value["origin"] for value in submission.values["per_step"].values()] == ["ai", "ai_changed", "ai"]
        path = tmp_path / "labels.jsonl"
        call_command("export", format="prm", project=project.slug, output=path)
        line = json.loads(path.read_text())
        assert [step["label_source"] for step in line["steps"]] == ["ai", "ai_changed", "ai"]

    def test_several_people_stop_where_their_labels_say(self, tmp_path):
        project = make_project(tmp_path, traces=[make_trace("t", 4)], schemes=[STOP], people=["ann", "bob"])
        submit_item(project, "ann", {"stop": labels("good", "bad")})
        submit_item(project, "bob", {"stop": labels("good", "good", "fair", "good")})
        path = tmp_path / "labels.jsonl"
        call_command("export", format="prm", project=project.slug, output=path)
        line = json.loads(path.read_text())
        assert [step["label"] for step in line["steps"]] == ["good", "bad", None, None]
        assert (line["mode"], line["first_error_step"], line["all_correct"]) == ("stop_at_first_error", 1, False)
        assert line["labels"] == [1, 0, -100, -100]
        found = {one.measure: one.units for one in agreement(project).results}
        assert found == {"has_error": 1, "first_error_position": 1, "step_label": 2, "step_grade": 2}

    def test_accepting_all_is_one_change(self, tmp_path):
        trace = make_trace("t", 200, suggestions={"per_step": ["correct"] * 200})
        project = make_project(tmp_path, traces=[trace], schemes=[PER_STEP])
        assignment = hand_out(project, person("ann")).assignment
        changes = {str(step): {"label": "correct", "origin": "ai"} for step in range(200)}
        reply = apply_ops(assignment.public_id, person("ann"), [op("per_step", changes)])
        assert (reply.version, reply.refused) == (1, [])
        kept = Answer.objects.get(assignment=assignment).value
        assert {value["origin"] for value in kept.values()} == {"ai"}
