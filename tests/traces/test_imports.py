import gc
import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from django.db import connection

from potato_site.accounts.models import User
from potato_site.jobs import LostJob, enqueue, run_now
from potato_site.jobs.models import Job
from tests.factory import make_trace
from traces import batches, imports
from traces.import_options import ImportOptions
from traces.imports import import_files
from traces.models import Dataset, Document, Import, ImportFile, Trace, TraceVersion
from traces.store import load_document

GOLDEN = Path(__file__).parent.parent / "golden" / "converters" / "native"


@pytest.fixture
def dataset(db):
    return Dataset.objects.create(name="traces")


@pytest.fixture
def write(tmp_path):
    def write(*records, name="traces.jsonl"):
        path = tmp_path / name
        path.write_text("".join(record if isinstance(record, str) else json.dumps(record) + "\n" for record in records))
        return path

    return write


def snapshot():
    """All that an import can change, in order."""
    traces = Trace.objects.order_by("pk").values_list("external_id", "issue_key", "instance_id", "current__number")
    versions = TraceVersion.objects.order_by("pk").values_list("trace__external_id", "number", "sha256", "n_steps")
    return list(traces), list(versions), Document.objects.count()


def written() -> list[object]:
    return [one for one in gc.get_objects() if type(one) in (Document, TraceVersion, batches.Entry)]


def test_what_was_written_is_gone_without_the_collector(dataset, write):
    path = write(*(make_trace(f"t{number}") for number in range(5)))
    gc.collect()
    gc.disable()
    try:
        before = written()  # of other tests, and held here: no new object gets the id of one of them
        import_files(dataset, [path])
        known = set(map(id, before))
        assert [one for one in written() if id(one) not in known] == []
    finally:
        gc.enable()
    assert Document.objects.count() == 5


def test_a_trace_arrives_with_its_columns_and_its_document(dataset, write):
    record = make_trace(
        "t1", 3, issue_id="i1", repo="acme/tools", base_commit="9f1", model="m", agent={"name": "bot"},
        exit_status="submitted",
        source={"format": "codex", "version": "2", "file": "a/b.jsonl", "sha256": "ab", "warnings": ["w"]},
    )  # fmt: skip
    report = import_files(dataset, [write(record)])
    assert report.counts() == {"new": 1, "changed": 0, "unchanged": 0, "problems": 0, "warnings": 1}
    assert list(report.external_ids) == ["t1"]
    trace = Trace.objects.get()
    version = trace.current
    assert (trace.external_id, trace.issue_id, trace.issue_key, trace.instance_id) == ("t1", "i1", "i1", "i1")
    assert (version.number, version.n_steps, version.agent, version.outcome) == (1, 3, "bot", "submitted")
    assert (version.converter, version.converter_version, version.source_sha256) == ("codex", "2", "ab")
    assert {key: value for key, value in version.meta.items() if key != "content"} == {
        "title": "Fix the bug of t1", "repo": "acme/tools", "base_commit": "9f1", "model": "m",
        "source_file": "a/b.jsonl", "warnings": 1,
    }  # fmt: skip
    assert load_document(version.pk) == record


def test_a_document_without_source_is_named_after_its_file(dataset, write):
    path = write(make_trace("t1"))
    import_files(dataset, [path])
    version = TraceVersion.objects.get()
    assert (version.converter, version.converter_version, version.outcome) == ("native", "1", "")
    assert version.source_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert version.meta["source_file"] == "traces.jsonl"
    assert "source" not in load_document(version.pk)


def test_traces_are_numbered_in_file_order(dataset, write):
    ids = [f"t{number * 37 % 250}" for number in range(250)]
    import_files(dataset, [write(*[make_trace(trace_id, 1) for trace_id in ids])])
    assert list(Trace.objects.order_by("pk").values_list("external_id", flat=True)) == ids


