"""A configuration that comes by the admin or the API: saved, merged with others' changes, never touching files."""

import pytest
import yaml

from annotation.assignments.items import sync_items
from annotation.models import Invitation, Membership, Revision, Slot
from annotation.projects.apply import apply_text, propose, read
from annotation.projects.dump import to_yaml
from annotation.projects.revisions import current
from potato_site.accounts.models import AuditEntry, User
from potato_site.jobs.models import Job
from tests import factory
from tests.factory import ERROR_DESCRIPTION, FIRST_ERROR, OUTCOME

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(tmp_path):
    return factory.make_project(tmp_path, overlap=0)


@pytest.fixture
def manager(project):
    user = User.objects.create_user("mia")
    Membership.objects.create(project=project, user=user, role="manager", source="admin")
    return user


def edited(project, **sections):
    """The project's file with whole keys replaced, and keys of sections updated."""
    value = yaml.safe_load(to_yaml(current(project)))
    for key, change in sections.items():
        value[key] = {**value.get(key, {}), **change} if isinstance(change, dict) else change
    return yaml.safe_dump(value, sort_keys=False)


def texts(notes):
    return [(note.path, note.line, note.message) for note in notes]


def test_its_own_file_changes_nothing(project, manager):
    before = project.revision_id
    done = apply_text(project, to_yaml(current(project), people=["ann", "bob"]), manager)
    assert (done.is_saved, done.changed, done.warnings, done.people) == (True, [], [], [])
    assert done.revision.pk == before
    assert Revision.objects.filter(project=project).count() == 1


def test_a_change_is_a_revision_with_a_record_of_who_did_it(project, manager):
    done = apply_text(project, edited(project, project_name="New name"), manager)
    project.refresh_from_db()
    assert (project.name, project.revision, project.revision.made_by) == ("New name", done.revision, manager)
    entry = AuditEntry.objects.filter(action="config.change").get()
    assert (entry.user, entry.before, entry.after) == (
        manager,
        {"project_name": "Test project"},
        {"project_name": "New name"},
    )


def test_mistakes_are_named_and_nothing_is_saved(project, manager):
    done = apply_text(project, "project_name: P\nannotation_schemes:\n- {annotation_type: radio, name: x}\n", manager)
    assert texts(done.errors) == [("annotation_schemes.0", 3, "options: at least two are needed")]
    assert not done.is_saved
    assert Revision.objects.filter(project=project).count() == 1


@pytest.mark.parametrize(
    "text", ["", "[", "a: &a [*a]", "x: !!python/name:os.system", "- 1", "a: 1\na: 2", "\x00", "k: " + "[" * 50]
)
def test_no_text_is_a_server_error(project, manager, text):
    done = apply_text(project, text, manager)
    assert done.errors
    assert not done.is_saved


def test_paths_of_the_server_stay_with_a_warning(project, manager):
    before = current(project)
    text = edited(
        project, data={"input_path": "/etc/passwd"}, output={"path": "/tmp/x"}, port=99, project_name="Renamed"
    )
    done = apply_text(project, text, manager)
    after = current(project)
    assert {note.path for note in done.warnings} == {"data.input_path", "output.path", "port"}
    assert all("is ignored" in note.message and note.line for note in done.warnings)
    assert (after.data, after.output, after.port) == (before.data, before.output, before.port)
    assert (done.changed, after.project_name) == (["project_name"], "Renamed")


def test_a_new_projects_file_loses_its_paths():
    parsed = read(
        yaml.safe_dump({"project_name": "P", "annotation_schemes": [OUTCOME], "data": {"input_path": "a.jsonl"}})
    )
    assert parsed.config.data.input_path == []
    assert [note.path for note in parsed.warnings] == ["data.input_path"]


def test_more_overlap_plans_more_places(project, manager):
    assert Slot.objects.filter(project=project).count() == 3
    apply_text(project, edited(project, quality_control={"overlap_percentage": 100}), manager)
    job = Job.objects.get(kind="annotation.sync_items")
    assert job.params == {"dataset": project.dataset_id}
    sync_items(project)
    assert Slot.objects.filter(project=project).count() == 6


# --- people ------------------------------------------------------------------------------------------------


def test_newcomers_get_a_link_and_no_password(project, manager):
    text = edited(project, annotators=[{"username": "zoe", "password": "env:SECRET_KEY"}])
    done = apply_text(project, text, manager)
    assert [(one.entry.username, one.kind, bool(one.path)) for one in done.people] == [("zoe", "link", True)]
    assert not User.objects.filter(username="zoe").exists()
    assert [note.path for note in done.warnings if "not used here" in note.message] == ["annotators"]
    again = apply_text(project, text, manager)
    assert again.people == []
    assert Invitation.objects.count() == 1


def test_people_of_others_are_asked_and_nobody_is_removed(project, manager):
    other = User.objects.create_user("other", password="a-long-password-of-theirs")
    apply_text(
        project, edited(project, annotators=[{"username": "other", "password": "a-long-password-of-theirs"}]), manager
    )
    assert Membership.objects.get(project=project, user=other).state == "invited"
    assert Membership.objects.get(project=project, user__username="ann").state == "active"


# --- two at once -------------------------------------------------------------------------------------------


def test_changes_of_different_keys_are_both_kept(project, manager):
    mine = edited(project, project_name="Mine")
    apply_text(project, edited(project, quality_control={"overlap_percentage": 50}), manager, base_revision=1)
    done = apply_text(project, mine, manager, base_revision=1)
    after = current(project)
    assert (done.is_saved, done.changed) == (True, ["project_name"])
    assert (after.project_name, after.quality_control.overlap_percentage) == ("Mine", 50)


