"""Files of a code review: the rating of each, and the mark that it was looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from annotation.schemes.base import MAX_KEY, Answers, ItemContext, Refused

FILE = "file:"
VIEWED = "viewed:"
# Files of longer names get no rating and no mark: their keys would be longer than a key may be.
LONGEST_PATH = MAX_KEY - len(VIEWED)


def clean_rating(path: str, value: Any, scale: list[int], ctx: ItemContext) -> int:
    """The rating of a file as it is kept. Raises Refused."""
    _check_path(path, ctx)
    if not isinstance(value, int) or isinstance(value, bool) or value not in scale:
        raise Refused(f"there is no rating {str(value)[:40]!r}")
    return value


def clean_mark(path: str, value: Any, ctx: ItemContext) -> bool:
    """The mark of a file as it is kept. Raises Refused."""
    _check_path(path, ctx)
    if value is not True:
        raise Refused("a file is viewed (true), or it is not: null takes the mark away")
    return True


def _check_path(path: str, ctx: ItemContext) -> None:
    if len(path) > LONGEST_PATH:
        raise Refused(f"a file with a name of more than {LONGEST_PATH} characters gets no rating and no mark")
    if path not in ctx.changes.paths:
        raise Refused(f"the run does not change a file {path[:200]!r}")


def ratings_in(answers: Answers) -> Iterator[tuple[str, int]]:
    """(path, rating) of every file that has one."""
    return ((key.removeprefix(FILE), value) for key, value in answers.items() if key.startswith(FILE))


def without_marks(answers: Answers) -> dict[str, Any]:
    """What its author says, without what they have looked at."""
    return {key: value for key, value in answers.items() if not key.startswith(VIEWED)}
