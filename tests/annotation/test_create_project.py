"""Making a project on the site: all of it or nothing, once however often it is sent."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from annotation.models import Invitation, Item, Membership, Project
from annotation.projects import create, invitations
from annotation.projects.create import create_project
from annotation.projects.invitations import Entry
from annotation.projects.presets import presets
from annotation.projects.revisions import current
from potato_site.accounts.models import AuditEntry, User
from potato_site.home import read_pointer
from potato_site.jobs import runner
from potato_site.jobs.models import Job
from tests.factory import make_project, person
from traces.models import Dataset

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def home(settings, tmp_path):
    settings.POTATO_HOME = tmp_path / "home"
    return settings.POTATO_HOME


@pytest.fixture
def mara():
    return User.objects.create_user("mara")


def make(user, name="Code review, spring", **options):
    values = {"dataset": "Spring runs", "config": presets()["first_error"].configure("x"), "people": [], **options}
    return create_project(name, user=user, **values)


def test_its_maker_manages_the_project_and_its_new_dataset(mara, home):
    project = make(mara)
    assert (project.slug, project.name, project.state) == ("code-review-spring", "Code review, spring", "draft")
    assert list(project.memberships.values_list("user__username", "role", "state")) == [("mara", "manager", "active")]
    assert list(project.dataset.managers.all()) == [mara]
    assert current(project).project_name == "Code review, spring"
    assert project.output_path == str(home / "projects" / "code-review-spring")
    assert read_pointer(home / "projects" / "code-review-spring")["slug"] == "code-review-spring"
    assert AuditEntry.objects.filter(project=project, user=mara, action="config.load").exists()


def test_traces_of_a_dataset_that_exists_become_its_items(mara, tmp_path):
    other = make_project(tmp_path)
    project = make(mara, dataset=other.dataset)
    for job in Job.objects.filter(kind="annotation.sync_items"):
        runner.run(job.pk)
    assert Item.objects.filter(project=project).count() == 3
    assert project.dataset == other.dataset


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x00b", "x" * 201])
def test_a_name_that_is_not_a_line_of_text_makes_nothing(mara, name):
    with pytest.raises(ValidationError):
        make(mara, name=name)
    assert not Project.objects.exists()
    assert not Dataset.objects.exists()


def test_people_are_invited(mara, tmp_path):
    make_project(tmp_path)  # makes ann, who belongs to it
    project = make(mara, people=[Entry("ann"), Entry("new.person")])
    assert Membership.objects.get(project=project, user=person("ann")).state == "invited"
    assert Invitation.objects.get(project=project).username == "new.person"
    assert not User.objects.filter(username="new.person").exists()


def test_a_name_that_is_taken_gets_a_number(mara):
    slugs = [make(mara).slug for _ in range(3)]
    assert slugs == ["code-review-spring", "code-review-spring-2", "code-review-spring-3"]
    assert make(mara, name="審査").slug.startswith("project-")


def test_the_same_request_makes_one_project(mara):
    first = make(mara, op_id="abc")
    again = make(mara, op_id="abc")
    assert first == again
    assert Project.objects.count() == Dataset.objects.count() == 1
    assert make(User.objects.create_user("other"), op_id="abc") != first


def test_nothing_is_left_when_the_last_part_fails(mara, monkeypatch):
    def no_folder(*_):
        raise OSError("disk full")

    monkeypatch.setattr(create.homes, "write_pointer", no_folder)
    with pytest.raises(OSError, match="disk full"):
        make(mara, people=[Entry("new.person")])
    assert not Project.objects.exists()
    assert not Dataset.objects.exists()
    assert not Invitation.objects.exists()


def test_a_slug_taken_meanwhile_is_no_error(mara, monkeypatch):
    make(mara)
    # As if the other project had come after we looked.
    tries = iter(["code-review-spring", "code-review-spring-2"])
    monkeypatch.setattr(create, "_free", lambda *_: next(tries))
    assert make(mara).slug == "code-review-spring-2"


def test_every_set_can_be_asked(mara):
    assert list(presets()) == [
        "outcome", "first_error", "per_step", "per_step_and_merge", "code_review", "up_to_the_first_error",
        "comparison",
    ]  # fmt: skip
    for name, preset in presets().items():
        project = make(mara, name=name, config=preset.configure(name))
        assert [scheme.name for scheme in current(project).annotation_schemes]
        assert len(preset.questions) == len(current(project).annotation_schemes)


def test_a_set_with_a_question_of_an_unknown_kind_is_not_offered(monkeypatch, tmp_path):
    from annotation.projects import presets as module

    text = "title: T\nabout: A\nannotation_schemes: [{annotation_type: telepathy, name: a, label: A}]\n"
    (tmp_path / "1_telepathy.yaml").write_text(text)
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    presets.cache_clear()
    assert presets() == {}
    presets.cache_clear()


def test_the_database_itself_refuses_a_second_project_of_a_request(mara):
    project = make(mara, op_id="abc")
    with pytest.raises(IntegrityError):
        Project.objects.create(slug="x", name="x", dataset=project.dataset, creation_key=project.creation_key)


def test_inviting_needs_a_role_that_exists(mara):
    project = make(mara, people=[Entry("someone", role="emperor")])
    assert not Invitation.objects.filter(project=project).exists()
    assert invitations.plan(project, [Entry("someone", role="emperor")], mara)[0].kind == "problem"