def test_a_key_both_changed_is_named_and_nothing_is_saved(project, manager):
    mine = edited(project, project_name="Mine", quality_control={"overlap_depth": 3})
    apply_text(project, edited(project, project_name="Theirs"), manager, base_revision=1)
    done = apply_text(project, mine, manager, base_revision=1)
    assert [(c.key, c.base, c.mine, c.theirs) for c in done.conflicts] == [
        ("project_name", "Test project", "Mine", "Theirs")
    ]
    assert not done.is_saved
    assert (current(project).project_name, current(project).quality_control.overlap_depth) == ("Theirs", 2)


@pytest.mark.parametrize(("choice", "expected"), [("keep_mine", "Mine"), ("keep_theirs", "Theirs")])
def test_a_conflict_is_settled_by_saying_whose_stays(project, manager, choice, expected):
    mine = edited(project, project_name="Mine", quality_control={"overlap_depth": 3})
    apply_text(project, edited(project, project_name="Theirs"), manager, base_revision=1)
    done = apply_text(project, mine, manager, base_revision=1, **{choice: ["project_name"]})
    assert done.is_saved
    assert (current(project).project_name, current(project).quality_control.overlap_depth) == (expected, 3)


def test_a_scheme_that_one_edits_and_the_other_removes_is_a_conflict(project, manager):
    schemes = [FIRST_ERROR, OUTCOME, ERROR_DESCRIPTION]
    mine = edited(project, annotation_schemes=[FIRST_ERROR, ERROR_DESCRIPTION])
    theirs = edited(project, annotation_schemes=[*schemes[:1], {**OUTCOME, "label": "Solved?"}, *schemes[2:]])
    apply_text(project, theirs, manager, base_revision=1)
    done = apply_text(project, mine, manager, base_revision=1)
    (conflict,) = done.conflicts
    assert (conflict.key, conflict.mine, conflict.theirs["label"]) == ("annotation_schemes.outcome", None, "Solved?")
    settled = apply_text(project, mine, manager, base_revision=1, keep_mine=["annotation_schemes.outcome"])
    assert settled.is_saved
    assert [scheme.name for scheme in current(project).annotation_schemes] == ["step_reward", "error_description"]


def test_schemes_that_two_people_add_and_move_are_all_kept(project, manager):
    extra = {"annotation_type": "text", "name": "extra"}
    more = {"annotation_type": "text", "name": "more"}
    schemes = yaml.safe_load(to_yaml(current(project)))["annotation_schemes"]
    moved = edited(project, annotation_schemes=[schemes[1], schemes[0], schemes[2], more])
    mine = edited(project, annotation_schemes=[extra, *schemes])
    apply_text(project, moved, manager, base_revision=1)
    assert apply_text(project, mine, manager, base_revision=1).is_saved
    names = [scheme.name for scheme in current(project).annotation_schemes]
    assert names == ["extra", "outcome", "step_reward", "error_description", "more"]


def test_two_orders_of_the_same_labels_are_a_conflict(project, manager):
    schemes = yaml.safe_load(to_yaml(current(project)))["annotation_schemes"]
    mine = edited(project, annotation_schemes=[schemes[2], schemes[0], schemes[1]])
    apply_text(
        project, edited(project, annotation_schemes=[schemes[1], schemes[0], schemes[2]]), manager, base_revision=1
    )
    (conflict,) = apply_text(project, mine, manager, base_revision=1).conflicts
    assert conflict.key == "annotation_schemes.(order)"
    for choice, first in (("keep_theirs", "outcome"), ("keep_mine", "error_description")):
        done = apply_text(project, mine, manager, base_revision=1, **{choice: [conflict.key]})
        assert done.is_saved
        assert current(project).annotation_schemes[0].name == first


def test_what_no_longer_fits_together_is_refused(project, manager):
    schemes = yaml.safe_load(to_yaml(current(project)))["annotation_schemes"]
    waiting = {
        "annotation_type": "text",
        "name": "why",
        "show_if": {"field": "outcome", "condition": "equals", "value": "partial"},
    }
    mine = edited(project, annotation_schemes=[*schemes, waiting])
    apply_text(project, edited(project, annotation_schemes=[schemes[0], schemes[2]]), manager, base_revision=1)
    done = apply_text(project, mine, manager, base_revision=1)
    assert [note.path for note in done.errors] == ["annotation_schemes.2.show_if.field"]
    assert not done.is_saved


def test_a_revision_that_never_was_is_an_error(project, manager):
    done = apply_text(project, edited(project), manager, base_revision=99)
    assert [note.message for note in done.errors] == ["there is no revision 99 of this project"]


# --- agreement to what it means ----------------------------------------------------------------------------


def test_a_change_that_matters_waits_for_somebody_to_agree(project, manager):
    factory.submit_item(project, "ann", factory.answers())
    text = edited(project, annotation_schemes=[FIRST_ERROR])
    shown = propose(project, text)
    assert [one.key for one in shown.consequences] == [
        "annotation_schemes.outcome",
        "annotation_schemes.error_description",
    ]
    assert not apply_text(project, text, manager, agreement="").is_saved
    factory.submit_item(project, "ann", factory.answers())
    assert not apply_text(project, text, manager, agreement=shown.agreement).is_saved, "the numbers are others now"
    assert apply_text(project, text, manager, agreement=propose(project, text).agreement).is_saved


def test_new_wording_needs_no_agreement(project, manager):
    factory.submit_item(project, "ann", factory.answers())
    text = edited(project, annotation_schemes=[FIRST_ERROR, {**OUTCOME, "label": "Solved?"}, ERROR_DESCRIPTION])
    assert apply_text(project, text, manager, agreement="").is_saved
