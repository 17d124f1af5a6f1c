"""The page that makes a project: all at once, every mistake at its field, twice sent is once made."""

import io
import json
import threading
import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from annotation.models import Invitation, Item, Membership, Project
from annotation.projects.revisions import current
from potato_site.accounts.models import User
from potato_site.jobs import runner
from potato_site.jobs.models import Job
from tests.factory import FIRST_ERROR, make_project, make_traces
from traces.models import Dataset, Import

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
URL = "/admin/new/"


@pytest.fixture(autouse=True)
def home(settings, tmp_path):
    settings.POTATO_HOME = tmp_path / "home"
    settings.POTATO_HOME.mkdir()
    return settings.POTATO_HOME


@pytest.fixture
def mara(tmp_path):
    """A manager, though of another project only."""
    user = User.objects.create_user("mara")
    project = make_project(tmp_path / "first", name="First")
    Membership.objects.create(project=project, user=user, role="manager", source="admin")
    project.dataset.managers.add(user)
    return user


@pytest.fixture
def page(client, mara):
    client.force_login(mara)
    return client


def lines(records) -> io.BytesIO:
    file = io.BytesIO(b"".join(json.dumps(record).encode() + b"\n" for record in records))
    file.name = "runs.jsonl"
    return file


def filled(**changes):
    values = {
        "op_id": uuid.uuid4().hex,
        "name": "Spring runs",
        "traces": "new",
        "questions": "outcome",
        "people": "",
        "overlap_percentage": "40",
        "overlap_depth": "3",
        "minimum_time_per_instance": "12,5",
    }
    return {**values, **changes}


def work() -> None:
    while job := Job.objects.filter(state="queued", kind__in=["traces.import", "annotation.sync_items"]).first():
        runner.run(job.pk)


def errors(response) -> dict:
    assert response.status_code == 200
    return response.context["form"].errors


def test_a_project_with_traces_questions_people_and_quality(page, mara):
    response = page.post(URL, filled(file=lines(make_traces(4)), people="new.person\nother,o@example.org,viewer"))
    project = Project.objects.get(name="Spring runs")
    assert response["Location"] == f"/admin/p/{project.slug}/"
    work()
    assert Item.objects.filter(project=project).count() == 4
    config = current(project)
    assert [scheme.name for scheme in config.annotation_schemes] == ["step_reward", "outcome", "error_description"]
    quality = config.quality_control
    assert (quality.overlap_percentage, quality.overlap_depth, quality.minimum_time_per_instance) == (40, 3, 12.5)
    invited = Invitation.objects.filter(project=project).values_list("username", "role")
    assert set(invited) == {("new.person", "annotator"), ("other", "viewer")}
    assert Membership.objects.get(project=project, user=mara).role == "manager"
    assert project.dataset.managers.get() == mara


def test_a_dataset_one_has_is_used_again(page, mara):
    dataset = mara.datasets.get()
    page.post(URL, filled(traces="existing", dataset=dataset.pk))
    work()
    project = Project.objects.get(name="Spring runs")
    assert project.dataset == dataset
    assert Item.objects.filter(project=project).count() == 3


def test_a_dataset_of_others_cannot_be_named(page):
    foreign = Dataset.objects.create(name="Secret runs")
    assert "Secret runs" not in page.get(URL).content.decode()
    assert "dataset" in errors(page.post(URL, filled(traces="existing", dataset=foreign.pk)))
    assert not Project.objects.filter(name="Spring runs").exists()


def test_the_file_of_ones_own_says_the_questions_and_its_own_quality(page):
    text = "annotation_schemes:\n" + "\n".join(f"  {line}" for line in ("- " + json.dumps(FIRST_ERROR),))
    text += "\nquality_control: {overlap_percentage: 7}\ndata: {input_path: /etc/passwd}\n"
    response = page.post(URL, filled(questions="own", yaml_text=text), follow=True)
    config = current(Project.objects.get(name="Spring runs"))
    assert [scheme.name for scheme in config.annotation_schemes] == ["step_reward"]
    # What the file does not say is what the form says.
    assert config.quality_control.overlap_percentage == 7
    assert config.quality_control.overlap_depth == 3
    assert config.data.input_path == []
    assert "input_path: is ignored" in response.content.decode()


def test_mistakes_of_ones_own_file_name_line_and_key(page):
    text = "project_name: x\nannotation_schemes:\n  - annotation_type: radio\n    name: outcome\n    options: [1]\n"
    found = errors(page.post(URL, filled(questions="own", yaml_text=text)))
    assert any("line 5: annotation_schemes.0.options" in message for message in found["yaml_text"])
    assert not Project.objects.filter(name="Spring runs").exists()


@pytest.mark.parametrize(
    ("raw", "field", "shown"),
    [
        ("annotation_schemes: 7\n# é\n".encode(), "yaml_text", "annotation_schemes: 7\n# é\n"),
        (b"a: \x00\n", "yaml_text", "a: \ufffd\n"),
        (b"a: \xff\n", "yaml_file", ""),
    ],
)
def test_the_text_of_a_file_with_mistakes_is_there_to_be_mended(page, raw, field, shown):
    file = SimpleUploadedFile("config.yaml", raw)
    response = page.post(URL, filled(questions="own", yaml_file=file))
    assert errors(response)[field]
    assert (response.context["form"]["yaml_text"].value() or "") == shown
    # A file whose text is there need not be chosen again.
    assert ("Choose your files again" in response.content.decode()) == (field == "yaml_file")


