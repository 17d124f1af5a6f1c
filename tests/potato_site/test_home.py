"""Which home and project a command line means, and how a home is made."""

import json
import re

import pytest

from potato_site import home as homes
from potato_site.home import HomeError, Target, resolve

CONFIG = "annotation_schemes: []\noutput: {{path: {output}}}\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POTATO_HOME", raising=False)
    return tmp_path


def project(folder, name="config.yaml", output="output", *, loaded=True):
    """A configuration and, if it was loaded, its output folder. Returns the configuration."""
    file = folder / name
    file.write_text(CONFIG.format(output=output))
    if loaded:
        homes.write_pointer(folder / output, folder / output / ".potato", f"slug-of-{output}")
    return file


# --- what is meant -------------------------------------------------------------------------------------------


def test_a_configurations_home_is_in_its_output_folder(folder):
    file = project(folder, loaded=False)
    assert resolve("config.yaml") == Target(folder / "output" / ".potato", config=file)


def test_the_environment_names_another_home_and_the_option_wins(folder, monkeypatch):
    file = project(folder)
    monkeypatch.setenv("POTATO_HOME", "elsewhere")
    assert resolve("config.yaml") == Target(folder / "elsewhere", config=file)
    assert resolve("config.yaml", "here").home == folder / "here"


def test_the_older_dialects_output_folder_counts_from_task_dir(folder):
    (folder / "config.yaml").write_text("task_dir: task\noutput_annotation_dir: out/\n")
    assert resolve("config.yaml").home == folder / "task" / "out" / ".potato"


def test_a_project_that_joined_another_home_is_found_there(folder):
    file = project(folder, loaded=False)
    homes.make_home(folder / "shared")
    homes.write_pointer(folder / "output", folder / "shared", "joined")
    assert resolve("config.yaml") == Target(folder / "shared", config=file)
    assert resolve("./output/") == Target(folder / "shared", slug="joined")


def test_an_output_folder_whose_shared_home_is_gone_has_its_own(folder):
    project(folder, loaded=False)
    homes.write_pointer(folder / "output", folder / "gone", "joined")
    assert resolve("config.yaml").home == folder / "output" / ".potato"


@pytest.mark.parametrize("named", ["./output/", "output", ".", "output/.potato"])
def test_a_folder_means_the_project_it_holds(folder, named):
    project(folder)
    assert resolve(named) == Target(folder / "output" / ".potato", slug="slug-of-output")


def test_a_folder_with_a_configuration_that_writes_elsewhere_means_that_project(folder):
    (folder / "config").mkdir()
    homes.write_pointer(folder / "out", folder / "out" / ".potato", "p")
    (folder / "config" / "a.yaml").write_text(CONFIG.format(output="../out"))
    assert resolve("config") == Target(folder / "out" / ".potato", slug="p")


def test_two_candidates_are_an_error_that_names_them(folder):
    project(folder, "a.yaml", "out-a")
    project(folder, "b.yaml", "out-b")
    with pytest.raises(HomeError, match=r"several projects are here, name one of them: a\.yaml, b\.yaml"):
        resolve(".")
    assert resolve("a.yaml").home == folder / "out-a" / ".potato"


@pytest.mark.parametrize("text", ["not: [valid", "just: another\nyaml: file"])
def test_other_yaml_files_in_a_folder_are_no_candidates(folder, text):
    project(folder)
    (folder / "other.yaml").write_text(text)
    assert resolve(".").slug == "slug-of-output"


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("missing.yaml", "missing.yaml: there is no such file or folder"),
        ("./missing/", "./missing/: there is no such file or folder"),
        (".", "this folder holds no project"),
    ],
)
def test_what_names_nothing_is_an_error(folder, named, message):
    with pytest.raises(HomeError, match=message):
        resolve(named)


def test_a_word_is_a_slug_in_the_current_home(folder, monkeypatch):
    assert resolve("my-project") == Target(folder / ".potato", slug="my-project")
    monkeypatch.setenv("POTATO_HOME", str(folder / "lab"))
    assert resolve("my-project") == Target(folder / "lab", slug="my-project")


def test_a_word_is_a_slug_though_a_folder_of_that_name_holds_no_project(folder, monkeypatch):
    # A server's database knows names without a home.
    monkeypatch.delenv("DATABASE_URL", raising=False)
    (folder / "my-project").mkdir()
    with pytest.raises(HomeError, match=r"my-project: this folder holds no project .*, and no home is at .*potato"):
        resolve("my-project")
    (folder / ".potato").mkdir()
    assert resolve("my-project") == Target(folder / ".potato", slug="my-project")
    with pytest.raises(HomeError, match="this folder holds no project"):
        resolve("./my-project")


