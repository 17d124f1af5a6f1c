"""What the second run of CI does not run again, and what it must."""

import subprocess
import sys

import pytest


def chosen(*arguments: str) -> tuple[set[str], str]:
    """The tests that would run, and what is said at the end."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "--collect-only", *arguments]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    return {line.split("[")[0] for line in lines if "::" in line}, "\n".join(lines)


@pytest.mark.slow
def test_what_touches_neither_database_nor_broker_is_left_out_and_counted():
    files = ["tests/traces/test_ansi.py", "tests/browser/test_guide.py", "tests/exports/test_pairs.py"]
    # The last one's processes are started by what it imports from another module of the tests.
    files += ["tests/potato_site/test_canonical.py", "tests/exports/test_docs.py", "tests/annotation/test_demo.py"]
    all_of_them, _ = chosen(*files)
    again, said = chosen("--not-again", *files)
    had = all_of_them - again
    assert {name.split("::")[0] for name in had} == set(files[:3])
    assert {name.split("::")[0] for name in again} == set(files[2:])
    # Of one file those that use the database stay.
    assert "tests/exports/test_pairs.py::test_the_margin_is_the_difference_of_the_mean_rewards" in had
    assert "tests/annotation/test_demo.py::test_files_are_copied_once_and_whole" in again
    assert "tests that touch neither database nor broker" in said
