"""What agents' to-do tools are given and say, as entries with a state: every agent names their parts otherwise."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from traces.markup import text_of

# A longer plan is shown like any other input.
MAX_ENTRIES = 200
_TEXTS = ("content", "step", "subject", "title", "description", "text")
# activeForm is the same sentence in another tense, an id a name for programs.
_HIDDEN = frozenset({"activeForm", "id"})
_SAID = frozenset({*_TEXTS, "status", "completed", "priority", "notes"})
_DONE = frozenset({"completed", "done"})
_LISTED = re.compile(r"(#\d{1,9}) \[([a-z_]{1,30})\] (.+)")


class Entry(NamedTuple):
    """``state`` is in words. ``more`` is what an entry says besides: its priority, notes."""

    text: str
    state: str
    more: str = ""

    @property
    def is_done(self) -> bool:
        return self.state in _DONE


class ToDos(NamedTuple):
    """The entries of a list, or the one of a call about one, and what was given beside, under its names."""

    entries: list[Entry]
    rest: dict[str, Any]
    is_list: bool = True


def read_plan(value: Any) -> ToDos | None:
    """The entries of an input; None where it is no such list, or something would be lost by showing it as one."""
    if not isinstance(value, dict):
        entries = _entries(value)
        return ToDos(entries, {}) if entries else None
    lists = {key: entries for key, one in value.items() if (entries := _entries(one))}
    if len(lists) != 1:
        return _single(value) if not lists else None
    ((name, entries),) = lists.items()
    return ToDos(entries, {key: one for key, one in value.items() if key != name})


def read_listing(output: str) -> list[Entry] | None:
    """The entries of a list that a tool printed, a line each: ``#1 [pending] Read``."""
    lines = [line for line in output.splitlines() if line.strip()]
    if not 0 < len(lines) <= MAX_ENTRIES:
        return None
    found = [match for line in lines if (match := _LISTED.fullmatch(line))]
    entries = [Entry(f"{match[1]} {match[3]}", _words(match[2])) for match in found]
    return entries if len(entries) == len(lines) else None


def _entries(value: Any) -> list[Entry] | None:
    if not (isinstance(value, list) and 0 < len(value) <= MAX_ENTRIES):
        return None
    entries = [_entry(one) for one in value]
    return [entry for entry in entries if entry] if all(entries) else None


def _entry(one: Any) -> Entry | None:
    if not isinstance(one, dict) or not set(one) <= _SAID | _HIDDEN:
        return None
    if isinstance(one.get("completed"), bool):
        one = {"status": "completed" if one["completed"] else "pending"} | one
    if "status" not in one:
        return None
    said = [key for key in _TEXTS if key in one]
    if not said:
        return None
    more = [text_of(one[key]) for key in (*said[1:], "notes") if one.get(key)]
    if one.get("priority"):
        more.insert(0, f"{text_of(one['priority'])} priority")
    return Entry(text_of(one[said[0]]), _words(text_of(one["status"])), " · ".join(more))


def _single(value: dict[str, Any]) -> ToDos | None:
    """A task that is made, or one of which something is changed: Claude Code has a call for each."""
    if set(value) <= {"subject", "description", "activeForm"} and value.get("subject"):
        rest = {key: value[key] for key in ("description",) if value.get(key)}
        return ToDos([Entry(text_of(value["subject"]), "new")], rest, is_list=False)
    if {"taskId", "status"} <= set(value):
        rest = {key: one for key, one in value.items() if key not in ("taskId", "status")}
        return ToDos([Entry(f"#{text_of(value['taskId'])}", _words(text_of(value["status"])))], rest, is_list=False)
    return None


def _words(state: str) -> str:
    return state.replace("_", " ")
