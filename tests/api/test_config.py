"""A project's configuration by program: read, changed, and never over somebody else's change."""

import json

import pytest
import yaml

from annotation.models import Membership
from annotation.projects.revisions import current
from potato_site.accounts.models import User
from tests import factory
from tests.api.calls import caller, problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(tmp_path):
    return factory.make_project(tmp_path)


@pytest.fixture
def boss(project):
    user = User.objects.create_user("boss")
    Membership.objects.create(project=project, user=user, role=Membership.Role.MANAGER, source="admin")
    return caller(user)


@pytest.fixture
def path(project):
    return f"projects/{project.slug}/config"


def test_what_was_read_can_be_put_back_and_changes_nothing(boss, project, path):
    read = boss.get(f"{path}?format=yaml")
    assert read["Content-Type"].startswith("application/yaml")
    for body, kind in ((read.content, "application/yaml"), (boss.get(path).content, "application/json")):
        done = boss("PUT", path, body, kind=kind, If_Match=read["ETag"])
        assert done.status_code == 200, done.content
        assert (done.json()["changed"], done["ETag"]) == ([], read["ETag"])


@pytest.mark.parametrize("kind", ["application/yaml", "text/yaml", "application/json"])
def test_a_change_is_saved_as_a_revision(boss, project, path, kind):
    read = boss.get(f"{path}?format=yaml")
    config = yaml.safe_load(read.content) | {"instances_per_annotator": 7}
    body = json.dumps(config) if kind.endswith("json") else yaml.safe_dump(config)
    done = boss("PUT", path, body, kind=kind, If_Match=read["ETag"])
    assert done.json()["changed"] == ["instances_per_annotator"]
    assert done["ETag"] != read["ETag"]
    project.refresh_from_db()
    assert current(project).instances_per_annotator == 7
    assert boss.get(path).json()["instances_per_annotator"] == 7


def test_without_or_with_an_old_etag_nothing_is_saved(boss, project, path):
    read = boss.get(f"{path}?format=yaml")
    changed = yaml.safe_dump(yaml.safe_load(read.content) | {"instances_per_annotator": 7})
    problem(boss("PUT", path, changed, kind="text/yaml"), 428, "base-needed")
    # As a proxy that compresses hands the tag on: weak.
    assert boss("PUT", path, changed, kind="text/yaml", If_Match=f"W/{read['ETag']}").status_code == 200
    other = yaml.safe_dump(yaml.safe_load(read.content) | {"instances_per_annotator": 9})
    problem(boss("PUT", path, other, kind="text/yaml", If_Match=read["ETag"]), 412, "changed")
    project.refresh_from_db()
    assert current(project).instances_per_annotator == 7
    assert boss("PUT", path, other, kind="text/yaml", If_Match="*").status_code == 200


def test_a_change_that_means_something_for_answers_asks_first(boss, project, path):
    factory.submit_item(project, "ann", factory.answers())
    read = boss.get(f"{path}?format=yaml")
    config = yaml.safe_load(read.content)
    del config["annotation_schemes"][1]
    body = yaml.safe_dump(config)
    tried = boss("PUT", f"{path}?dry_run=true", body, kind="text/yaml", If_Match=read["ETag"])
    assert tried.json()["is_saved"] is False
    document = problem(boss("PUT", path, body, kind="text/yaml", If_Match=read["ETag"]), 409, "conflict")
    assert any(one["asks"] for one in document["consequences"])
    project.refresh_from_db()
    assert len(current(project).annotation_schemes) == 3

    agreed = f"{path}?agree={document['agreement']}"
    done = boss("PUT", agreed, body, kind="text/yaml", If_Match=read["ETag"])
    assert done.status_code == 200, done.content
    project.refresh_from_db()
    assert len(current(project).annotation_schemes) == 2


@pytest.mark.parametrize(
    "body",
    ["annotation_schemes: [", "a: &a [*a]", "- 1", "", "project_name: x\nproject_name: y\n", "\x00", "a: " + "[" * 500],
)
def test_what_is_no_configuration_is_422_with_its_line(boss, project, path, body):
    response = boss("PUT", path, body, kind="application/yaml", If_Match="*")
    assert problem(response, 422, "invalid")["errors"]
    assert len(project.revisions.all()) == 1


def test_a_screening_that_cannot_be_held_is_told_of_as_it_is_saved(boss, project, path):
    config = yaml.safe_load(boss.get(f"{path}?format=yaml").content)
    config["quality_control"]["screening"] = {"enabled": True, "items": 4}
    done = boss("PUT", path, yaml.safe_dump(config), kind="application/yaml", If_Match="*").json()
    assert done["is_saved"]
    (told,) = [one["message"] for one in done["warnings"] if one["path"] == "quality_control.screening"]
    assert told.startswith("Nobody new can be screened")
    config["quality_control"]["screening"]["enabled"] = False
    done = boss("PUT", path, yaml.safe_dump(config), kind="application/yaml", If_Match="*").json()
    assert not any(one["path"] == "quality_control.screening" for one in done["warnings"])


def test_paths_and_passwords_in_it_are_ignored_with_a_warning(boss, project, path):
    read = boss.get(f"{path}?format=yaml")
    config = yaml.safe_load(read.content)
    config["output"] = {"path": "/etc/", "format": "jsonl"}
    config["annotators"] = [{"username": "eve", "password": "secret-secret"}]
    done = boss("PUT", path, yaml.safe_dump(config), kind="text/yaml", If_Match="*")
    assert {"output.path", "annotators"} <= {one["path"] for one in done.json()["warnings"]}
    assert "secret" not in done.content.decode().replace('"secret"', "")
    assert not User.objects.filter(username="eve").exists()
