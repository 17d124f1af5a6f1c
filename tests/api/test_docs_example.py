"""The example of docs/api.md, run as it stands there: a project from the first trace to the export."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.utils import timezone

from annotation.models import Membership, Project, Submission
from potato_site.accounts.models import User
from potato_site.api import tokens
from potato_site.jobs import runner
from potato_site.jobs.models import Job
from tests import factory

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
DOCS = Path(__file__).parents[2] / "docs" / "api.md"


def script() -> str:
    (code,) = re.findall(r"^```python\n(.*?)^```", DOCS.read_text(), re.DOTALL | re.MULTILINE)
    return code


def run_jobs() -> None:
    due = Job.objects.filter(state=Job.State.QUEUED, due_at__lte=timezone.now())
    for pk in list(due.values_list("pk", flat=True)):
        runner.run(pk)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_example_labels_a_project_through_the_api_alone(live_server, tmp_path, settings):
    settings.POTATO_HOME = tmp_path / "site"
    # The boss runs another project, as a lab manager does; the annotators have accounts and nothing else.
    elsewhere = factory.make_project(tmp_path / "elsewhere", people=["cy"])
    boss, ann, bob = (User.objects.create_user(name) for name in ("boss", "ann", "bob"))
    Membership.objects.create(project=elsewhere, user=boss, role=Membership.Role.MANAGER, source="admin")
    manager = tokens.make(boss, scopes=["read", "import", "export", "manage"])[1]
    annotators = [tokens.make(user, scopes=["annotate"])[1] for user in (ann, bob)]
    (tmp_path / "run").mkdir()
    (tmp_path / "example.py").write_text(script())

    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "example.py")],
        cwd=tmp_path / "run",
        env={
            "PATH": os.environ["PATH"],
            "POTATO_URL": live_server.url,
            "POTATO_TOKEN": manager,
            "POTATO_ANNOTATORS": " ".join(annotators),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        while True:
            run_jobs()
            try:
                output, _ = process.communicate(timeout=0.2)
                break
            except subprocess.TimeoutExpired:
                pass
    finally:
        process.kill()
    assert process.returncode == 0, output

    project = Project.objects.get(name="API example")
    assert "imported: 3 new, 0 problems" in output
    assert "submissions: 6" in output
    assert "agreement: outcome" in output
    said = Submission.objects.filter(project=project).values_list("values", flat=True)
    assert [values["step_reward"] for values in said] == [{"first_error": {"step": 1, "origin": "human"}}] * 6
    rows = [json.loads(line) for line in (tmp_path / "run" / "prm_labels.jsonl").read_text().splitlines()]
    assert [(row["trace_id"], row["labels"], row["annotators"]) for row in rows] == [
        (f"trace-{number}", [True, False, False], ["ann", "bob"]) for number in range(3)
    ]
