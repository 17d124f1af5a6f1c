"""In which order several processes begin the files, and in which their results come."""

from concurrent.futures import Future

import pytest

from traces import parallel
from traces.parallel import in_order
from traces.source import Source


class Recorder:
    """Processes that note what is begun, and are done with it at once."""

    def __init__(self):
        self.begun = []

    def begin(self, source):
        self.begun.append(source.name)
        future = Future()
        future.set_result(f"what {source.name} holds")
        return future


def sources(folder, *sizes):
    for number, size in enumerate(sizes):
        (folder / f"{number}.jsonl").write_bytes(b"x" * size)
    return [Source(folder / f"{number}.jsonl", f"{number}.jsonl") for number in range(len(sizes))]


def test_a_large_file_is_begun_first_and_told_in_its_place(tmp_path):
    pool, given = Recorder(), sources(tmp_path, 10, 10, 600, 10, 10, 10, 900)
    found = [(source.name, result) for source, result in in_order(pool.begin, given, 1)]
    assert found == [(source.name, f"what {source.name} holds") for source in given]
    assert pool.begun[:3] == ["6.jsonl", "2.jsonl", "0.jsonl"]
    assert sorted(pool.begun) == [source.name for source in given]


@pytest.mark.parametrize(
    ("limits", "begun"),
    [({"AHEAD": 2}, 4), ({"AHEAD_BYTES": 50}, 6), ({"AHEAD_BYTES": 5}, 3), ({}, 12)],
)
def test_of_many_files_only_some_are_begun_ahead(tmp_path, monkeypatch, limits, begun):
    for name, value in limits.items():
        monkeypatch.setattr(parallel, name, value)
    pool, given = Recorder(), sources(tmp_path, *[10] * 12)
    results = in_order(pool.begin, given, 2)
    next(results)
    assert pool.begun == [source.name for source in given[:begun]]
    assert [source.name for source, _ in results] == [source.name for source in given[1:]]