def test_a_folder_whose_project_is_not_loaded_yet_names_the_command_that_loads_it(folder, monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    (folder / "my project").mkdir()
    (folder / "my project" / "config.yaml").write_text("annotation_schemes: []\n")
    (folder / "my project" / "compose.yaml").write_text("services: {}\n")
    told = "my project/config.yaml is not loaded yet: run `potato load 'my project/config.yaml'` first"
    for named in ("my project", "./my project/"):
        with pytest.raises(HomeError, match=f"^{re.escape(told)}$"):
            resolve(named)
    (folder / "my project").rename(folder / "mine")
    with pytest.raises(HomeError, match=r"yet: run `potato load mine/config.yaml` first$"):
        resolve("mine")
    assert "is not loaded yet" in homes.holds_no_project("mine")


def test_beside_a_project_nobody_has_to_name_its_home(folder):
    """`potato login-link NAME` as the README has it."""
    project(folder)
    output = folder / "output"
    assert homes.current_home() == resolve(None).home == output / ".potato"
    assert resolve("somebody") == Target(output / ".potato", slug="somebody")
    (folder / "lab").mkdir()
    homes.write_pointer(output, folder / "lab", "p")
    assert homes.current_home() == folder / "lab"
    (folder / ".potato").mkdir()
    assert homes.current_home() == folder / ".potato"


def test_beside_projects_of_several_homes_none_is_guessed(folder):
    for name in "ab":
        (folder / f"{name}.yaml").write_text(CONFIG.format(output=f"out-{name}"))
        homes.make_home(folder / f"out-{name}" / ".potato")
    assert homes.current_home() == folder / ".potato"


# --- making one ----------------------------------------------------------------------------------------------


def test_a_home_is_private_ignored_by_git_and_has_its_own_key(folder):
    homes.make_home(folder / "a" / "home")
    homes.make_home(folder / "b")
    home = folder / "a" / "home"
    assert home.stat().st_mode & 0o777 == 0o700
    assert (home / ".gitignore").read_text() == "*\n"
    assert (home / "secret_key").stat().st_mode & 0o777 == 0o600
    keys = {(path / "secret_key").read_text().strip() for path in (home, folder / "b")}
    assert len(keys) == 2
    assert min(map(len, keys)) >= 50


def test_making_a_home_again_keeps_its_key_and_closes_it(folder):
    homes.make_home(folder / "home")
    key = (folder / "home" / "secret_key").read_text()
    (folder / "home").chmod(0o755)
    homes.make_home(folder / "home")
    assert (folder / "home" / "secret_key").read_text() == key
    assert (folder / "home").stat().st_mode & 0o777 == 0o700


def test_a_folder_with_other_things_never_becomes_a_home(folder):
    (folder / "thesis.tex").write_text("…")
    mode = folder.stat().st_mode
    with pytest.raises(HomeError, match="is not empty and is not a home"):
        homes.make_home(folder)
    assert {path.name for path in folder.iterdir()} == {"thesis.tex"}
    assert folder.stat().st_mode == mode


def test_a_key_that_somebody_made_meanwhile_stays(folder):
    (folder / "secret_key").write_text("theirs")
    homes.publish(folder / "secret_key", b"ours", mode=0o600, replace=False)
    assert (folder / "secret_key").read_text() == "theirs"
    assert [path.name for path in folder.iterdir()] == ["secret_key"]


def test_a_full_disk_leaves_no_half_file(folder, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(homes.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        homes.publish(folder / "project.json", b"{}", mode=0o600)
    assert list(folder.iterdir()) == []


def test_the_pointer_says_where_the_project_lives(folder):
    homes.write_pointer(folder / "output", folder / "shared", "p")
    pointer = folder / "output" / ".potato" / "project.json"
    assert json.loads(pointer.read_text()) == {"home": "../../shared", "slug": "p"}


def test_an_unused_home_is_taken_back_with_the_folders_made_for_it(folder):
    home = folder / "output" / ".potato"
    made = homes.missing_folders(home)
    homes.make_home(home)
    homes.discard_unused(made)
    assert list(folder.iterdir()) == []


def test_a_home_that_holds_something_is_never_taken_back(folder):
    home = folder / "output" / ".potato"
    made = homes.missing_folders(home)
    homes.make_home(home)
    (home / "db.sqlite3").write_text("labels")
    homes.discard_unused(made)
    assert (home / "db.sqlite3").exists()
    assert (home / "secret_key").exists()
