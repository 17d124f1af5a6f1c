"""Questions to the data that a database's constraints cannot answer: has somebody changed what must not change?

Each app asks its own in its ``audits.py``, with :func:`audit`. ``potato verify-audit`` asks them of the running
installation, a restore of what it has restored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

MAX_FINDINGS = 20

Check = Callable[["Audit"], Iterator[str]]
audits: dict[str, Check] = {}


@dataclass
class Audit:
    """One audit of the database ``using``: what it looked at, and the first findings."""

    name: str
    using: str
    looked_at: int = 0
    n_findings: int = 0
    findings: list[str] = field(default_factory=list)


def audit(name: str) -> Callable[[Check], Check]:
    """Decorator: the function yields a sentence for everything that is wrong, and counts ``looked_at``."""

    def add(check: Check) -> Check:
        audits[name] = check
        return check

    return add


def run_audits(using: str) -> list[Audit]:
    """All of them, inside the caller's transaction."""
    return [_run(Audit(name, using), check) for name, check in sorted(audits.items())]


def _run(asked: Audit, check: Check) -> Audit:
    for finding in check(asked):
        asked.n_findings += 1
        if len(asked.findings) < MAX_FINDINGS:
            asked.findings.append(finding)
    return asked
