"""Parts of the commissioned documents that are not built yet: each is a named warning, never a crash.

A row goes when its part arrives; a scheme type disappears from here by being registered.
"""

from __future__ import annotations

from typing import Any

from annotation.projects.notes import Notebook, did_you_mean
from potato_site.safe_yaml import KeyPath

SCHEME_TYPES = (
    "best_worst",
    "comparison",
    "multirate",
    "ranking",
    "span",
)

# Key → (the values that work today; what happens instead of another one).
KEYS: dict[KeyPath, tuple[tuple[str, ...], str]] = {
    ("data", "source"): (("local",), "files are read from input_path"),
    ("data", "data_format"): (("coding_trace",), "files are read as coding_trace"),
    ("output", "format"): (("jsonl", "json"), "answers are written as JSON Lines (annotations.jsonl)"),
}


def leave_out(value: dict[str, Any], book: Notebook) -> None:
    """Take from ``value`` what has no effect yet, with a warning each. Wrong types stay, to be reported as such."""
    for path, (working, instead) in KEYS.items():
        parent = value if len(path) == 1 else value.get(str(path[0]))
        key = str(path[-1])
        if not isinstance(parent, dict) or key not in parent:
            continue
        found = parent[key]
        if not isinstance(found, str) or found in working:
            continue
        del parent[key]
        # What is nearly one of today's is a slip.
        if hint := did_you_mean(found, working):
            book.warn(path, f"there is no {found!r}{hint}; ignored: {instead}", "unknown")
        else:
            book.warn(path, f"{found!r} comes later; ignored: {instead}", "later")


def without_conditions_on_left_out(raw: list[Any], known: set[str], book: Notebook) -> list[Any]:
    """The schemes, those that would wait for one that comes later now shown always, with a warning each."""
    types = set(SCHEME_TYPES) - known
    gone = {
        _text(item.get("name"))
        for item in raw
        if isinstance(item, dict) and _text(item.get("annotation_type")) in types
    } - {""}
    return [_unconditional(item, ("annotation_schemes", index), gone, book) for index, item in enumerate(raw)]


def _unconditional(item: Any, path: KeyPath, gone: set[str], book: Notebook) -> Any:
    condition = item.get("show_if") if isinstance(item, dict) else None
    if not isinstance(condition, dict) or _text(condition.get("field")) not in gone or _text(item.get("name")) in gone:
        return item
    book.warn(
        (*path, "show_if"), f"waits for {condition['field']!r}, which comes later; this scheme is always shown", "later"
    )
    return {key: value for key, value in item.items() if key != "show_if"}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
