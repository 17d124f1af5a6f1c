"""Folders whose files are imported as they arrive: only where the settings allow it, and only what is still."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from potato_site.jobs import runner
from potato_site.jobs.models import Job
from tests.factory import make_trace
from tests.traces.test_uploads import work
from traces import tasks, watching
from traces.models import Dataset, Import, ImportFile, Trace
from traces.watching import allowed_folders, look_into_watched_folders, may_be_watched, state_of, watch

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(settings, tmp_path):
    settings.POTATO_HOME = tmp_path / "home"
    settings.POTATO_HOME.mkdir()
    root = tmp_path / "root"
    (root / "runs").mkdir(parents=True)
    settings.POTATO_WATCHED_FOLDERS = [str(root)]
    return root / "runs"


@pytest.fixture
def dataset(folder):
    made = Dataset.objects.create(name="agents")
    watch(made, str(folder))
    return made


def write(folder, *ids, name="t.jsonl"):
    (folder / name).write_text("".join(json.dumps(make_trace(one)) + "\n" for one in ids))


def look(times=1):
    for _ in range(times):
        look_into_watched_folders()
    work()


def ids():
    return sorted(Trace.objects.values_list("external_id", flat=True))


def test_what_arrives_is_imported_once_it_is_still(dataset, folder):
    write(folder, "a")
    look()
    assert ids() == []
    look()
    assert ids() == ["a"]
    look(3)
    assert Job.objects.filter(kind="traces.import").count() == 1
    write(folder, "b", name="u.jsonl")
    look(2)
    assert ids() == ["a", "b"]
    assert ImportFile.objects.latest("pk").file == "u.jsonl"


def failed(dataset, *, state="failed", minutes=0):
    """The folder's last import ended so, and nothing of it was taken."""
    over = {"state": state, "finished_at": timezone.now() - timedelta(minutes=minutes)}
    assert Job.objects.filter(kind="traces.import", state__in=[*Job.LIVE, state]).update(**over) == 1


def asked():
    return Job.objects.filter(kind="traces.import", state="queued").count()


def test_what_could_not_be_imported_is_tried_again_after_an_hour(dataset, folder):
    write(folder, "a")
    look_into_watched_folders()
    look_into_watched_folders()
    failed(dataset, minutes=59)
    look_into_watched_folders()
    assert asked() == 0
    failed(dataset, minutes=61)
    look()
    assert ids() == ["a"]
    look(2)
    assert Job.objects.filter(kind="traces.import").count() == 2


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_what_could_not_be_imported_is_tried_at_once_when_the_folder_changes(dataset, folder, state):
    write(folder, "a")
    look_into_watched_folders()
    look_into_watched_folders()
    failed(dataset, state=state, minutes=1)
    look(2)
    assert ids() == []
    write(folder, "b", name="u.jsonl")
    look(2)
    assert ids() == ["a", "b"]


def test_an_import_that_somebody_cancelled_is_not_asked_for_again_after_an_hour(dataset, folder):
    write(folder, "a")
    look_into_watched_folders()
    look_into_watched_folders()
    failed(dataset, state="cancelled", minutes=61)
    look(2)
    Job.objects.all().delete()  # as after a month
    look(2)
    assert ids() == []


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_who_chooses_the_folder_anew_has_it_imported_at_once(dataset, folder, state):
    write(folder, "a")
    look_into_watched_folders()
    look_into_watched_folders()
    failed(dataset, state=state)
    watch(dataset, "")
    watch(dataset, str(folder))
    look(2)
    assert ids() == ["a"]


def test_what_arrives_while_the_folder_is_read_is_imported_too(dataset, folder, monkeypatch):
    write(folder, "a")
    read = tasks.import_files

    def slowly(*args, **options):
        report = read(*args, **options)
        write(folder, "b", name="u.jsonl")
        return report

    with monkeypatch.context() as patch:
        patch.setattr(tasks, "import_files", slowly)
        look(2)
    assert ids() == ["a"]
    look(2)
    assert ids() == ["a", "b"]


