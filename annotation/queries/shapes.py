"""What exports get to read: shapes without a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple


class LabelMeaning(NamedTuple):
    """One value a question can be answered with. ``reward`` is that of a step label, and of a verdict that approves (1)
    or rejects (0); None for other choices."""

    value: str
    text: str
    description: str
    reward: float | None


@dataclass(frozen=True)
class Question:
    """One scheme as it was asked, or one part of its answers, a choice (``part``: its key in what is exported of them).
    ``mode`` is that of a process reward, else empty."""

    name: str
    type: str
    scope: str
    mode: str
    # How several people's answers become one (Scheme.merge).
    merge: str
    # A submission may leave steps without a label.
    has_gaps: bool
    labels: tuple[LabelMeaning, ...] = ()
    part: str = ""
    # The types of the steps that it is asked of; empty: all.
    step_types: frozenset[str] = frozenset()


class Labels(NamedTuple):
    """What one person submitted about one trace."""

    annotator: str
    started_at: datetime | None
    submitted_at: datetime
    active_seconds: float
    flags: tuple[str, ...]
    purpose: str
    # The schemes of the revision the person answered, by name.
    questions: dict[str, Question]
    # Scheme name → exported JSON value; None where it was not answered.
    values: Mapping[str, Any]
    # Scheme name → the frozen answer map.
    raw: dict[str, Any]


class LabeledTrace(NamedTuple):
    """A trace in the version that was labeled, with everything said about it, in order of submission."""

    trace_id: str
    issue_id: str
    issue_key: str
    instance_id: str
    version_id: int
    document: Mapping[str, Any]
    submissions: list[Labels]


@dataclass(frozen=True)
class LabeledPair:
    """Two traces that were compared, in the versions that were shown; answers name the sides ``a`` and ``b``."""

    a: LabeledTrace
    b: LabeledTrace
    submissions: list[Labels]


@dataclass(frozen=True)
class Coverage:
    """How many traces a project has, and how many of them an export cannot hold yet; the same of comparisons."""

    items: int
    labeled: int
    withdrawn: int
    pairs: int = 0
    compared: int = 0

    @property
    def known(self) -> int:
        """All traces, withdrawn or not."""
        return self.items + self.withdrawn


class Changed(NamedTuple):
    """A trace (or a pair of two) of which other labels count than at an earlier moment.

    ``version_id``: of the (first) trace. ``had_labels``: somebody had submitted something about it by then.
    """

    trace_id: str
    # "" of a single trace.
    trace_id_b: str
    issue_key: str
    version_id: int
    had_labels: bool


class LastLabels(NamedTuple):
    """When a person last submitted to a project."""

    user_id: int
    username: str
    submitted_at: datetime


class Delivering(NamedTuple):
    """A project with a folder for deliverables, and its change counter."""

    project_id: int
    seq: int
    output_path: str
    # Formats that are to be kept current in it.
    export_formats: tuple[str, ...] = ()
    # Form of the annotators' own files: jsonl or json.
    form: str = "jsonl"
    # Whether traces are compared.
    compares: bool = False
