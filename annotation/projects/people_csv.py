"""Lists of people as CSV: names, addresses and roles in; links out, safe for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from annotation.models import Membership
from annotation.projects.invitations import Entry

COLUMNS = ("username", "email", "role")
OTHER_NAMES = {"name": "username", "user": "username", "user name": "username", "mail": "email", "e-mail": "email"}
MAX_LINES = 500
MAX_CHARACTERS = 200_000
# A spreadsheet takes a cell that begins so for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class Unreadable(Exception):
    """The whole list cannot be used. ``str()`` is a sentence for the manager."""


def read(text: str, default_role: str = Membership.Role.ANNOTATOR) -> list[Entry]:
    """The people of a list, each with its line: ``username,email,role``, the first line may name the columns.

    Commas, semicolons or tabs. What is missing stays empty, a missing role is ``default_role``; what is wrong with an
    entry is found by ``invitations.plan``. Raises Unreadable.
    """
    if len(text) > MAX_CHARACTERS:
        raise Unreadable(f"The list is longer than {MAX_CHARACTERS:,} characters.")
    text = text.removeprefix("\ufeff").replace("\x00", "\ufffd")
    rows = _rows(text)
    columns: Sequence[str] = COLUMNS
    if rows and (named := _header(rows[0][1])):
        columns, rows = named, rows[1:]
    if len(rows) > MAX_LINES:
        raise Unreadable(f"The list has {len(rows):,} people; at most {MAX_LINES} fit in one. Split it.")
    return [_entry(line, cells, columns, default_role) for line, cells in rows]


def decoded(data: bytes) -> str:
    """The text of an uploaded file. Raises Unreadable."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("The file is no UTF-8 text. Save it as CSV (UTF-8).") from None


def write(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """CSV that a spreadsheet shows as the text it is."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([f"'{cell}" if cell.startswith(FORMULA) else cell for cell in row] for row in rows)
    return out.getvalue()


def _rows(text: str) -> list[tuple[int, list[str]]]:
    """(line, cells) of every line that is not blank."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    found = []
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                found.append((reader.line_num, stripped))
    except csv.Error as error:
        raise Unreadable(f"Line {reader.line_num} cannot be read as CSV: {error}.") from None
    return found


def _header(cells: list[str]) -> list[str]:
    """The columns that a first line names; empty when it is a person."""
    names = [OTHER_NAMES.get(cell.casefold(), cell.casefold()) for cell in cells]
    return names if "username" in names or names[0] in COLUMNS else []


def _entry(line: int, cells: list[str], columns: Sequence[str], default_role: str) -> Entry:
    values = dict(zip(columns, cells, strict=False))
    role = values.get("role", "").casefold() or default_role
    return Entry(values.get("username", ""), values.get("email", ""), role, line)
