"""``potato export --format prm``: the file a training team gets."""

import io
import json
import stat
from functools import partial
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from annotation.assignments.states import void
from annotation.models import Item, Membership
from exports.management.commands.export import _counted
from potato_site import files
from tests.factory import (
    FIRST_ERROR,
    OUTCOME,
    PER_STEP,
    answers,
    make_project,
    make_trace,
    make_traces,
    person,
    submit_item,
)

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])


@pytest.fixture
def export(tmp_path):
    """``export(project)``: (lines of the file, what the command said)."""

    def run(project, **options):
        said = io.StringIO()
        output = tmp_path / "training_data" / "prm_labels.jsonl"
        call_command(
            "export", format="prm", project=project.slug, output=output, stdout=said, stderr=io.StringIO(), **options
        )
        return [json.loads(line) for line in output.read_bytes().splitlines()], said.getvalue()

    return run


def test_there_is_one_line_per_labeled_trace_in_file_order(tmp_path, export):
    project = make_project(tmp_path, traces=make_traces(4), overlap=0)
    for _ in range(3):
        submit_item(project, "ann", answers())
    lines, said = export(project)
    assert [line["trace_id"] for line in lines] == ["trace_001", "trace_002", "trace_003"]
    assert "3 traces" in said
    assert "not labeled yet: 1 trace of 4" in said


def test_annotators_are_merged_and_ties_are_counted(tmp_path, export):
    project = make_project(tmp_path, traces=make_traces(2))
    submit_item(project, "ann", answers(3, "partial", "first words"))
    submit_item(project, "bob", answers(1, "not_resolved", "second words"))
    submit_item(project, "ann", answers())
    submit_item(project, "bob", answers())
    (tied, agreed), said = export(project)
    assert (tied["first_error_step"], tied["needs_adjudication"], tied["agreement"]) == (1, True, 0.5)
    assert (tied["annotators"], tied["n_annotators"], tied["aggregation"]) == (["ann", "bob"], 2, "majority")
    # Choice and text are those of the one who agrees with the label: the row does not contradict itself.
    assert (tied["outcome"], tied["error_description"]) == ("not_resolved", "second words")
    assert (agreed["first_error_step"], agreed["needs_adjudication"], agreed["agreement"]) == (None, False, 1.0)
    assert "2 by several annotators, 1 of them tied" in said


def test_a_tied_choice_needs_adjudication_though_the_label_is_agreed(tmp_path, export):
    project = make_project(tmp_path, traces=make_traces(1))
    submit_item(project, "ann", answers(2, "partial"))
    submit_item(project, "bob", answers(2, "not_resolved"))
    [line], _ = export(project)
    assert (line["agreement"], line["outcome"], line["needs_adjudication"]) == (1.0, "partial", True)


def test_per_step_labels_carry_their_rewards(tmp_path, export):
    project = make_project(tmp_path, traces=make_traces(1, 3), schemes=[PER_STEP], overlap=0)
    given = ["correct", "partially_correct", "incorrect"]
    submit_item(project, "ann", {"per_step": {str(step): {"label": label} for step, label in enumerate(given)}})
    (line,), _ = export(project)
    assert [(step["label"], step["reward"]) for step in line["steps"]] == list(zip(given, [1.0, 0.5, 0.0], strict=True))
    assert (line["mode"], line["first_error_step"], line["labels"]) == ("per_step", 2, [True, True, False])


def test_unlabeled_steps_are_masked_where_the_project_allows_them(tmp_path, export):
    schemes = [{**PER_STEP, "require_all_steps": False}]
    project = make_project(tmp_path, traces=make_traces(2, 2), schemes=schemes, overlap=0)
    submit_item(project, "ann", {"per_step": {"0": {"label": "correct"}}})
    submit_item(project, "ann", {"per_step": {"0": {"label": "correct"}, "1": {"label": "incorrect"}}})
    lines, _ = export(project)
    assert [line["labels"] for line in lines] == [[1, -100], [1, 0]]
    assert (lines[0]["steps"][1]["label"], lines[0]["all_correct"]) == (None, False)


