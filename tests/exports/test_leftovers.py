"""What a run that was killed leaves beside its output, and what it does not mean."""

import fcntl
from pathlib import Path

import pytest

from exports import leftovers
from exports.earlier import Earlier
from exports.leftovers import noted, remove_leftovers
from exports.publish import locked
from potato_site.files import UNFINISHED


def unfinished(folder: Path, digit: str) -> Path:
    return folder / f"{UNFINISHED}{digit * 16}"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_run_that_ends_well_or_badly_leaves_no_note(tmp_path):
    with noted(tmp_path):
        assert len(names(tmp_path)) == 1
    with pytest.raises(OSError, match="full"), noted(tmp_path):
        raise OSError("full")
    assert names(tmp_path) == []


def test_what_a_dead_run_noted_goes_and_all_else_stays(tmp_path):
    ours, other, kept = unfinished(tmp_path, "a"), unfinished(tmp_path, "b"), tmp_path / "labels.jsonl"
    (tmp_path / "logs").mkdir()
    below = unfinished(tmp_path / "logs", "c")
    outside = unfinished(tmp_path.parent, "d")
    for path in (ours, other, kept, below, outside):
        path.touch()
    told = [ours.name, f"logs/{below.name}", kept.name, f"../{outside.name}", str(outside)]
    (tmp_path / f"{UNFINISHED}run-0123").write_text("\n".join(told) + "\n")
    remove_leftovers(tmp_path)
    assert names(tmp_path) == sorted([other.name, kept.name, "logs"])
    assert names(tmp_path / "logs") == []
    assert outside.exists()


def test_a_note_that_a_crash_tore_stops_nobody(tmp_path):
    ours = unfinished(tmp_path, "a")
    ours.touch()
    (tmp_path / f"{UNFINISHED}run-0123").write_bytes(b"\xff\x00\n" + ours.name.encode() + b"\n\xe2\x80")
    with noted(tmp_path) as note:
        note(tmp_path / "b\udcff" / unfinished(tmp_path, "b").name)
    assert names(tmp_path) == []


def test_what_a_live_run_writes_stays(tmp_path):
    path = unfinished(tmp_path.resolve(), "a")
    with noted(tmp_path) as tell:
        tell(path)
        path.touch()
        remove_leftovers(tmp_path)
        with noted(tmp_path):
            assert path.exists()
            assert len(names(tmp_path)) == 3


def test_a_run_that_looks_before_a_note_is_locked_does_not_take_it(tmp_path, monkeypatch):
    path, lock = unfinished(tmp_path.resolve(), "a"), fcntl.flock

    def lock_late(*asked):
        monkeypatch.setattr(fcntl, "flock", lock)
        remove_leftovers(tmp_path)
        lock(*asked)

    monkeypatch.setattr(fcntl, "flock", lock_late)
    with noted(tmp_path) as tell:
        tell(path)
        (note,) = tmp_path.iterdir()
        assert note.read_text() == f"{path.name}\n"


def test_a_worker_that_publishes_into_the_folder_leaves_a_live_run_its_files(tmp_path):
    ours, dead = unfinished(tmp_path, "a"), unfinished(tmp_path, "b")
    with noted(tmp_path) as tell:
        tell(ours)
        ours.touch()
        dead.touch()
        with locked(tmp_path):
            assert ours.exists()
            assert not dead.exists()
        assert len(names(tmp_path)) == 2, "the note and the file"
    with locked(tmp_path):
        assert names(tmp_path) == []


def test_a_note_that_a_cleaning_worker_removes_before_it_has_its_name_is_made_again(tmp_path, monkeypatch):
    removed: list[str] = []

    def cleaned_up_first(note) -> bool:
        if not removed:
            removed.append(note.name)
            Path(note.name).unlink()
        fcntl.flock(note.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True

    monkeypatch.setattr(leftovers, "_is_locked", cleaned_up_first)
    with noted(tmp_path) as tell:
        tell(unfinished(tmp_path, "a"))
        (note,) = tmp_path.iterdir()
        assert note.name.startswith(leftovers.PREFIX)
        assert note.read_text() == f"{unfinished(tmp_path, 'a').name}\n"


def test_the_note_about_an_outputs_files_is_told_too(tmp_path):
    told: list[Path] = []
    Earlier(tmp_path, "out.jsonl").expect({}, told.append)
    assert [path.name.startswith(UNFINISHED) for path in told] == [True]
