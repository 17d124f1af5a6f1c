"""The commissioned document, end to end: its configuration, its trace, its export, its analysis snippets word for word.

``tests/documents/`` holds its texts unchanged.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from annotation.projects.load import load_file
from tests.factory import answers, make_trace, submit_item

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])

DOCUMENTS = Path(__file__).parents[1] / "documents"
GOLDEN = Path(__file__).parents[1] / "golden" / "exports"
SNIPPETS = ["accuracy_by_step_type", "common_failure_points", "annotator_agreement"]
EXTENDED = {
    "issue_id": "myorg__myproject-12",
    "repo": "myorg/myproject",
    "base_commit": "a1b2c3d",
    "agent": {"name": "agent-x"},
}


@pytest.fixture
def exported(tmp_path, monkeypatch):
    """A folder in which the document's commands were run, after two people labeled."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text((DOCUMENTS / "guide.yaml").read_text())
    others = [
        make_trace("trace_002", 7, **EXTENDED),
        make_trace("trace_003", 4),
        make_trace("trace_004", 3, issue_description="<script>alert(1)</script>\u2028\n\x1b[31mred"),
        make_trace("trace_005", 2),
    ]
    traces = [json.loads((DOCUMENTS / "trace.json").read_text()), *others]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "traces.jsonl").write_text("".join(json.dumps(trace) + "\n" for trace in traces))
    # Everybody labels everything, so that the third snippet has something to compare.
    text = (tmp_path / "config.yaml").read_text().replace("overlap_percentage: 15", "overlap_percentage: 100")
    (tmp_path / "config.yaml").write_text(text)
    project = load_file(tmp_path / "config.yaml", tmp_path / "output" / ".potato").project
    said = {
        "reviewer1": [answers(), answers(3, "partial", "edits the wrong file"), answers(2, "not_resolved"), answers(0)],
        "reviewer2": [answers(), answers(5, "partial", "no test"), answers(2, "not_resolved", "never ran")],
    }
    for name, given in said.items():
        for values in given:
            submit_item(project, name, values)
    call_command("export", format="prm", project="./output/", output=Path("./training_data/prm_labels.jsonl"))
    return tmp_path


def test_the_line_of_the_documents_trace_has_the_documents_keys_and_values(exported):
    promised = json.loads((DOCUMENTS / "prm_line.json").read_text())
    line = json.loads((exported / "training_data" / "prm_labels.jsonl").read_text().splitlines()[0])
    for step, shown in zip(line["steps"], promised["steps"], strict=True):
        assert {key: step[key] for key in shown} == shown
    del promised["steps"]
    assert {key: line[key] for key in promised} == promised


def test_the_file_is_the_expected_one(exported, golden):
    golden(GOLDEN / "prm_labels.jsonl", (exported / "training_data" / "prm_labels.jsonl").read_bytes())


@pytest.mark.slow
@pytest.mark.parametrize("name", SNIPPETS)
def test_the_snippet_runs_unchanged(exported, golden, name):
    done = subprocess.run(
        [sys.executable, "-c", (DOCUMENTS / f"{name}.txt").read_text()],
        cwd=exported, capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    golden(GOLDEN / f"{name}.out", done.stdout)
