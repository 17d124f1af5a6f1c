"""The tables of docs/converters.md that are made from what converters declare."""

from pathlib import Path

from tests.traces.converters.kept import as_sets
from traces.converters import converters

DOCS = Path(__file__).parent.parent.parent.parent / "docs" / "converters.md"
BEGIN, END = "<!-- made from the code: begin -->\n", "<!-- made from the code: end -->\n"


def table() -> str:
    """What every converter keeps, as Markdown."""
    rows = [(name, one.keeps) for name, one in converters.items() if one.keeps]
    lines = ["| Format | Of the run | Steps | Of the steps |", "|---|---|---|---|"]
    for name, keeps in rows:
        cells = [" ".join(f"`{word}`" for word in sorted(words)) for words in as_sets(keeps)]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def written(new: str | None = None) -> str:
    """The table in the page; ``new`` is put there first."""
    before, _, rest = DOCS.read_text().partition(BEGIN)
    old, _, after = rest.partition(END)
    if new is not None:
        DOCS.write_text(before + BEGIN + new + END + after)
    return old if new is None else new
