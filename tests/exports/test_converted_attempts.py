"""Attempts at one issue that agents' own files hold, all the way: convert, load, label, export."""

import io
import json
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection

from annotation.models import Item
from exports.options import Options
from exports.splits import Splits
from tests.factory import FIRST_ERROR, make_project, make_trace, submit_item

PROMPT = "Make parse() accept an empty list, and add a test for it."
AIDER = f"""
# aider chat started at 2026-01-02 10:00:00

> Aider v0.80.0{"  "}
> Main model: gpt-4o with diff edit format{"  "}

#### {PROMPT}{"  "}

I will look at parse() first.

> Tokens: 1k sent, 20 received.{"  "}
"""


def session(number: int, folder: str) -> str:
    """A Claude Code session that ran there."""
    common = {"sessionId": f"5e55100{number}-0000-4000-8000-000000000000", "cwd": folder, "isSidechain": False}
    said = [{"type": "text", "text": f"Done, in way {number}."}]
    records = [
        {"type": "user", "uuid": "a", "parentUuid": None, "message": {"role": "user", "content": PROMPT}},
        {"type": "assistant", "uuid": "b", "parentUuid": "a", "message": {"role": "assistant", "content": said}},
    ]
    return "".join(json.dumps(record | common) + "\n" for record in records)


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "raw"
    for number in (1, 2):
        (folder / f"run{number}").mkdir(parents=True)
        (folder / f"run{number}" / "session.jsonl").write_text(session(number, f"/tmp/run{number}/myproject"))
    (folder / ".aider.chat.history.md").write_text(AIDER)
    return folder


@pytest.fixture
def converted(raw, tmp_path, capsys):
    """The trace documents of the folder, converted with these options."""

    def convert(*options: str) -> list[dict]:
        output = tmp_path / "traces.jsonl"
        call_command("convert_traces", "--input", str(raw), "--output", str(output), *options)
        capsys.readouterr()
        return [json.loads(line) for line in output.read_text().splitlines()]

    return convert


def labeled(folder, traces):
    """A project in which each trace has one more good step before its first error than the one before."""
    project = make_project(folder / "project", traces=traces, schemes=[FIRST_ERROR], overlap=0, people=["ann"])
    for place in range(len(traces)):
        submit_item(project, "ann", {"step_reward": {"first_error": {"step": (0, 1, None, 2)[place]}}})
    return project


def pairs(project, folder):
    output, told = folder / "pairs.jsonl", io.StringIO()
    call_command("export", "--format", "preference_pairs", "--project", project.slug, "--output", str(output),
                 "--pair_by", "issue_id", "--min_margin", "0", stdout=told, stderr=told)  # fmt: skip
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    return {frozenset((row["chosen_trace_id"], row["rejected_trace_id"])) for row in rows}


def all_pairs(traces):
    return {frozenset((a["id"], b["id"])) for a in traces for b in traces if a["id"] < b["id"]}


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_one_prompt_in_several_folders_and_agents_makes_pairs(converted, tmp_path):
    traces = converted()
    assert len(traces) == 3
    assert pairs(labeled(tmp_path, traces), tmp_path) == all_pairs(traces)


def test_runs_of_a_folder_are_said_to_be_of_one_issue(converted, raw):
    """Spelled as options of the export, too; what cannot be an id is refused."""
    (raw / "run2" / "session.jsonl").write_text(session(2, "/w").replace(PROMPT, "Please fix parse()"))
    assert {trace["issue_id"] for trace in converted("--issue-id", "mine-1")} == {"mine-1"}
    assert {trace["issue_id"] for trace in converted("--issue_id", "mine-2")} == {"mine-2"}
    for wrong in ("", " ", "a\nb", "x" * 256):
        with pytest.raises(CommandError):
            converted(f"--issue-id={wrong}")


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_an_upgrade_tells_who_has_an_earlier_export(converted, tmp_path):
    """Only of what came from a folder."""
    project = labeled(tmp_path, converted())
    seq = project.seq
    import_module("annotation.migrations.0025_attempts_that_became_pairs").tell(
        apps, SimpleNamespace(connection=connection)
    )
    project.refresh_from_db()
    changed = Item.objects.filter(project=project, changed_seq=project.seq)
    assert project.seq > seq
    assert changed.count() == 2
    assert not changed.filter(trace_a__current__agent="aider").exists()


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_an_upgrade_tells_of_what_names_its_repository_by_an_address(tmp_path):
    """An address and a name make pairs; only what came with an address is new to who has an earlier export."""
    said = {"issue_description": "Fix it"}
    repos = {"t1": "git@github.com:org/app.git", "t2": "https://github.com/org/app", "t3": "org/app", "t4": "/w/app"}
    traces = [make_trace(name, number, repo=repo, **said) for number, (name, repo) in enumerate(repos.items(), start=3)]
    project = labeled(tmp_path, traces)
    assert pairs(project, tmp_path) == all_pairs(traces[:3])
    seq = project.seq
    import_module("annotation.migrations.0026_attempts_at_one_address").tell(
        apps, SimpleNamespace(connection=connection)
    )
    project.refresh_from_db()
    changed = Item.objects.filter(project=project, changed_seq=project.seq)
    assert project.seq > seq
    assert sorted(changed.values_list("trace_a__external_id", flat=True)) == ["t1", "t2"]


def test_no_repository_is_in_two_splits_because_of_where_it_was_tried():
    """An id names the repository where the folder does not; what ran in one folder stays together."""
    named = [(f"org__app-{number}", f"/tmp/run{number}/app") for number in range(20)]
    parts = [(f"org__app-{number}~part2", f"/tmp/run{number}/app") for number in range(20)]
    one_folder = [(f"sha256:{number}", "/home/me/tool") for number in range(20)]
    one_issue = [("sha256:x", f"/home/me/{number}") for number in range(20)]
    splits = Splits(Options(validation=0.3, test=0.3), [*named, *parts, *one_folder, *one_issue])
    for group in (named + parts, one_folder, one_issue):
        assert len({splits.of(key) for key, _ in group}) == 1
    held = Splits(Options(hold_out_benchmarks=True), [("django__django-1", "/testbed")])
    assert held.of("django__django-1") == "test"
