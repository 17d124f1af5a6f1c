"""What the commands that move data show while they work and when they are done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from django.core.management.base import OutputWrapper
from rich.console import Console

from potato_site.operations.audits import Audit


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """A function that shows what is being worked on: where a person watches, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with Console(stderr=True).status("…") as status:
        yield lambda what: status.update(what)


def show(out: OutputWrapper, headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A plain table, numbers to the right."""
    cells = [list(headers), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(headers))]
    for row in cells:
        parts = (
            cell.rjust(width) if cell.isdecimal() else cell.ljust(width)
            for cell, width in zip(row, widths, strict=True)
        )
        out.write("  ".join(parts).rstrip())


def show_audits(out: OutputWrapper, err: OutputWrapper, audits: Iterable[Audit]) -> int:
    """Says what was audited and what was found. Returns the number of findings."""
    found = 0
    for audit in audits:
        found += audit.n_findings
        out.write(f"{audit.name}: {audit.looked_at} checked, {audit.n_findings or 'nothing'} wrong")
        for finding in audit.findings:
            err.write(f"error: {audit.name}: {finding}")
        if audit.n_findings > len(audit.findings):
            err.write(f"error: {audit.name}: and {audit.n_findings - len(audit.findings)} more")
    return found
