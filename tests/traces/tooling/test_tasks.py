"""The issue inside a prompt, the repository inside an id."""

import pytest

from traces.tooling.tasks import issue_in, repo_of, repo_of_url, stem


@pytest.mark.parametrize(
    ("prompt", "issue"),
    [
        ("See.\n<pr_description>\nIt fails\n</pr_description>\nDo it.", "It fails"),
        ("<pr_description>\nConsider the following PR description:\nIt fails\n</pr_description>", "It fails"),
        ("Here's the text:\nISSUE:\nIt fails\nbadly\n\n\nINSTRUCTIONS:\nNow", "It fails\nbadly"),
        ("Please solve this issue: It fails\n\nYou can execute bash commands and", "It fails"),
        ("<issue_description>\nIt fails\n</issue_description>", "It fails"),
        ("<pr_description> never closed", "<pr_description> never closed"),
        ("<pr_description>\n</pr_description>", "<pr_description>\n</pr_description>"),
        ("Make it work.", "Make it work."),
        ("", ""),
    ],
)
def test_the_issue_is_found_in_the_prompt_around_it(prompt, issue):
    assert issue_in(prompt) == issue


@pytest.mark.parametrize(
    ("id", "repo"),
    [
        ("scikit-learn__scikit-learn-15100", "scikit-learn/scikit-learn"),
        ("django__django-1", "django/django"),
        ("pandas-dev__pandas.95280573.pr_53856", "pandas-dev/pandas"),
        ("run-3", None),
        ("", None),
    ],
)
def test_the_repository_is_part_of_an_id_of_swe_bench(id, repo):
    assert repo_of(id) == repo


def test_the_repository_of_an_address():
    assert (
        repo_of_url("https://github.com/acme/tally.git")
        == repo_of_url("https://github.com/acme/tally/")
        == "acme/tally"
    )


def test_a_file_is_named_without_its_ending():
    assert stem("runs/a.traj.json", ".traj.json", ".json") == "a"
    assert stem("runs/.json", ".json") == ".json"
    assert stem("x" * 300) == "x" * 255
