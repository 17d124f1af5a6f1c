"""Incremental exports: with what they name, an earlier export becomes the full one, whatever happened in between."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from annotation import queries
from annotation.assignments import managing, states
from annotation.models import Assignment, Item, Membership
from annotation.projects.membership import exclude
from annotation.projects.withdrawal import set_withdrawn
from exports import releases, rules
from exports.build import build
from exports.formats import formats
from exports.models import Export
from exports.options import Options
from exports.preview import preview
from potato_site.jobs import run_now, runner
from potato_site.jobs.models import Job
from tests.exports.increments import brought_up_to_date, read
from tests.factory import FIRST_ERROR, OUTCOME, answers, labeled_project, make_project, make_trace, person, submit_item
from traces.imports import import_files
from traces.models import Trace

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])]

ISSUE = {"issue_id": "myorg__myproject-12"}
BETTER = {"annotation_type": "pairwise", "name": "better"}
# Formats whose rows name their trace, and how.
NAMED = {"prm": "trace_id", "kto": "trace_id", "annotations": "trace_id", "csv": "trace_id", "processbench": "id"}


@pytest.fixture
def project(tmp_path):
    """Two attempts at one issue, a trace alone, and two equal ones; two people labeled them all but the last."""
    traces = [
        make_trace("t1", 5, **ISSUE),
        make_trace("t2", 7, **ISSUE),
        make_trace("alone", 4),
        make_trace("same_a", 3, issue_description="same"),
        make_trace("same_b", 3, issue_description="same"),
    ]
    labels = [(name, answers(first_error)) for name in ("ann", "bob") for first_error in (None, 3, 1, 2)]
    labels.append(("bob", answers(None)))
    return labeled_project(tmp_path, labels, traces=traces, schemes=[FIRST_ERROR, OUTCOME])


def assignment(name: str, trace: str) -> int:
    return Assignment.objects.get(annotator__username=name, item__trace_a__external_id=trace, item__trace_b=None).pk


def membership(name: str) -> Membership:
    return Membership.objects.get(user=person(name))


def item(trace: str) -> int:
    return Item.objects.get(trace_a__external_id=trace, trace_b=None).pk


def withdraw(trace: str, withdrawn: bool = True) -> None:
    set_withdrawn(Trace.objects.get(external_id=trace), withdrawn, None)


def comes_again_as_of_another_issue(project: Any, folder: Path) -> None:
    """The labels stay with the version that they were given to."""
    file = folder / "again.jsonl"
    file.write_text(json.dumps(make_trace("t2", 7, issue_id="myorg__myproject-99")))
    import_files(project.dataset, [file])
    (job,) = Job.objects.filter(kind="annotation.issues_changed")
    assert runner.run(job.pk)


HAPPENINGS: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda project: None,
    "one more label": lambda project: submit_item(project, "ann", answers(0)),
    "one of two invalidated": lambda project: states.void(assignment("ann", "t2")),
    "both invalidated": lambda project: [states.void(assignment(name, "t2")) for name in ("ann", "bob")],
    "a trace withdrawn": lambda project: withdraw("t1"),
    "withdrawn and back": lambda project: [withdraw("alone"), withdraw("alone", False)],
    "an item withdrawn": lambda project: managing.withdraw(item("t1"), person("ann")),
    "a person left out": lambda project: exclude(membership("bob"), None),
    "the first of two equal ones gone": lambda project: withdraw("same_a"),
    "a trace of another issue": lambda project: comes_again_as_of_another_issue(project, Path(project.output_path)),
    "submitted anew": lambda project: [
        states.void(assignment("ann", "t1")), submit_item(project, "ann", answers(2, "partial")),
    ],
}  # fmt: skip


ASKED: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in NAMED),
    ("prm", {"aggregation": "per_annotator"}),
    ("prm", {"outcome": ("resolved",), "min_agreement": 0.6}),
    ("preference_pairs", {"min_margin": 0.0}),
    ("preference_pairs", {"aggregation": "per_annotator", "pairs_per_issue": 2, "min_margin": 0.0}),
]


@pytest.mark.slow
@pytest.mark.parametrize("happens", HAPPENINGS)
def test_an_earlier_export_and_the_changes_are_the_full_one(project, tmp_path, happens):
    before = [read(project, tmp_path / "before", name, **options) for name, options in ASKED]
    HAPPENINGS[happens](project)
    for (name, options), (old, _, built) in zip(ASKED, before, strict=True):
        rows, named, changed = read(project, tmp_path / "after", name, since_seq=built.seq, **options)
        whole, _, _ = read(project, tmp_path / "whole", name, **options)
        expected = sorted(json.dumps(row) for row in whole)
        assert brought_up_to_date(old, rows, named, NAMED.get(name, "")) == expected, (name, options)
        assert bool(named) == (happens != "nothing"), (name, options)
        assert changed.changes["file"] == changed.files[-1].name


def test_the_documented_way_to_bring_an_export_up_to_date(project, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    built = build(project.pk, "annotations", Options(), tmp_path / "before.jsonl")
    withdraw("t1")
    states.void(assignment("bob", "t2"))
    build(project.pk, "annotations", Options(since_seq=built.seq), tmp_path / "since.jsonl")
    build(project.pk, "annotations", Options(), tmp_path / "whole.jsonl")
    text = (Path(__file__).parents[2] / "docs" / "exports.md").read_text()
    (snippet,) = re.findall(r"```python\n(.*?)```", text.split("**Changed since.**")[1].split("###")[0], re.DOTALL)
    told: dict[str, Any] = {}
    exec(snippet, told)
    whole = [json.loads(line) for line in Path("whole.jsonl").read_text().splitlines()]
    assert sorted(map(json.dumps, told["now"])) == sorted(map(json.dumps, whole))
    assert len(whole) == 6


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("options", [{}, {"outcome": ("resolved",)}])
def test_one_of_several_equal_traces_is_labeled_later(tmp_path, place, options):
    traces = [make_trace(f"same_{n}", 3, issue_description="same") for n in range(3)]
    project = make_project(tmp_path, traces=traces, schemes=[FIRST_ERROR, OUTCOME], overlap=0)
    for said in (answers(0, "partial"), answers(1), answers(2)):
        submit_item(project, "ann", said)
    states.void(assignment("ann", f"same_{place}"))
    before, _, built = read(project, tmp_path / "before", "prm", **options)
    submit_item(project, "bob", answers(None))
    rows, named, _ = read(project, tmp_path / "after", "prm", since_seq=built.seq, **options)
    whole, _, _ = read(project, tmp_path / "whole", "prm", **options)
    assert brought_up_to_date(before, rows, named, "trace_id") == sorted(map(json.dumps, whole))
    assert len(whole) == 1


@pytest.mark.parametrize("place", [0, 1, 3])
@pytest.mark.parametrize("options", [{}, {"outcome": ("resolved",)}])
def test_an_equal_trace_is_labeled_for_the_first_time(tmp_path, place, options):
    traces = [make_trace(f"same_{n}", 3, issue_description="same") for n in range(4)]
    project = make_project(tmp_path, traces=traces, schemes=[FIRST_ERROR, OUTCOME], people=["ann"], overlap=0)
    managing.withdraw(item(f"same_{place}"), person("ann"))
    for said in (answers(0, "partial"), answers(1), answers(2)):
        submit_item(project, "ann", said)
    before, _, built = read(project, tmp_path / "before", "prm", **options)
    managing.restore(item(f"same_{place}"), person("ann"))
    submit_item(project, "ann", answers(None))
    rows, named, _ = read(project, tmp_path / "after", "prm", since_seq=built.seq, **options)
    whole, _, _ = read(project, tmp_path / "whole", "prm", **options)
    assert brought_up_to_date(before, rows, named, "trace_id") == sorted(map(json.dumps, whole))
    assert len(whole) == 1


# Of equal traces a format of labels holds the first one; what people said is there for both.
OF_EQUAL_ONES = {"prm": {"same_a": "changed", "same_b": "removed"}, "annotations": {"same_b": "changed"}}


@pytest.mark.parametrize("name", OF_EQUAL_ONES)
def test_only_what_was_there_is_called_removed_or_changed(project, tmp_path, name):
    withdraw("t1")
    _, _, built = read(project, tmp_path, name)
    withdraw("t1", False)
    # A duplicate: which of the two stands for both may have changed.
    submit_item(project, "ann", answers(0))
    rows, named, changed = read(project, tmp_path, name, since_seq=built.seq)
    told = {"t1": "changed", **OF_EQUAL_ONES[name]}
    assert {one["trace_id"]: one["change"] for one in named} == told
    there = [trace for trace, change in told.items() if change == "changed"]
    assert list(dict.fromkeys(row["trace_id"] for row in rows)) == there
    file = formats.get(name).file.replace(".jsonl", ".changes.jsonl")
    removed = len(told) - len(there)
    assert changed.changes == {
        "since_seq": built.seq, "since_rows_version": None, "added": 0, "changed": 2, "removed": removed, "file": file,
    }  # fmt: skip


def test_what_is_new_is_added(tmp_path):
    project = make_project(tmp_path, overlap=0)
    seq = queries.project_by_id(project.pk, using="default").seq
    submit_item(project, "ann", answers(0))
    _, named, _ = read(project, tmp_path, "prm", since_seq=seq)
    assert named == [{"trace_id": "trace_001", "trace_id_b": "", "change": "added"}]
    submit_item(project, "ann", answers(0, "partial"))
    states.void(assignment("ann", "trace_002"))
    _, named, _ = read(project, tmp_path, "prm", since_seq=seq)
    assert [one["trace_id"] for one in named] == ["trace_001"]


def test_comparisons_change_apart_from_their_traces(tmp_path):
    traces = [make_trace(f"t{n}", 3 + n, **ISSUE) for n in (1, 2)]
    project = make_project(tmp_path, traces=traces, schemes=[FIRST_ERROR, BETTER], people=["ann"], overlap=0)
    for _ in range(2):
        submit_item(project, "ann", {"step_reward": {"first_error": {"step": None}}})
    submit_item(project, "ann", {"better": {"choice": {"side": "b"}}})
    seq = queries.project_by_id(project.pk, using="default").seq
    states.void(Assignment.objects.get(item__kind="pair").pk)
    for name in ("annotations", "csv"):
        _, named, _ = read(project, tmp_path, name, since_seq=seq)
        assert named == [{"trace_id": "t1", "trace_id_b": "t2", "change": "removed"}]
    # Rows of the trace alone stay: what is said of two is in no such file.
    assert read(project, tmp_path, "prm", since_seq=seq)[1] == []
    _, named, _ = read(project, tmp_path, "preference_pairs", since_seq=seq)
    assert [(one["trace_id"], one["change"]) for one in named] == [("t1", "removed"), ("t2", "removed")]


def test_only_of_the_traces_that_were_asked_for(project, tmp_path):
    seq = queries.project_by_id(project.pk, using="default").seq
    for trace in ("t1", "alone"):
        withdraw(trace)
    _, named, _ = read(project, tmp_path, "prm", since_seq=seq, traces=("alone", "t2"))
    assert named == [{"trace_id": "alone", "trace_id_b": "", "change": "removed"}]


@pytest.mark.parametrize("name", formats.names())
def test_every_format_has_the_list_and_the_manifest_names_it(project, name):
    seq = queries.project_by_id(project.pk, using="default").seq
    withdraw("alone")
    params = {"project": project.pk, "format": name, "options": {"since_seq": seq, "compress": "gzip"}}
    export = Export.objects.get(pk=run_now("exports.build", params)["export"])
    told = export.manifest["changes"]
    assert (told["since_seq"], told["removed"], told["changed"], told["added"]) == (seq, 1, 0, 0)
    # Where a format is not compressed, neither is the list.
    assert told["file"].endswith("changes.jsonl" if "compress" in formats.get(name).ignores else "changes.jsonl.gz")
    assert told["file"] in [file["name"] for file in export.manifest["files"]]


@pytest.fixture
def published(project):
    """``published(**options)``: an export of the project as it is."""

    def publish(**options):
        params = {"project": project.pk, "format": "prm", "options": options}
        return Export.objects.get(pk=run_now("exports.build", params)["export"])

    return publish


def under(monkeypatch, number):
    for module in (rules, releases):
        monkeypatch.setattr(module, "ROWS_VERSION", number)


def test_who_goes_on_from_an_export_by_other_rules_is_told(project, published, tmp_path, monkeypatch):
    before = published()
    published(ties="latest")
    withdraw("alone")
    since = {"since_seq": before.seq}
    told = published(**since).manifest
    assert (told["rows_version"], told["changes"]["since_rows_version"], told["warnings"]) == (1, 1, [])
    under(monkeypatch, 2)
    # The same state and options make another export now, and the first one stays.
    after = published(**since)
    assert (after.manifest["rows_version"], after.manifest["changes"]["since_rows_version"]) == (2, 1)
    (warning,) = after.manifest["warnings"]
    assert warning.startswith(
        f"since_seq: the export at {before.seq} was made by other rules of rows (rows_version 1, now 2)"
    )
    assert warning in preview(project, "prm", Options(**since)).warnings
    assert warning not in preview(project, "csv", Options(**since)).warnings, "nobody exported that"
    err = io.StringIO()
    call_command("export", format="prm", project=project.slug, output=tmp_path / "x", stderr=err, stdout=err, **since)
    assert f"warning: {warning}" in err.getvalue()
    # A full one makes it good.
    whole = published()
    withdraw("t1")
    assert published(since_seq=whole.seq).manifest["warnings"] == []


def test_a_full_export_after_an_upgrade_with_other_rules_is_made_anew(project, published, monkeypatch):
    first = published()
    assert published() == first
    under(monkeypatch, 2)
    second = published()
    assert (second.seq, second.pk != first.pk, Path(second.path).name) == (first.seq, True, f"prm-{first.seq}.2")
    assert published() == second
    assert (Path(first.path) / "prm_labels.jsonl").is_file()


def test_an_export_from_before_there_was_a_number_is_of_other_rules(project, published):
    before = published()
    manifest = {key: value for key, value in before.manifest.items() if key != "rows_version"}
    Export.objects.filter(pk=before.pk).update(
        manifest=manifest, options_digest=rules.digest_of(before.options, rules.UNNUMBERED)
    )
    assert published().pk != before.pk
    Export.objects.exclude(pk=before.pk).delete()
    # There were fewer options then.
    fewer = {name: value for name, value in before.options.items() if name != "soft_labels"}
    Export.objects.update(options=fewer)
    withdraw("alone")
    (warning,) = published(since_seq=before.seq).manifest["warnings"]
    assert "(rows_version 0, now 1)" in warning


def test_the_command_says_how_much_changed(project, tmp_path):
    seq = queries.project_by_id(project.pk, using="default").seq
    withdraw("alone")
    out = io.StringIO()
    call_command("export", format="prm", project=project.slug, output=tmp_path / "new.jsonl", since_seq=seq, stdout=out)
    assert f"  since {seq}: 0 added, 0 changed, 1 removed; named in new.changes.jsonl" in out.getvalue()
    assert (tmp_path / "new.jsonl").read_text() == ""
