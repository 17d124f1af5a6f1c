"""What runs on SWE-bench and its kin say of their task: the issue inside a prompt, the repository inside an id."""

from __future__ import annotations

import posixpath
import re

_INSTANCE = re.compile(r"([A-Za-z0-9-]+)__([\w.-]+)-\d+")
_SMITH = re.compile(r"([A-Za-z0-9-]+)__([\w.-]+)\.[0-9a-f]{8}\.")
# The tags and headings that prompts put around an issue. Each begins with fixed text: the search stays linear.
_MARKS = (
    ("<pr_description>", "</pr_description>"),
    ("<issue_description>", "</issue_description>"),
    ("<github_issue>", "</github_issue>"),
    ("\nISSUE:\n", "\nINSTRUCTIONS:"),
    ("Please solve this issue:", "\nYou can execute bash commands"),
)
_LEAD = "Consider the following PR description:"


def issue_in(prompt: str) -> str:
    """The issue in the words of the prompt around it; the whole prompt where it marks none."""
    for begin, end in _MARKS:
        _, found, rest = prompt.partition(begin)
        issue, ended, _ = rest.partition(end)
        if found and ended and issue.strip():
            return issue.strip().removeprefix(_LEAD).lstrip()
    return prompt


def repo_of(instance_id: str) -> str | None:
    """``owner/name`` of an id as SWE-bench forms them, ``owner__name-123``, or SWE-smith, ``owner__name.1a2b3c4d.x_1``;
    None of another."""
    match = _INSTANCE.fullmatch(instance_id) or _SMITH.match(instance_id)
    return f"{match[1]}/{match[2]}" if match else None


def repo_of_url(url: str) -> str:
    """``owner/name`` of the address of a repository."""
    return "/".join(url.rstrip("/").removesuffix(".git").split("/")[-2:])


def stem(file: str, *endings: str) -> str:
    """The file's own name without the first of the endings that it has; at most 255 characters."""
    name = posixpath.basename(file)
    for ending in endings:
        if name.endswith(ending) and name != ending:
            return name.removesuffix(ending)[:255]
    return name[:255]