@pytest.mark.parametrize(
    ("changes", "field", "part"),
    [
        ({"name": "  "}, "name", "required"),
        ({"name": "a\x07b"}, "name", "one line"),
        ({"people": "good\n../evil"}, "people", "Line 2"),
        ({"people": "x,not-an-address"}, "people", "Line 1: x has no valid e-mail address (not-an-address)."),
        ({"people": "a b"}, "people", "Line 1: a b cannot be a user name: letters, digits"),
        ({"people": "username,role\ncleo,king"}, "people", "Line 2: cleo has no role we know"),
        ({"overlap_percentage": "101"}, "overlap_percentage", "100"),
        ({"overlap_depth": "1"}, "overlap_depth", "2"),
        ({"minimum_time_per_instance": "-1"}, "minimum_time_per_instance", "0"),
        ({"minimum_time_per_instance": "nan"}, "minimum_time_per_instance", "number"),
        ({"minimum_time_per_instance": "1,500"}, "minimum_time_per_instance", "can mean 1500 or 1.5"),
        ({"overlap_depth": "2.000"}, "overlap_depth", "without commas or points"),
        ({"questions": "telepathy"}, "questions", "valid choice"),
        ({"questions": "own"}, "yaml_file", "Choose a file"),
        ({"traces": "existing"}, "dataset", "Choose the dataset"),
        ({"op_id": "<script>"}, "op_id", "valid value"),
    ],
)
def test_a_mistake_stands_at_its_field_and_nothing_is_made(page, changes, field, part):
    found = errors(page.post(URL, filled(**changes)))
    assert part in " ".join(found[field])
    assert Project.objects.count() == Dataset.objects.count() == 1


def test_a_file_of_the_wrong_kind_makes_nothing(page, home):
    file = io.BytesIO(b"PK\x03\x04 a spreadsheet")
    file.name = "runs.xlsx"
    found = errors(page.post(URL, filled(file=file)))
    assert "expected agents' traces" in found["file"][0]
    assert Project.objects.count() == Dataset.objects.count() == 1
    assert not Import.objects.filter(job__kind="traces.import", files__file="runs.xlsx").exists()
    assert list((home / "uploads").iterdir()) == []


def test_the_form_comes_back_as_it_was_filled(page):
    content = page.post(URL, filled(name="", people="new.person", questions="per_step")).content.decode()
    assert "new.person</textarea>" in content
    assert 'value="per_step"\n                   checked' in content


def test_sent_twice_it_is_made_once(page):
    values = filled()
    first = page.post(URL, {**values, "file": lines(make_traces(2))})
    again = page.post(URL, {**values, "file": lines(make_traces(2))})
    assert first["Location"] == again["Location"]
    project = Project.objects.get(name="Spring runs")
    assert project.dataset.imports.count() == 1


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_two_clicks_at_once_make_one_project(mara):
    values, answers = filled(people="new.person"), []
    barrier = threading.Barrier(2)

    def click() -> None:
        client = Client()
        client.force_login(mara)
        barrier.wait()
        answers.append(client.post(URL, {**values, "file": lines(make_traces(2))})["Location"])
        connection.close()

    threads = [threading.Thread(target=click) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 2
    assert len(set(answers)) == 1
    project = Project.objects.get(name="Spring runs")
    assert project.dataset.imports.count() == Invitation.objects.filter(project=project).count() == 1


def test_who_manages_nothing_makes_nothing(client, mara):
    viewer = User.objects.create_user("viewer")
    Membership.objects.create(project=Project.objects.get(), user=viewer, role="viewer", source="admin")
    client.force_login(viewer)
    assert client.get(URL).status_code == 404
    assert client.post(URL, filled()).status_code == 404
    assert Project.objects.count() == 1


def test_without_the_token_of_the_form_nothing_is_made(mara):
    client = Client(enforce_csrf_checks=True)
    client.force_login(mara)
    assert client.post(URL, filled()).status_code == 403
    assert Project.objects.count() == 1


def test_a_new_project_is_a_draft_with_a_list_of_what_it_needs(page):
    content = page.post(URL, filled(), follow=True).content.decode()
    assert "On the way to opening" in content
    assert "Upload traces" in content


def test_the_list_follows_the_import_until_there_is_something_to_label(page):
    address = page.post(URL, filled(file=lines(make_traces(4))))["Location"]

    def shown() -> str:
        return page.get(address, headers={"HX-Request": "true", "HX-Target": "draft"}).content.decode()

    again = 'hx-trigger="every 2s"'
    assert again in page.get(address).content.decode()
    assert "Being imported." in shown()
    runner.run(Job.objects.get(kind="traces.import").pk)
    assert "their items are being planned" in shown()
    assert again in shown()
    work()
    assert "There is something to label." in shown()
    assert again not in shown()
    Project.objects.filter(name="Spring runs").update(state="open")
    assert "On the way to opening" not in shown()
