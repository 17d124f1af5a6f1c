"""Loading a project file: once, again, edited, moved, broken."""

import json
import shutil

import pytest
import yaml
from django.apps import apps
from django.core.management import call_command

from annotation.models import Item, Membership, Project, Revision, SchemeVersion, Submission
from annotation.projects.config import ProjectConfig
from annotation.projects.load import load_file
from annotation.projects.revisions import config_of, current, set_config
from potato_site.accounts.models import AuditEntry, User
from tests.annotation.test_config import DOCUMENTS
from tests.factory import FIRST_ERROR, OUTCOME, PER_STEP, answers, make_trace, make_traces, submit_item, write_project
from traces.models import Dataset, Trace

pytestmark = pytest.mark.django_db


def load(path):
    report = load_file(path, path.parent / "output" / ".potato")
    assert [str(note) for note in report.errors] == []
    return report


def refused(path):
    """The errors of a file that must leave nothing behind."""
    before = tables()
    report = load_file(path, path.parent / "output" / ".potato")
    assert report.project is None
    assert tables() == before
    return [str(note) for note in report.errors]


def edit(path, change):
    """Rewrite a project file by ``change(value)``."""
    value = yaml.safe_load(path.read_text())
    change(value)
    path.write_text(yaml.safe_dump(value, sort_keys=False))
    return path


def tables():
    """Every row of every table."""
    rows = {}
    for model in apps.get_models():
        if model._meta.managed:
            rows[model._meta.label] = sorted(map(repr, model.objects.values_list()))
    return rows


def write_traces(folder, documents):
    (folder / "data" / "traces.jsonl").write_text("".join(json.dumps(document) + "\n" for document in documents))


# --- the first time ------------------------------------------------------------------------------------------


def test_it_makes_an_open_project_with_people_traces_and_items(tmp_path):
    report = load(write_project(tmp_path))
    project = Project.objects.get()
    assert report.project == project
    assert (project.slug, project.name, project.state) == ("test-project", "Test project", "open")
    assert (report.counts.new, report.new_items, report.is_new) == (3, 3, True)
    assert Item.objects.filter(project=project).count() == 3
    assert set(SchemeVersion.objects.values_list("name", "version")) == {
        ("step_reward", 1),
        ("outcome", 1),
        ("error_description", 1),
    }
    roles = set(Membership.objects.values_list("user__username", "role", "source"))
    assert roles == {("manager", "manager", "file"), ("ann", "annotator", "file"), ("bob", "annotator", "file")}


def test_the_first_load_makes_a_manager_who_cannot_log_in_with_a_password(tmp_path):
    load(write_project(tmp_path))
    manager = User.objects.get(username="manager")
    assert manager.is_superuser
    assert not manager.has_usable_password()
    assert list(Dataset.objects.get().managers.all()) == [manager]