def test_another_scheme_is_chosen_by_name(tmp_path, export):
    project = make_project(tmp_path, traces=make_traces(1, 2), schemes=[FIRST_ERROR, PER_STEP], overlap=0)
    neutral = {"label": "neutral"}
    values = {"step_reward": {"first_error": {"step": None}}, "per_step": {"0": neutral, "1": neutral}}
    submit_item(project, "ann", values)
    (first,), _ = export(project)
    (second,), _ = export(project, scheme="per_step")
    assert (first["steps"][0]["label"], first["per_step"]["steps"][0]["label"]) == ("correct", "neutral")
    assert (second["steps"][0]["label"], second["step_reward"]["all_correct"]) == ("neutral", True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheme": "nope"}, "no process_reward scheme is called 'nope'; the project has: step_reward"),
        ({"format": "nope"}, "there is no export format 'nope'; known: annotations, atif, code_review, csv"),
        ({"outcome_scheme": "nope"}, "about the whole trace is called 'nope'; the project has: outcome"),
        ({"validation": 0.5, "test": 0.5}, "validation and test leave nothing to train on"),
        ({"min_agreement": 2.0}, "--min_agreement: Input should be less than or equal to 1"),
        ({"project": "nobody"}, "'nobody'.*test-project"),
    ],
)
def test_a_wrong_option_names_what_there_is(tmp_path, export, options, message):
    project = make_project(tmp_path)
    call = {"format": "prm", "project": project.slug, "output": tmp_path / "out.jsonl", **options}
    with pytest.raises(CommandError, match=message.replace("?", ".")):
        call_command("export", **call)
    assert not (tmp_path / "out.jsonl").exists()


def test_a_project_without_process_reward_says_so(tmp_path, export):
    project = make_project(tmp_path, schemes=[OUTCOME])
    with pytest.raises(CommandError, match="no process_reward scheme"):
        export(project)


def test_what_does_not_count_is_left_out(tmp_path, export):
    project = make_project(tmp_path, traces=make_traces(4), people=("ann", "bob", "cyd"), overlap=0)
    voided = submit_item(project, "ann", answers())
    submit_item(project, "bob", answers())
    submit_item(project, "cyd", answers())
    void(voided.assignment_id)
    Membership.objects.filter(project=project, user=person("bob")).update(is_excluded=True)
    assert [line["trace_id"] for line in export(project)[0]] == ["trace_003"]
    Item.objects.filter(project=project, trace_a__external_id="trace_003").update(is_withdrawn=True)
    lines, said = export(project)
    assert lines == []
    assert "withdrawn: 1 trace" in said


def test_a_surplus_label_counts_only_when_asked_for(tmp_path, export):
    project = make_project(tmp_path, traces=make_traces(1), overlap=0)
    submission = submit_item(project, "ann", answers())
    type(submission).objects.filter(pk=submission.pk).update(flags=["surplus"])
    lines, said = export(project)
    assert lines == []
    assert "not labeled yet: 1 trace of 1" in said
    assert len(export(project, include_surplus=True)[0]) == 1


def test_the_same_labels_give_the_same_bytes(tmp_path, export):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1, "partial", "x"))
    export(project)
    before = (tmp_path / "training_data" / "prm_labels.jsonl").read_bytes()
    export(project)
    assert (tmp_path / "training_data" / "prm_labels.jsonl").read_bytes() == before


def test_the_annotators_own_files_are_current_after_an_export(tmp_path, export):
    project = make_project(tmp_path)
    for name in ("ann", "bob"):
        submit_item(project, name, answers())
        assert not (tmp_path / "output" / name / "annotations.jsonl").exists()
    export(project)
    for name in ("ann", "bob"):
        assert len((tmp_path / "output" / name / "annotations.jsonl").read_text().splitlines()) == 1


def test_a_full_disk_leaves_the_file_of_before_and_nothing_else(tmp_path, export, monkeypatch):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers())
    export(project)
    output = tmp_path / "training_data" / "prm_labels.jsonl"
    before = output.read_bytes()
    submit_item(project, "ann", answers())

    def full(descriptor):
        # Where a file system tells late that there is no room.
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises((CommandError, OSError), match="No space left"):
        call_command("export", format="prm", project=project.slug, output=output)
    assert output.read_bytes() == before
    assert {path.name for path in output.parent.iterdir()} == {output.name, f".{output.name}.files.json"}


def test_an_output_that_is_a_folder_is_named(tmp_path, export):
    project = make_project(tmp_path)
    with pytest.raises(CommandError, match="is a folder"):
        call_command("export", format="prm", project=project.slug, output=tmp_path)


