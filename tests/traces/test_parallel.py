"""In which order several processes begin the files, and in which their results come."""

from concurrent.futures import Future

import pytest

from traces import parallel
from traces.parallel import in_order, together
from traces.source import Source


class Recorder:
    """Processes that note what is begun, and are done with it at once."""

    def __init__(self):
        self.begun = []

    def begin(self, group):
        self.begun += [source.name for source in group]
        future = Future()
        future.set_result([f"what {source.name} holds" for source in group])
        return future


def sources(folder, *sizes):
    for number, size in enumerate(sizes):
        (folder / f"{number}.jsonl").write_bytes(b"x" * size)
    return [Source(folder / f"{number}.jsonl", f"{number}.jsonl") for number in range(len(sizes))]


def names(groups):
    return [[source.name[0] for source in group] for group in groups]


def test_small_files_in_a_row_go_together(tmp_path, monkeypatch):
    monkeypatch.setattr(parallel, "TOGETHER_BYTES", 100)
    given = sources(tmp_path, 40, 60, 1, 300, 0, 99, 2)
    assert names(together(given, 1)) == [["0", "1"], ["2"], ["3"], ["4", "5"], ["6"]]
    assert names(together(given[:3], 2)) == [["0"], ["1"], ["2"]]  # a hundred bytes for two processes
    assert together([], 2) == []
    monkeypatch.setattr(parallel, "TOGETHER", 2)
    assert names(together(sources(tmp_path, 0, 0, 0, 300), 1)) == [["0", "1"], ["2"], ["3"]]


def test_a_large_file_is_begun_first_and_told_in_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr(parallel, "TOGETHER_BYTES", 20)
    pool, given = Recorder(), sources(tmp_path, 10, 10, 600, 10, 10, 10, 900)
    found = [(source.name, result) for source, result in in_order(pool.begin, together(given, 1), 1)]
    assert found == [(source.name, f"what {source.name} holds") for source in given]
    assert pool.begun[:4] == ["6.jsonl", "2.jsonl", "0.jsonl", "1.jsonl"]
    assert sorted(pool.begun) == [source.name for source in given]


@pytest.mark.parametrize(
    ("limits", "begun"),
    [({"AHEAD": 2}, 4), ({"AHEAD_BYTES": 25}, 6), ({"AHEAD_BYTES": 2}, 3), ({}, 12)],
)
def test_of_many_files_only_some_are_begun_ahead(tmp_path, monkeypatch, limits, begun):
    for name, value in {"TOGETHER_BYTES": 0, **limits}.items():
        monkeypatch.setattr(parallel, name, value)
    pool, given = Recorder(), sources(tmp_path, *[10] * 12)
    results = in_order(pool.begin, together(given, 2), 2)
    next(results)
    assert pool.begun == [source.name for source in given[:begun]]
    assert [source.name for source, _ in results] == [source.name for source in given[1:]]