def test_it_writes_a_pointer_without_secrets_into_the_output_folder(tmp_path):
    load(write_project(tmp_path))
    private = tmp_path / "output" / ".potato"
    assert json.loads((private / "project.json").read_text()) == {"home": ".", "slug": "test-project"}
    assert (private / ".gitignore").read_text() == "*\n"
    assert private.stat().st_mode & 0o777 == 0o700
    assert (private / "project.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["guide.yaml", "announcement.yaml"])
def test_the_documents_projects_load(tmp_path, name):
    (tmp_path / "data").mkdir()
    write_traces(tmp_path, make_traces(4))
    shutil.copy(DOCUMENTS / name, tmp_path / "config.yaml")
    report = load(tmp_path / "config.yaml")
    assert report.is_good
    assert Item.objects.count() == 4


def test_the_older_designs_project_loads_with_its_own_records(tmp_path):
    shutil.copy(DOCUMENTS / "design.yaml", tmp_path / "config.yaml")
    shutil.copy(DOCUMENTS / "sample-data.json", tmp_path / "sample-data.json")
    report = load(tmp_path / "config.yaml")
    assert report.is_good
    assert set(Trace.objects.values_list("external_id", flat=True)) == {"sorting-001", "brackets-002"}
    project = report.project
    assert project.output_path == str(tmp_path / "annotation_output")
    # annotation_per_instance: 2
    assert list(Item.objects.values_list("in_overlap", flat=True)) == [True, True]
    assert project.slots.count() == 4


def test_task_dir_moves_every_relative_path_of_the_older_dialect(tmp_path):
    (tmp_path / "task").mkdir()
    shutil.copy(DOCUMENTS / "sample-data.json", tmp_path / "task" / "sample-data.json")
    text = (DOCUMENTS / "design.yaml").read_text().replace('task_dir: "."', 'task_dir: "task"')
    (tmp_path / "config.yaml").write_text(text)
    report = load(tmp_path / "config.yaml")
    assert report.project.output_path == str(tmp_path / "task" / "annotation_output")


def test_input_path_may_be_several_files_and_folders(tmp_path):
    path = write_project(tmp_path, traces=[make_trace("a")])
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.jsonl").write_text(json.dumps(make_trace("b")))
    edit(path, lambda value: value["data"].update(input_path=["data/traces.jsonl", "more/"]))
    load(path)
    assert set(Trace.objects.values_list("external_id", flat=True)) == {"a", "b"}


# --- again ---------------------------------------------------------------------------------------------------


def test_loading_twice_changes_no_row_and_no_file(tmp_path):
    path = write_project(tmp_path)
    load(path)
    rows = tables()
    files = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    report = load(path)
    assert tables() == rows
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == files
    assert (report.is_new, report.changed, report.counts.unchanged) == (False, [], 3)


def test_loading_bad_traces_twice_changes_nothing_and_names_them_again(tmp_path):
    path = write_project(tmp_path, traces=[make_trace("a"), {"id": 5.5}, make_trace("a")])
    first = load(path)
    rows = tables()
    second = load(path)
    assert tables() == rows
    assert [str(problem) for problem in second.problems] == [str(problem) for problem in first.problems]
    assert second.n_problems == first.n_problems == 2
    assert Trace.objects.count() == 1


def test_what_traces_warn_of_is_no_error_and_said_when_they_are_read(tmp_path, capsys):
    path = write_project(tmp_path)
    step = {"step_idx": 0, "type": "assistant_message", "content": "hi"}
    good = {"id": "good", "issue_description": "x", "structured_turns": [step]}
    warned = good | {"id": "warned", "source": {"warnings": ["3 × empty thoughts"]}}
    write_traces(tmp_path, [good | {"id": "none", "structured_turns": []}, warned])
    for said in (["data/traces.jsonl:1: structured_turns: the trace 'none' has no step"], []):
        call_command("load", str(path), "--json")
        done = capsys.readouterr()
        assert "error: " not in done.err
        [report] = json.loads(done.out)
        assert report["problems"] == []
        told = [text.removeprefix(f"{tmp_path.resolve()}/") for text in report["warnings"] if "traces.jsonl" in text]
        assert told == said


def test_only_what_an_edited_file_says_differently_is_applied(tmp_path):
    path = write_project(tmp_path, minimum_time=20)
    project = load(path).project
    # A manager raises the time and renames a label in the admin.
    plain = current(project).plain()
    plain["quality_control"]["minimum_time_per_instance"] = 45.0
    plain["annotation_schemes"][0]["labels"]["incorrect"]["text"] = "Broken"
    set_config(project, ProjectConfig.from_plain(plain), None)

    edit(path, lambda value: value["annotation_schemes"][0].update(confirmation_dialog=True))
    report = load(path)
    config = current(report.project)
    assert report.changed == ["annotation_schemes.step_reward.confirmation_dialog"]
    assert config.quality_control.minimum_time_per_instance == 45
    assert config.scheme("step_reward").labels["incorrect"].text == "Broken"
    assert config.scheme("step_reward").confirmation_dialog is True


def test_an_edit_of_the_same_key_takes_what_the_file_says(tmp_path):
    path = write_project(tmp_path, minimum_time=20)
    project = load(path).project
    plain = current(project).plain()
    plain["quality_control"]["minimum_time_per_instance"] = 45.0
    set_config(project, ProjectConfig.from_plain(plain), None)
    edit(path, lambda value: value["quality_control"].update(minimum_time_per_instance=30))
    assert current(load(path).project).quality_control.minimum_time_per_instance == 30


def test_schemes_are_added_removed_and_reordered_by_name(tmp_path):
    path = write_project(tmp_path, schemes=[FIRST_ERROR, OUTCOME])
    load(path)
    edit(path, lambda value: value.update(annotation_schemes=[PER_STEP | {"name": "steps"}, FIRST_ERROR]))
    config = current(load(path).project)
    assert [scheme.name for scheme in config.annotation_schemes] == ["steps", "step_reward"]


def test_the_new_order_of_labels_in_the_file_is_taken(tmp_path):
    path = write_project(tmp_path, schemes=[PER_STEP])
    load(path)

    def turn(value):
        labels = value["annotation_schemes"][0]["labels"]
        value["annotation_schemes"][0]["labels"] = dict(reversed(labels.items()))

    report = load(edit(path, turn))
    assert report.changed == ["annotation_schemes.per_step.labels"]
    assert next(iter(current(report.project).scheme("per_step").labels)) == "neutral"


def test_a_file_that_no_longer_fits_what_the_admin_changed_is_refused(tmp_path):
    radio = {**OUTCOME, "keyboard_shortcuts": {"resolved": "5"}}
    path = write_project(tmp_path, schemes=[PER_STEP, radio])
    project = load(path).project
    plain = current(project).plain()
    plain["annotation_schemes"][0]["labels"]["neutral"]["keyboard_shortcut"] = "6"
    set_config(project, ProjectConfig.from_plain(plain), None)
    edit(path, lambda value: value["annotation_schemes"][1].update(keyboard_shortcuts={"resolved": "6"}))
    first, last = refused(path)
    assert "the key '6' of 'Fully Resolved' is also the key of 'Neutral'" in first
    assert "does not fit what was changed in the admin" in last


def test_a_scheme_whose_plug_in_is_gone_can_be_taken_out(tmp_path):
    path = write_project(tmp_path, schemes=[FIRST_ERROR, OUTCOME])
    project = load(path).project
    stored = project.revision.config
    stored["annotation_schemes"][1]["annotation_type"] = "of_a_plug_in"
    Revision.objects.update(config=stored)
    edit(path, lambda value: value["annotation_schemes"].pop())
    assert [scheme.name for scheme in current(load(path).project).annotation_schemes] == ["step_reward"]


def test_another_wording_is_a_revision_and_another_meaning_a_scheme_version(tmp_path):
    path = write_project(tmp_path, schemes=[OUTCOME])
    project = load(path).project
    edit(path, lambda value: value["annotation_schemes"][0].update(label="Was it resolved?"))
    load(path)
    assert SchemeVersion.objects.count() == 1
    edit(path, lambda value: value["annotation_schemes"][0]["options"].append({"value": "unclear", "text": "?"}))
    load(path)
    assert list(SchemeVersion.objects.order_by("version").values_list("version", flat=True)) == [1, 2]
    edit(path, lambda value: value["annotation_schemes"][0]["options"].pop())
    load(path)
    # The meaning it had before: the version it had before.
    assert SchemeVersion.objects.count() == 2
    assert sorted(Revision.objects.filter(project=project).values_list("number", flat=True)) == [1, 2, 3, 4]


def test_a_change_is_counted_and_written_down(tmp_path):
    path = write_project(tmp_path)
    seq = load(path).project.seq
    edit(path, lambda value: value["quality_control"].update(overlap_percentage=50))
    project = load(path).project
    project.refresh_from_db()
    assert project.seq == seq + 1
    entry = AuditEntry.objects.get(action="config.change")
    assert entry.before == {"quality_control.overlap_percentage": 100.0}
    assert entry.after == {"quality_control.overlap_percentage": 50.0}


def test_old_revisions_keep_their_configuration(tmp_path):
    path = write_project(tmp_path, minimum_time=20)
    old = load(path).project.revision_id
    edit(path, lambda value: value["quality_control"].update(minimum_time_per_instance=30))
    new = load(path).project.revision_id
    times = [config_of(pk).quality_control.minimum_time_per_instance for pk in (old, new)]
    assert times == [20, 30]


def test_opening_is_in_the_history_once(tmp_path):
    path = write_project(tmp_path)
    assert load(path).project.state == "open"
    load(path)
    entry = AuditEntry.objects.get(action="project.state")
    assert (entry.before, entry.after) == ({"state": "draft"}, {"state": "open"})


def test_a_project_that_was_paused_stays_paused(tmp_path):
    path = write_project(tmp_path)
    Project.objects.filter(pk=load(path).project.pk).update(state=Project.State.PAUSED)
    load(path)
    assert Project.objects.get().state == "paused"


# --- which project -------------------------------------------------------------------------------------------


def test_a_renamed_project_in_the_same_file_is_the_same_project(tmp_path):
    path = write_project(tmp_path)
    load(path)
    edit(path, lambda value: value.update(project_name="Another name"))
    load(path)
    project = Project.objects.get()
    assert (project.name, project.slug) == ("Another name", "test-project")


def test_a_file_that_was_moved_is_the_same_project(tmp_path):
    path = write_project(tmp_path)
    project = load(path).project
    moved = path.rename(tmp_path / "renamed.yaml")
    assert load(moved).project == project
    rows = tables()
    load(moved)
    assert tables() == rows


def test_a_second_file_of_the_same_name_is_refused(tmp_path):
    path = write_project(tmp_path)
    load(path)
    copy = tmp_path / "copy.yaml"
    shutil.copy(path, copy)
    (message,) = refused(copy)
    assert message.startswith("copy.yaml: line 1: project_name: another file is the project 'test-project' already: ")
    assert str(path) in message


def test_an_output_folder_belongs_to_one_project(tmp_path):
    path = write_project(tmp_path)
    load(path)
    other = edit(shutil.copy(path, tmp_path / "b.yaml"), lambda value: value.update(project_name="B"))
    (message,) = refused(other)
    assert "output.path: this folder belongs to the project 'test-project' already" in message


def test_a_name_without_latin_letters_still_has_a_slug(tmp_path):
    assert load(write_project(tmp_path, name="标注")).project.slug.startswith("project-")


# --- bad input -----------------------------------------------------------------------------------------------


def test_a_mistake_in_the_configuration_leaves_nothing_behind(tmp_path):
    path = write_project(tmp_path, quality_control={"overlap_percentage": "all"})
    (message,) = refused(path)
    assert "quality_control.overlap_percentage" in message
    assert not (tmp_path / "output").exists()


def test_a_file_that_is_not_there_is_named(tmp_path):
    assert refused(tmp_path / "nothing.yaml") == ["nothing.yaml: cannot be read: No such file or directory"]


def test_a_new_project_without_any_traces_file_is_refused(tmp_path):
    path = write_project(tmp_path)
    (tmp_path / "data" / "traces.jsonl").unlink()
    (message,) = refused(path)
    assert message.startswith("config.yaml: line 4: data.input_path: no such file or folder: ")


def test_a_missing_file_among_good_ones_is_a_problem(tmp_path):
    path = write_project(tmp_path)
    edit(path, lambda value: value["data"].update(input_path=["data/traces.jsonl", "data/gone.jsonl"]))
    report = load(path)
    assert report.n_problems == 1
    assert "gone.jsonl: no such file or folder" in str(report.problems[0])
    assert Item.objects.count() == 3


def test_a_bad_line_is_named_and_the_good_ones_are_kept(tmp_path):
    path = write_project(tmp_path)
    traces = tmp_path / "data" / "traces.jsonl"
    traces.write_text(traces.read_text() + '{"id": "broken"\n{"id": "x", "structured_turns": [{}]}\n')
    report = load(path)
    assert (report.n_problems, report.is_good, report.counts.new) == (2, False, 3)
    assert [(problem.line, problem.field) for problem in report.problems] == [(4, ""), (5, "structured_turns[0].type")]


def test_an_output_path_that_is_a_file_is_refused(tmp_path):
    path = write_project(tmp_path, output={"path": "data/traces.jsonl"})
    (message,) = refused(path)
    assert "output.path: cannot be written" in message


def test_a_folder_that_is_somebody_elses_does_not_become_private(tmp_path):
    path = write_project(tmp_path)
    (tmp_path / "output" / ".potato").mkdir(parents=True)
    (tmp_path / "output" / ".potato" / "recipe.txt").write_text("boil")
    (message,) = refused(path)
    assert "is not empty and is not a home" in message


# --- traces that change --------------------------------------------------------------------------------------


def test_traces_that_left_the_file_stay_and_are_reported(tmp_path):
    path = write_project(tmp_path)
    load(path)
    write_traces(tmp_path, make_traces(2))
    report = load(path)
    assert Trace.objects.count() == 3
    assert [note.message for note in report.warnings if note.path == "data.input_path"] == [
        "1 trace is no longer in the files; it stays in the project"
    ]


def test_new_and_changed_traces_are_taken(tmp_path):
    path = write_project(tmp_path)
    load(path)
    write_traces(tmp_path, [make_trace("trace_001", 7), *make_traces(4)[1:]])
    report = load(path)
    assert (report.counts.new, report.counts.changed, report.counts.unchanged, report.new_items) == (1, 1, 2, 1)
    assert Item.objects.get(trace_a__external_id="trace_001").a.n_steps == 7


def test_another_id_key_reads_the_same_file_again(tmp_path):
    path = write_project(tmp_path, traces=[{"name": "a", "text": "x"}])
    report = load(path)
    assert report.n_problems == 1
    edit(path, lambda value: value["data"].update(id_key="name"))
    assert load(path).counts.new == 1


def test_without_agreement_nothing_overlaps(tmp_path):
    quality = {"overlap_percentage": 100, "inter_annotator_agreement": False}
    assert load(write_project(tmp_path, quality_control=quality)).project.slots.count() == 3


def test_less_overlap_drops_free_slots_and_keeps_those_that_were_labeled(tmp_path):
    path = write_project(tmp_path)
    project = load(path).project
    assert project.slots.count() == 6
    for name in ("ann", "bob"):
        submit_item(project, name, answers())
    edit(path, lambda value: value["quality_control"].update(overlap_depth=3))
    load(path)
    assert project.slots.count() == 9
    edit(path, lambda value: value["quality_control"].update(overlap_depth=2))
    load(path)
    assert project.slots.count() == 6
    assert Submission.objects.count() == project.slots.exclude(assignment=None).count() == 2