def test_the_file_has_the_permissions_of_any_new_file(tmp_path, export):
    project = make_project(tmp_path)
    export(project)
    (tmp_path / "other").write_text("")
    mode = stat.S_IMODE((tmp_path / "training_data" / "prm_labels.jsonl").stat().st_mode)
    assert mode == stat.S_IMODE((tmp_path / "other").stat().st_mode)


def test_pairing_has_no_effect_on_labels_and_says_so(tmp_path, capsys):
    project = make_project(tmp_path)
    said = io.StringIO()
    call_command(
        "export", format="prm", project=project.slug, output=tmp_path / "x.jsonl", pair_by="issue_id", stderr=said
    )
    assert "--pair_by has no effect on the format prm" in said.getvalue()


def test_what_it_says_does_not_mix_with_labels_on_standard_output(tmp_path):
    """A shell opened the file, perhaps with something in it: that stays, and the labels follow."""
    project = make_project(tmp_path, traces=make_traces(2), overlap=0)
    submit_item(project, "ann", answers())
    out, said = io.StringIO(), io.StringIO()
    with (tmp_path / "shared").open("w+b") as file:
        file.write(b"before\n")
        file.flush()
        output = Path(f"/dev/fd/{file.fileno()}")
        call_command("export", format="prm", project=project.slug, output=output, stdout=out, stderr=said)
    first, *lines = (tmp_path / "shared").read_bytes().splitlines()
    assert (first, [json.loads(line)["trace_id"] for line in lines]) == (b"before", ["trace_001"])
    assert out.getvalue() == ""
    assert "1 trace" in said.getvalue()


def test_of_what_a_stream_takes_it_says_how_much_that_is(tmp_path):
    traces = [make_trace(f"t{n}", repo=f"r{n}") for n in range(6)]
    project = make_project(tmp_path, traces=traces, overlap=0)
    for _ in traces:
        submit_item(project, "ann", answers())
    said = io.StringIO()
    with (tmp_path / "shared").open("w+b") as file:
        output = Path(f"/dev/fd/{file.fileno()}")
        call_command("export", format="prm", project=project.slug, output=output, stderr=said, test=0.5, since_seq=0)
    rows = [json.loads(line) for line in (tmp_path / "shared").read_bytes().splitlines()]
    assert 0 < len(rows) < 6
    told = said.getvalue()
    assert f": {len(rows)} of 6 rows of 6 traces" in told
    assert f"  test: {6 - len(rows)}, not printed\n" in told
    assert "  since 0: 6 added, 0 changed, 0 removed\n" in told


def test_a_folder_goes_into_no_stream(tmp_path):
    project = make_project(tmp_path)
    with pytest.raises(CommandError, match="huggingface is a folder: give it a name with --output"):
        call_command("export", "--format", "huggingface", "--project", project.slug, "--output", "-")


def test_nothing_can_have_changed_since_a_counter_that_is_not_reached(tmp_path):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers())
    project.refresh_from_db()
    for since, refused in ((project.seq, False), (project.seq + 1, True), (10**25, True)):
        command = partial(
            call_command, "export", format="prm", project=project.slug, output=tmp_path / "out.jsonl",
            since_seq=since, stdout=io.StringIO(),
        )  # fmt: skip
        if not refused:
            command()
            continue
        with pytest.raises(CommandError, match=f"--since_seq: the project's change counter is at {project.seq}"):
            command()


def test_it_says_nothing_on_standard_error_where_nobody_watches(tmp_path, export, capfd):
    project = make_project(tmp_path, traces=make_traces(2), overlap=0)
    submit_item(project, "ann", answers())
    export(project)
    assert capfd.readouterr().err == ""


def test_a_compressed_file_is_named_as_it_was_written(tmp_path):
    project = make_project(tmp_path, traces=make_traces(1))
    submit_item(project, "ann", answers())
    said, output = io.StringIO(), tmp_path / "labels.jsonl"
    call_command("export", format="prm", project=project.slug, output=output, compress="gzip", stdout=said)
    assert said.getvalue().startswith(f"{output}.gz: 1 trace")
    assert output.with_name("labels.jsonl.gz").exists()


@pytest.mark.parametrize(
    ("number", "reason", "told"),
    [
        (1, "pairs without two different final patches", "1 pair without two different final patches"),
        (2, "pairs with the same steps", "2 pairs with the same steps"),
        (1, "comparisons nobody answered", "1 comparison nobody answered"),
        (1, "no code review", "1 trace, no code review"),
    ],
)
def test_what_was_left_out_is_counted_in_words(number, reason, told):
    assert _counted(number, reason) == told