def test_what_grows_between_two_looks_waits(dataset, folder):
    for number in range(3):
        write(folder, *map(str, range(number + 1)))
        look()
    assert not Job.objects.filter(kind="traces.import").exists()


def test_an_empty_folder_is_no_import_and_hidden_files_do_not_count(dataset, folder):
    (folder / ".part.jsonl").write_text("x")
    look(3)
    assert not Job.objects.filter(kind="traces.import").exists()


def test_only_folders_of_the_settings_may_be_watched(dataset, folder, tmp_path, settings):
    root = folder.parent
    (root / "out").symlink_to(tmp_path)
    assert allowed_folders() == [str(root), str(folder)]
    for name in [tmp_path, root / "out", root / "..", root / "nowhere", "/"]:
        assert not may_be_watched(str(name))
        with pytest.raises(ValueError, match="do not allow"):
            watch(dataset, str(name))
    assert may_be_watched(str(folder))


def test_a_folder_that_is_no_longer_allowed_is_not_read(dataset, folder, settings):
    write(folder, "a")
    look_into_watched_folders()
    look_into_watched_folders()
    settings.POTATO_WATCHED_FOLDERS = []
    with pytest.raises(AssertionError):  # it failed, and waits for its next try
        work()
    look_into_watched_folders()
    assert ids() == []
    assert "no longer allow" in Job.objects.get(kind="traces.import").error


@pytest.mark.parametrize("name", ["runs", "runs/t.jsonl"])
def test_a_link_put_in_place_of_what_was_listed_leads_nowhere(dataset, folder, tmp_path, monkeypatch, name):
    write(folder, "a")
    outside = tmp_path / "outside"
    outside.mkdir()
    write(outside, "secret")
    find = watching.find_sources

    def meanwhile(*args, **keys):
        found = list(find(*args, **keys))
        place = folder.parent / name
        place.rename(tmp_path / "taken-away")
        place.symlink_to(outside if name == "runs" else outside / "t.jsonl")
        return found

    monkeypatch.setattr(watching, "find_sources", meanwhile)
    look(times=2)
    assert ids() == []
    (file,) = ImportFile.objects.all()
    assert "is a link by now" in file.problems[0]["message"]


def test_watching_can_be_ended(dataset, folder):
    watch(dataset, "")
    write(folder, "a")
    look(3)
    assert ids() == []


def test_an_import_that_is_tried_again_is_one_import(dataset, folder, monkeypatch):
    write(folder, "a")
    look_into_watched_folders()
    look_into_watched_folders()

    def breaks_off(*args):
        raise OSError("the disk is full")

    with monkeypatch.context() as disk:
        disk.setattr("traces.imports._Run._flush", breaks_off)
        for _ in range(3):
            Job.objects.filter(kind="traces.import").update(due_at=timezone.now())
            assert runner.run(Job.objects.get(kind="traces.import").pk)
    assert Job.objects.filter(kind="traces.import").values_list("state", "failures").get() == ("failed", 3)
    Job.objects.filter(kind="traces.import").update(finished_at=timezone.now() - timedelta(hours=2))
    look()
    assert ids() == ["a"]
    batch = Import.objects.get()
    assert batch.job_id == Job.objects.filter(kind="traces.import").latest("pk").pk
    write(folder, "b", name="u.jsonl")
    look(2)
    assert Import.objects.count() == 2


def test_a_folder_that_cannot_be_read_leaves_no_other_behind(dataset, folder, monkeypatch, caplog):
    locked = folder.parent / "locked"
    locked.mkdir()
    watch(dataset, str(locked))
    watch(Dataset.objects.create(name="second"), str(folder))
    write(folder, "a")

    def state(path):
        if path == str(locked):
            raise PermissionError(13, "Permission denied")
        return state_of(path)

    monkeypatch.setattr("traces.watching.state_of", state)
    look(2)
    assert ids() == ["a"]
    assert f"Dataset {dataset.pk} watches a folder that cannot be read" in caplog.text
