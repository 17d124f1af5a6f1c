"""What became of everything that an export read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """``left_out`` counts traces by reason, ``answers_left_out`` submissions,
    ``changed`` what was done to steps, ``labels`` the step labels that are in the file."""

    rows: int = 0
    # Of the rows, those that are in a file beside the main one only.
    only_beside: int = 0
    # Those that are in the main file.
    in_main: int = 0
    several: int = 0
    ties: int = 0
    traces: set[str] = field(default_factory=set)
    left_out: Counter[str] = field(default_factory=Counter)
    answers_left_out: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    labels: Counter[str | None] = field(default_factory=Counter)
    targets: Counter[bool | None] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    # Labels and outcomes of the rows, whatever the file holds of them.
    met_labels: set[str | None] = field(default_factory=set)
    # Label → the rewards that steps with it have.
    met_rewards: dict[str, set[float]] = field(default_factory=dict)
    met_outcomes: set[str] = field(default_factory=set)
