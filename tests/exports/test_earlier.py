"""What an earlier run left beside an output goes when it belongs no more; what is not ours stays."""

import io
import os
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from exports.earlier import Earlier
from exports.fileset import write_files
from exports.formats import Piece
from tests.factory import answers, make_project, make_trace, submit_item


def publish(folder: Path, *names: str, content: bytes = b"x", **keys: Any) -> None:
    pieces = [Piece(name, content) for name in names]
    write_files(pieces, folder.joinpath, earlier=Earlier(folder, "out.jsonl"), **keys)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


NOTE = ".out.jsonl.files.json"


def test_what_belongs_no_more_is_removed(tmp_path):
    publish(tmp_path, "out.jsonl", "out.test.jsonl", "sub/shard")
    publish(tmp_path, "out.jsonl")
    assert names(tmp_path) == [NOTE, "out.jsonl"]
    publish(tmp_path, "out.jsonl", "out.test.jsonl", compress="gzip")
    assert names(tmp_path) == [NOTE, "out.jsonl.gz", "out.test.jsonl.gz"]


def test_what_is_not_ours_stays(tmp_path):
    (tmp_path / "out.validation.jsonl").write_text("theirs")
    publish(tmp_path, "out.jsonl", "out.test.jsonl", "out.other.jsonl", "out.link.jsonl")
    (tmp_path / "out.test.jsonl").write_text("changed by hand")
    (tmp_path / "out.link.jsonl").rename(tmp_path / "elsewhere")
    (tmp_path / "out.link.jsonl").symlink_to("elsewhere")
    publish(tmp_path, "out.jsonl")
    assert names(tmp_path) == [
        NOTE,
        "elsewhere",
        "out.jsonl",
        "out.link.jsonl",
        "out.test.jsonl",
        "out.validation.jsonl",
    ]


def test_another_output_in_the_folder_is_another_set(tmp_path):
    publish(tmp_path, "out.jsonl", "out.test.jsonl")
    write_files([Piece("two.jsonl", b"")], tmp_path.joinpath, earlier=Earlier(tmp_path, "two.jsonl"))
    assert {"out.jsonl", "out.test.jsonl", "two.jsonl"} <= set(names(tmp_path))


@pytest.mark.parametrize("note", ["", "[]", '{"files": {"../mine": [[2, 3]]}}', '{"files": 3}'])
def test_a_note_that_is_none_removes_nothing(tmp_path, note):
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "mine").write_text("mine")
    stamp = (tmp_path / "mine").stat()
    (folder / NOTE).write_text(note.replace("[2, 3]", f"[4, {stamp.st_mtime_ns}]"))
    publish(folder, "out.jsonl")
    assert names(tmp_path) == [f"in/{NOTE}", "in/out.jsonl", "mine"]


@pytest.mark.parametrize("moment", ["expect", "remove_others", "settle"])
def test_a_run_that_ended_anywhere_is_cleaned_up_by_the_next(tmp_path, monkeypatch, moment):
    """As a kill would: nothing of the run happens any more, not even its ``finally``."""
    publish(tmp_path, "out.jsonl", "out.test.jsonl")
    if (child := os.fork()) == 0:
        monkeypatch.setattr(Earlier, moment, lambda *_: os._exit(9))
        publish(tmp_path, "out.jsonl", "out.validation.jsonl", content=b"new")
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    publish(tmp_path, "out.jsonl")
    left = [name for name in names(tmp_path) if not name.startswith(".unfinished-")]
    assert left == [NOTE, "out.jsonl"]


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_splits_of_an_earlier_run_go_with_the_command(tmp_path):
    traces = [make_trace(f"t{n}", 3, repo=f"lab/repo-{n}") for n in range(8)]
    project = make_project(tmp_path, traces=traces, overlap=0)
    for _ in traces:
        submit_item(project, "ann", answers(1))

    def run(name: str, **options: Any) -> set[str]:
        output = tmp_path / "files" / ("hf" if name == "huggingface" else "labels.jsonl")
        call_command("export", format=name, project=project.slug, output=output, stdout=io.StringIO(), **options)
        return {name for name in names(tmp_path / "files") if "/." not in f"/{name}"}

    split = run("prm", validation=0.3, test=0.3)
    assert split == {"labels.jsonl", "labels.validation.jsonl", "labels.test.jsonl"}
    assert run("prm") == {"labels.jsonl"}
    assert run("prm", compress="zstd") == {"labels.jsonl.zst"}
    assert run("kto") == {"labels.jsonl"}
    (tmp_path / "files" / "labels.jsonl").unlink()
    split = run("huggingface", validation=0.3, test=0.3)
    assert split == {
        "hf/README.md",
        *(f"hf/prm/{one}-00000-of-00001.parquet" for one in ("train", "validation", "test")),
    }
    assert run("huggingface") == {"hf/README.md", "hf/prm/train-00000-of-00001.parquet"}
