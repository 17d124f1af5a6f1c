"""What CI says of a test that needed a second try."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Fails within a library, the first time only.
MADE = """
import json
from pathlib import Path
import pytest

@pytest.mark.services
def test_met(mark=Path(__file__).with_suffix(".met")):
    if not mark.exists():
        mark.touch()
        json.loads("{")
"""


@pytest.mark.slow
@pytest.mark.once
def test_it_is_named_with_the_reason_and_the_line_that_failed(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_made.py").write_text(MADE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:django", "-p", "no:cacheprovider", "--rootdir", "."]
    command += ["-p", "tests.second_tries", "tests/test_made.py"]
    environment = {**os.environ, "CI": "true", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert "1 passed, 1 rerun" in done.stdout.replace(", 1 warning", ""), done.stdout + done.stderr
    said = next(line for line in done.stdout.splitlines() if line.startswith("tests/test_made.py::test_met (call)"))
    assert "Expecting property name" in said
    assert said.endswith("at tests/test_made.py:10")
