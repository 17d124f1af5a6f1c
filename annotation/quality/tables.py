"""Tables for people who read them on a terminal, in a file or in a pipe."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.management.base import OutputWrapper
from rich.console import Console
from rich.table import Table
from rich.text import Text


def show(out: OutputWrapper, headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a table: drawn on a terminal, columns of plain text elsewhere. Numbers stand to the right."""
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    numeric = [all(isinstance(row[column], (int, float)) for row in rows) for column in range(len(headers))]
    if out.isatty():
        _draw(out, headers, cells, numeric)
    else:
        for line in _plain(headers, cells, numeric):
            out.write(line)


def _draw(out: OutputWrapper, headers: Sequence[str], cells: list[list[str]], numeric: list[bool]) -> None:
    table = Table(header_style="bold")
    for header, right in zip(headers, numeric, strict=True):
        table.add_column(header, justify="right" if right else "left")
    for row in cells:
        table.add_row(*map(Text, row))
    console = Console()
    with console.capture() as capture:
        console.print(table)
    out.write(capture.get().rstrip("\n"))


def _plain(headers: Sequence[str], cells: list[list[str]], numeric: list[bool]) -> list[str]:
    lines = [list(headers), *cells]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    return ["  ".join(_align(*cell) for cell in zip(line, widths, numeric, strict=True)).rstrip() for line in lines]


def _align(cell: str, width: int, right: bool) -> str:
    return cell.rjust(width) if right else cell.ljust(width)
