"""Python that OpenHands' agents ran to edit and read files: ``edit_file_by_replace("a.py", to_replace=…)``.

Versions of 2024 gave the agent functions in a notebook; early 2025 wrote its editor's calls as such code. One plain
call with constant arguments is what these are; other code stays code.
"""

from __future__ import annotations

import ast
import re
from typing import Any, NamedTuple

MAX_CODE = 1024 * 1024  # characters; a cell beyond this is no single call

# The names of the arguments, in order, of the functions we know.
_SKILLS: dict[str, tuple[str, ...]] = {
    "open_file": ("path", "line_number", "context_lines"),
    "goto_line": ("line_number",),
    "scroll_down": (),
    "scroll_up": (),
    "create_file": ("filename",),
    "edit_file_by_replace": ("file_name", "to_replace", "new_content"),
    "edit_file": ("file_name", "start", "end", "content"),
    "insert_content_at_line": ("file_name", "line_number", "content"),
    "append_file": ("file_name", "content"),
    "search_dir": ("search_term", "dir_path"),
    "search_file": ("search_term", "file_path"),
    "find_file": ("file_name", "dir_path"),
    "file_editor": ("command", "path"),
}
_NAMES = re.compile("|".join(_SKILLS))


class Skill(NamedTuple):
    """A call of one of the agent's functions, its arguments by name."""

    name: str
    arguments: dict[str, Any]


def read_skill(code: str) -> Skill | None:
    """The one call that ``code`` is, perhaps printed; None for any other code. Nothing is run. Never raises."""
    if len(code) > MAX_CODE or not _NAMES.search(code, 0, 200):
        return None
    try:
        body = ast.parse(code.strip()).body
        call = body[0].value if len(body) == 1 and isinstance(body[0], ast.Expr) else None
        if _name(call) == "print" and isinstance(call, ast.Call) and len(call.args) == 1:
            call = call.args[0]
        names = _SKILLS.get(_name(call))
        if names is None or not isinstance(call, ast.Call):
            return None
        given = dict(zip(names, map(_value, call.args), strict=False))
        for keyword in call.keywords:
            value = _value(keyword.value)
            given |= value if keyword.arg is None else {keyword.arg: value}
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return None
    return Skill(_name(call), given) if all(isinstance(key, str) for key in given) else None


def _value(node: ast.expr) -> Any:
    """What the constant expression is. Raises as ``ast.literal_eval``, which takes longer to see a text."""
    return node.value if isinstance(node, ast.Constant) else ast.literal_eval(node)


def _name(node: object) -> str:
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