def test_importing_the_same_file_twice_changes_nothing(dataset, write):
    path = write(make_trace("a"), make_trace("b"))
    import_files(dataset, [path])
    before = snapshot()
    # The same content written otherwise is the same content.
    other = write(
        json.dumps(make_trace("a"), sort_keys=True, indent=None) + "\r\n", make_trace("b"), name="other.jsonl"
    )
    assert import_files(dataset, [path]).counts() == {
        "new": 0,
        "changed": 0,
        "unchanged": 2,
        "problems": 0,
        "warnings": 0,
    }
    assert import_files(dataset, [other]).counts() == {
        "new": 0,
        "changed": 0,
        "unchanged": 2,
        "problems": 0,
        "warnings": 0,
    }
    assert snapshot() == before


def test_a_run_that_lies_in_another_file_is_the_same(dataset, tmp_path):
    run = "# aider chat started at 2026-01-02 03:04:05\n\n#### fix it  \n\nDone.\n\n"
    log = tmp_path / "work.aider.chat.history.md"
    log.write_text(run)
    import_files(dataset, [log])
    log.write_text(run + run.replace("03:04:05", "04:05:06"))
    report = import_files(dataset, [log])
    assert (report.new, report.changed, report.unchanged) == (1, 0, 1)
    log.write_text(run.replace("Done.", "Not done."))
    assert import_files(dataset, [log]).changed == 1


