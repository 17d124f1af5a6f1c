"""Which traces are for training and which for measuring: by repository or issue, never both.

A group is everything that is connected: traces of one issue, the parts of a run among them, and (by default) issues of
one repository or folder. A group is in one split, whatever order traces come in, so nothing of a repository that is
measured on was trained on.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from exports.options import Options
from traces.document import is_folder, repository

# The repositories of SWE-bench and SWE-bench Verified.
BENCHMARK_REPOS = frozenset((
    "astropy/astropy", "django/django", "matplotlib/matplotlib", "mwaskom/seaborn", "pallets/flask", "psf/requests",
    "pydata/xarray", "pylint-dev/pylint", "pytest-dev/pytest", "scikit-learn/scikit-learn", "sphinx-doc/sphinx",
    "sympy/sympy",
))  # fmt: skip
INSTANCE = re.compile(r"([A-Za-z0-9._-]+?)__([A-Za-z0-9._-]+)-\d+")
# What ``convert-traces --max-steps`` puts behind the issue of each part of a run.
PART = re.compile(r"(?:~part\d+)+\Z")
# Where containers keep the repository, whichever it is.
SHARED_FOLDERS = frozenset(("/app", "/repo", "/root", "/testbed", "/workspace"))


class Splits:
    """Issue key → split. ``issues`` are (issue key, repository or "") of every trace of the project."""

    def __init__(self, options: Options, issues: Iterable[tuple[str, str]]) -> None:
        self._options = options
        self._parents: dict[str, str] = {}
        if not options.has_splits:
            return
        by_repo = options.split_by == "repo" or options.hold_out_benchmarks
        for issue, repo in issues:
            names = repositories(issue, repo) if by_repo else []
            for name in [_issue(issue), *(f"repo:{name}" for name in names)]:
                self._join(_issue(issue), name)
        benchmarks = (f"repo:{name}" for name in BENCHMARK_REPOS)
        self._held = {self._root(name) for name in benchmarks if name in self._parents}

    def of(self, issue_key: str) -> str:
        """``train``, ``validation`` or ``test``."""
        if not self._options.has_splits:
            return "train"
        root = self._root(_issue(issue_key))
        if self._options.hold_out_benchmarks and root in self._held:
            return "test"
        digest = hashlib.sha256(f"{self._options.split_seed}\n{root}".encode()).digest()
        place = int.from_bytes(digest[:8]) / 2**64
        if place < self._options.test:
            return "test"
        return "validation" if place < self._options.test + self._options.validation else "train"

    def _root(self, name: str) -> str:
        while self._parents.setdefault(name, name) != name:
            name = self._parents[name]
        return name

    def _join(self, one: str, other: str) -> None:
        """The name that sorts last leads, so that the order of traces changes nothing."""
        low, high = sorted((self._root(one), self._root(other)))
        self._parents[low] = high


def repositories(issue_key: str, repo: str) -> list[str]:
    """What a trace's repository is known by, in lower case: ``owner/name``, the folder that an agent ran in, or both.

    ``owner/name`` is from the repository's name or address, else from an id like ``owner__name-12``. A folder counts
    beside it, as what ran in one folder is likely of one repository; where it is one of ``SHARED_FOLDERS``, only for
    want of another name.
    """
    named = repo.strip().removesuffix("/").removesuffix(".git").lower()
    if named and not is_folder(named):
        return [repository(named)]
    match = INSTANCE.fullmatch(PART.sub("", issue_key))
    names = [f"{match[1]}/{match[2]}".lower()] if match else []
    return [*names, named] if named and not (names and named in SHARED_FOLDERS) else names


def _issue(key: str) -> str:
    return f"issue:{PART.sub('', key)}"
