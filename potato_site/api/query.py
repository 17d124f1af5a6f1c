"""The query string: an allow-list of names, each read to one type. Nothing of it ever becomes a look-up by itself."""

from __future__ import annotations

from rest_framework.request import Request

from potato_site.api.problems import Problem

MAX_TEXT = 300
PAGING = ("after", "limit")
FLAGS = {"true": True, "false": False}


def only(request: Request, *names: str, paged: bool = False) -> None:
    """Refuse a parameter that is none of these: a misspelt filter must not look like one that found everything."""
    known = {*names, *(PAGING if paged else ())}
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        said = f"known: {', '.join(sorted(known))}" if known else "there are none here"
        raise Problem("malformed", f"There is no parameter {unknown[0][:60]!r}; {said}.")


def text(request: Request, name: str) -> str | None:
    """A text, None where it is not given."""
    value = request.query_params.get(name)
    if value is not None and len(value) > MAX_TEXT:
        raise Problem("malformed", f"{name} must be text of at most {MAX_TEXT} characters.")
    return value


def flag(request: Request, name: str) -> bool | None:
    """``true`` or ``false``, None where it is not given."""
    value = request.query_params.get(name)
    if value is not None and value not in FLAGS:
        raise Problem("malformed", f"{name} must be true or false.")
    return None if value is None else FLAGS[value]


def choice(request: Request, name: str, allowed: tuple[str, ...]) -> str | None:
    value = request.query_params.get(name)
    if value is not None and value not in allowed:
        raise Problem("malformed", f"{name} must be one of {', '.join(allowed)}.")
    return value
