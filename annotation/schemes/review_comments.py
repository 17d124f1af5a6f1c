"""Comments of a code review, on lines or on a file: what is kept of one, where it stands, what is exported."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

from annotation.schemes.base import Answers, ItemContext, Refused, text_of
from traces.changes import NoSuchLines

COMMENT = re.compile(r"comment:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# None in the anchor of a comment on a whole file.
OF_LINES = ("side", "start_line", "end_line", "quote_sha")
ANCHOR = {"step", "file", *OF_LINES}
MAX_LINE = 10**9
# Comments of one person on one item.
MAX_COMMENTS = 500


def clean_comment(value: Any, categories: list[str], ctx: ItemContext) -> dict[str, Any]:
    """A comment as it is kept. Raises Refused."""
    if not isinstance(value, dict):
        raise Refused("a comment must be an object")
    clean: dict[str, Any] = {"anchor": _anchor(value.get("anchor"), ctx)}
    for key in ("text", "draft"):
        if value.get(key) is not None:
            clean[key] = text_of(value[key], "the comment")
            if not clean[key].strip():
                raise Refused("a comment needs a text")
    if not {"text", "draft"} & set(clean):
        raise Refused("a comment needs a text")
    category = value.get("category")
    if category is not None:
        if category not in categories:
            raise Refused(f"there is no category {str(category)[:40]!r}")
        clean["category"] = category
    if value.get("resolved") is True:
        clean["resolved"] = True
    return clean


def check_count(before: Answers, after: Answers) -> None:
    """Raises Refused for one comment more than there may be."""
    n_before, n_after = (sum(key.startswith("comment:") for key in answers) for answers in (before, after))
    if n_after > max(n_before, MAX_COMMENTS):
        raise Refused(f"there are {MAX_COMMENTS} comments already, as many as one review takes: delete one first")


def saved_comments(answers: Answers) -> Iterator[tuple[str, dict[str, Any]]]:
    """(id, comment) of those with a saved text, in the order of steps and lines."""
    return ((key, one) for key, one in comments_in(answers) if "text" in one)


def place_of(anchor: dict[str, Any]) -> str:
    """Where a comment stands, in words."""
    if anchor["side"] is None:
        return str(anchor["file"])
    start, end = anchor["start_line"], anchor["end_line"]
    lines = f"line {start}" if start == end else f"lines {start}–{end}"
    return f"{lines} of {anchor['file']}" + ("" if anchor["side"] == "new" else " (before)")


def comments_in(answers: Answers) -> Iterator[tuple[str, dict[str, Any]]]:
    """(id, comment) of all, drafts too, in the order of steps and lines; those on a file stand before its lines."""
    found = [(key.removeprefix("comment:"), one) for key, one in answers.items() if key.startswith("comment:")]

    def place(pair: tuple[str, dict[str, Any]]) -> tuple[Any, ...]:
        anchor = pair[1]["anchor"]
        step = anchor["step"]
        lines = (anchor["end_line"] or 0, anchor["start_line"] or 0)
        return step is None, step or 0, anchor["file"], *lines, pair[0]

    return iter(sorted(found, key=place))


def _anchor(value: Any, ctx: ItemContext) -> dict[str, Any]:
    """The anchor with the digest of the lines it names; of a whole file side, lines and digest are None. Raises Refused
    where there are no such lines or files."""
    if not isinstance(value, dict) or not set(value) <= ANCHOR:
        raise Refused("a comment needs an anchor: step, file, side, start_line, end_line")
    step, file, side = value.get("step"), value.get("file"), value.get("side")
    if step is not None:
        if not isinstance(step, int) or isinstance(step, bool):
            raise Refused("a comment needs the number of a step")
        ctx.step_of(str(step))
    if isinstance(file, str) and all(value.get(key) is None for key in OF_LINES):
        if not ctx.changes.has(step, file):
            raise Refused(f"{_change_of(step)} has no file {file[:200]!r}")
        return {"step": step, "file": file, **dict.fromkeys(OF_LINES)}
    if not isinstance(file, str) or side not in ("old", "new"):
        raise Refused("a comment needs a file and a side: old or new")
    start, end = _line(value.get("start_line")), _line(value.get("end_line"))
    if start > end:
        raise Refused("the last line of a comment is before its first")
    try:
        quotes = ctx.changes.quote(step, file, side, start, end)
    except NoSuchLines as problem:
        raise Refused(str(problem)) from None
    digests = [digest_of(quote) for quote in quotes]
    quoted = value.get("quote_sha") or digests[0]
    if quoted not in digests:
        raise Refused("the lines are not those that were commented on")
    return {"step": step, "file": file, "side": side, "start_line": start, "end_line": end, "quote_sha": quoted}


def _change_of(step: int | None) -> str:
    return "the run's change" if step is None else f"the change of step {step}"


def _line(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_LINE:
        raise Refused("a comment needs the numbers of its lines")
    return value


def digest_of(quote: str) -> str:
    """What ``quote_sha`` is: the SHA-256 of the lines' text, in UTF-8, their line breaks ``\\n``."""
    return hashlib.sha256(quote.encode()).hexdigest()


def exported(comment_id: str, comment: dict[str, Any], ctx: ItemContext) -> dict[str, Any]:
    """A comment with the text of its lines; of one on a whole file that is None, as its side and its lines are."""
    anchor = comment["anchor"]
    places = (anchor["step"], anchor["file"], anchor["side"], anchor["start_line"], anchor["end_line"])
    try:
        quotes = [] if anchor["side"] is None else ctx.changes.quote(*places)
    except NoSuchLines:
        # Another program version reads the trace differently: the comment stays, without its lines.
        quotes = []
    code = next((quote for quote in quotes if digest_of(quote) == anchor["quote_sha"]), None)
    return {
        "id": comment_id,
        **anchor,
        "code": code,
        "category": comment.get("category"),
        "text": comment["text"],
        "resolved": comment.get("resolved", False),
    }