def test_a_companion_of_a_session_is_no_record_of_its_own(dataset, tmp_path):
    about = {"sessionId": "s", "isSidechain": True, "agentId": "1", "timestamp": "2026-01-02T03:04:05Z"}
    records = [
        about | {"type": "user", "uuid": "u", "message": {"role": "user", "content": "look"}},
        about | {"type": "assistant", "uuid": "v", "message": {"role": "assistant", "content": "seen"}},
    ]
    # In the order of the files the companion comes first.
    (tmp_path / "agent-1.meta.json").write_text('{"agentType": "Explore"}')
    (tmp_path / "agent-1z.jsonl").write_text('{"id": "own"}\n')
    (tmp_path / "agent-1.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    report = import_files(dataset, [tmp_path])
    assert (report.new, report.n_problems) == (2, 0)


def test_a_changed_trace_gets_a_version_and_a_reverted_one_its_old_version(dataset, write):
    first, second = make_trace("a", 2, issue_id="i"), make_trace("a", 3, issue_id="j")
    import_files(dataset, [write(first, make_trace("b"))])
    report = import_files(dataset, [write(second, make_trace("b"))])
    assert report.counts() == {"new": 0, "changed": 1, "unchanged": 1, "problems": 0, "warnings": 0}
    trace = Trace.objects.get(external_id="a")
    assert (trace.current.number, trace.current.n_steps, trace.issue_key) == (2, 3, "j")
    assert load_document(trace.versions.get(number=1).pk) == first

    assert import_files(dataset, [write(first)]).changed == 1
    trace.refresh_from_db()
    assert (trace.current.number, trace.issue_key, trace.versions.count()) == (1, "i", 2)
    assert import_files(dataset, [write(make_trace("a", 4))]).changed == 1
    trace.refresh_from_db()
    assert trace.current.number == 3


def test_a_withdrawn_trace_stays_withdrawn(dataset, write):
    import_files(dataset, [write(make_trace("a"))])
    Trace.objects.update(is_withdrawn=True)
    import_files(dataset, [write(make_trace("a", 7))])
    assert Trace.objects.get().is_withdrawn


def test_one_id_in_two_datasets_is_two_traces(dataset, write):
    path = write(make_trace("a"))
    import_files(dataset, [path])
    assert import_files(Dataset.objects.create(name="other"), [path]).new == 1


def test_each_mistake_is_named_and_the_good_records_are_kept(dataset, write, tmp_path):
    path = write(
        make_trace("a"), "{broken\n", {"structured_turns": []}, {"id": "x", "structured_turns": [{"content": "?"}]},
        make_trace("a", 9), "\n", make_trace("b"), '{"id": "cut',
    )  # fmt: skip
    report = import_files(dataset, [tmp_path / "missing.jsonl", path])
    assert [str(problem) for problem in report.problems] == [
        f"{tmp_path}/missing.jsonl: no such file or folder",
        f"{path}:2: not JSON: Expecting property name enclosed in double quotes (column 2)",
        f"{path}:3: id: is missing",
        f"{path}:4: structured_turns[0].type: is missing",
        f"{path}:5: id: 'a' is the id of the record at traces.jsonl:1 too; the first is kept",
        f"{path}:8: the last line is cut short or not JSON: Unterminated string starting at (column 8)",
    ]
    assert report.counts() == {"new": 2, "changed": 0, "unchanged": 0, "problems": 6, "warnings": 0}
    assert load_document(Trace.objects.get(external_id="a").current_id) == make_trace("a")


def test_the_import_and_its_files_are_recorded(dataset, write, tmp_path):
    user = User.objects.create_user("manager")
    good, bad = write(make_trace("a"), name="good.jsonl"), write("{}\n", *["?\n"] * 149, name="bad.jsonl")
    empty = write(name="empty.jsonl")
    report = import_files(dataset, [good, bad, empty, tmp_path / "missing"], made_by=user)
    assert (report.n_problems, len(report.problems)) == (152, imports.MAX_PROBLEMS)
    row = Import.objects.get()
    assert (row.dataset, row.made_by, row.job) == (dataset, user, None)
    files = {Path(file.file).name: file for file in ImportFile.objects.filter(batch=row)}
    assert files["good.jsonl"].counts == {"new": 1, "changed": 0, "unchanged": 0, "problems": 0, "warnings": 0}
    assert files["good.jsonl"].sha256 == hashlib.sha256(good.read_bytes()).hexdigest()
    assert files["bad.jsonl"].counts["problems"] == 150
    assert len(files["bad.jsonl"].problems) == imports.MAX_PROBLEMS
    assert files["bad.jsonl"].problems[1]["line"] == 2
    assert files["empty.jsonl"].problems[0]["message"] == "holds no trace"
    assert files["missing"].problems[0]["message"] == "no such file or folder"


def test_a_folder_is_imported_file_by_file(dataset, write, tmp_path):
    (tmp_path / "sub").mkdir()
    write(make_trace("b"), name="sub/b.jsonl")
    write(make_trace("a"), name="a.jsonl")
    assert list(import_files(dataset, [tmp_path]).external_ids) == ["a", "b"]


def test_the_older_dialect_names_its_own_keys(dataset, write):
    records = [
        {"key": 5, "text": "Write merge(a, b)", "steps": "Step 1"},
        {"key": "k", "text": ["a", 1]},
        {"text": "?"},
    ]
    report = import_files(
        dataset, [write(json.dumps(records), name="s.json")], options=ImportOptions(id_key="key", text_key="text")
    )
    assert [str(problem).partition("s.json:1: ")[2] for problem in report.problems] == ["key: is missing"]
    first, second = (load_document(trace.current_id) for trace in Trace.objects.order_by("pk"))
    assert first == {"id": "5", "issue_description": "Write merge(a, b)", **records[0]}
    assert second["issue_description"] == '["a",1]'
    assert TraceVersion.objects.first().meta["title"] == "Write merge(a, b)"
    assert TraceVersion.objects.first().n_steps == 0


def test_a_record_without_steps_may_use_our_keys_for_other_things(dataset, write):
    record = {"id": "a", "source": "textbook", "model": {"size": 7}, "repo": 3, "agent": 4, "metrics": []}
    assert import_files(dataset, [write(record)]).new == 1
    version = TraceVersion.objects.get()
    assert (version.converter, version.agent, version.meta["model"]) == ("native", "", "")
    assert load_document(version.pk) == record


def test_a_file_name_that_is_no_utf8_is_recorded(dataset, write):
    path = write(make_trace("a"), "?\n", name=os.fsdecode(b"caf\xe9.jsonl"))
    import_files(dataset, [path])
    assert ImportFile.objects.get().file.endswith("caf\ufffd.jsonl")


def test_standard_keys_win_over_the_named_ones(dataset, write):
    record = {"id": "right", "key": "wrong", "issue_description": "right", "text": "wrong"}
    import_files(dataset, [write(record)], options=ImportOptions(id_key="key", text_key="text"))
    assert load_document(Trace.objects.get(external_id="right").current_id)["issue_description"] == "right"


def test_nasty_text_gives_the_same_rows_on_every_database(dataset):
    files = sorted(GOLDEN.glob("*/input/*"))
    report = import_files(dataset, files)
    expected = {}
    for path in GOLDEN.glob("*/expected.jsonl"):
        for line in path.read_text().split("\n")[:-1]:
            doc = json.loads(line)
            if doc["source"]["format"] == "native":
                del doc["source"]
            expected[doc["id"]] = doc
    assert {trace.external_id: load_document(trace.current_id) for trace in Trace.objects.all()} == expected
    assert report.new == len(expected)
    assert import_files(dataset, files).unchanged == len(expected)


def test_long_names_fit_every_database(dataset, write):
    long = "é" * 3000
    record = make_trace(
        "x" * 255, issue_id="i" * 255, agent=long, outcome=long, model=long, repo=long,
        source={"format": long, "version": long, "file": long, "sha256": long},
    )  # fmt: skip
    assert import_files(dataset, [write(record)]).new == 1
    version = TraceVersion.objects.get()
    assert (version.agent, version.outcome) == (long[:100], long[:100])
    assert load_document(version.pk) == record


def test_a_batch_costs_a_handful_of_queries(dataset, write, django_assert_max_num_queries):
    path = write(*[make_trace(f"t{number}", 2) for number in range(100)])
    with django_assert_max_num_queries(20):
        import_files(dataset, [path])
    with django_assert_max_num_queries(11):
        import_files(dataset, [path])


def test_long_traces_make_short_batches(dataset, write, monkeypatch):
    monkeypatch.setattr(imports, "BATCH_BYTES", 1)
    sizes = []
    monkeypatch.setattr(imports, "save_batch", lambda _, entries: sizes.append(len(entries)) or ["new"] * len(entries))
    import_files(dataset, [write(make_trace("a"), make_trace("b"))])
    assert sizes == [1, 1, 0]


def test_progress_is_in_bytes_and_ends_at_the_end(dataset, write):
    path = write(*[make_trace(f"t{number}", 1) for number in range(250)])
    told = []
    import_files(dataset, [path], progress=lambda *args: told.append(args))
    total = path.stat().st_size
    assert [args[1:] for args in told] == [(total, f"{count} traces") for count in (100, 200, 250)]
    assert 0 < told[0][0] < told[1][0] <= told[2][0] == total


def test_an_import_that_is_stopped_keeps_whole_batches_and_can_be_run_again(dataset, write):
    path = write(*[make_trace(f"t{number}", 1) for number in range(250)])

    def stop(done, total, message):
        raise LostJob("stopped")

    with pytest.raises(LostJob):
        import_files(dataset, [path], progress=stop)
    assert Trace.objects.count() == Document.objects.count() == 100
    assert import_files(dataset, [path]).counts() == {
        "new": 150,
        "changed": 0,
        "unchanged": 100,
        "problems": 0,
        "warnings": 0,
    }


def test_a_batch_that_fails_half_way_leaves_nothing_of_itself(dataset, write, monkeypatch):
    def fail(rows):
        raise OSError("the disk is gone")

    monkeypatch.setattr(batches, "_add_versions", fail)
    with pytest.raises(OSError, match="the disk is gone"):
        import_files(dataset, [write(make_trace("a"))])
    assert not Trace.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_imports_of_one_dataset_at_once_give_each_trace_once(write):
    dataset = Dataset.objects.create(name="shared")
    ids = [f"t{number}" for number in range(150)]
    paths = [
        write(*[make_trace(trace_id, 1) for trace_id in ids], name="forward.jsonl"),
        write(*[make_trace(trace_id, 1) for trace_id in reversed(ids)], name="backward.jsonl"),
        write(*[make_trace(trace_id, 2) for trace_id in ids], name="other.jsonl"),
    ]
    start = Barrier(len(paths))

    def work(path):
        try:
            start.wait()
            return import_files(dataset, [path])
        finally:
            connection.close()

    with ThreadPoolExecutor(len(paths)) as pool:
        reports = list(pool.map(work, paths))
    assert sum(report.new for report in reports) == 150
    assert all(report.n_problems == 0 for report in reports)
    assert Trace.objects.count() == 150
    assert not Trace.objects.filter(current=None).exists()
    assert TraceVersion.objects.count() == Document.objects.count() == 300


def test_the_job_imports_and_says_how_far_it_is(dataset, write):
    path = write(make_trace("a"), "?\n")
    result = run_now("traces.import", {"dataset": dataset.pk, "paths": [str(path)]})
    assert result == {"new": 1, "changed": 0, "unchanged": 0, "problems": 1, "warnings": 0}
    job = Job.objects.get(kind="traces.import")
    assert Import.objects.get().job == job
    assert job.state == Job.State.DONE


def test_the_job_belongs_to_the_bulk_queue_and_takes_the_keys_of_the_project(dataset, write):
    path = write({"key": "a", "text": "Write it"})
    params = {"dataset": dataset.pk, "paths": [str(path)], "id_key": "key", "text_key": "text"}
    assert enqueue("traces.import", params).queue == Job.Queue.BULK
    run_now("traces.import", params)
    assert load_document(Trace.objects.get().current_id)["issue_description"] == "Write it"


def test_a_row_somebody_else_put_in_between_makes_the_batch_start_again(dataset, write, monkeypatch):
    insert, calls = batches._insert, []

    def disturbed(dataset, entries):
        calls.append(len(entries))
        if len(calls) == 1:
            Trace.objects.create(dataset=dataset, external_id="b", issue_key="k")
        insert(dataset, entries)

    monkeypatch.setattr(batches, "_insert", disturbed)
    assert import_files(dataset, [write(make_trace("a"), make_trace("b"))]).new == 2
    assert calls == [2, 2]
    assert Trace.objects.count() == Document.objects.count() == 2


def test_warnings_hide_no_error_behind_them(dataset, write):
    stepless = [make_trace(f"t{number}", steps=0) for number in range(101)]
    report = import_files(dataset, [write(*stepless, "{\n")])
    assert (report.n_problems, report.n_warnings, len(report.problems)) == (1, 101, imports.MAX_PROBLEMS)
    assert (report.problems[0].is_error, report.problems[0].line) == (True, 102)
    kept = ImportFile.objects.get().problems
    assert [one["severity"] for one in kept[:2]] == ["error", "warning"]


def test_what_traces_warn_of_is_kept_with_their_file_and_takes_no_problem_its_place(dataset, write):
    traces = [make_trace(f"t{number}", source={"warnings": [f"odd {number}", "2 × same"]}) for number in range(150)]
    other = make_trace("other", source={"warnings": ["odd", "2 × same"]})
    report = import_files(dataset, [write(*traces), write(other, *["{\n"] * 120, name="bad.jsonl")])
    assert report.n_warnings == 302
    assert [problem.severity for problem in report.problems] == ["error"] * 100, "the command tells of files alone"
    many, bad = ImportFile.objects.order_by("pk").values_list("problems", flat=True)
    assert len(many) == 100
    assert [one["message"] for one in many[:2]] == ["odd 0", "300 × same"]
    assert {one["severity"] for one in bad} == {"error"}
    assert len(bad) == 100
