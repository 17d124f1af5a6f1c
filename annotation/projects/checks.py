"""What must hold between the schemes of a project: names, conditions, keyboard shortcuts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from annotation.projects.config import ProjectConfig
from annotation.projects.notes import Notebook
from annotation.schemes.base import Key, Refused, Scheme, ShowIf
from annotation.schemes.outcome import fully_resolved
from potato_site.safe_yaml import KeyPath

# The format that tells of every run whether it resolved its issue.
RESOLVES = "swe_bench"
# Keys of the labeling page itself.
PAGE_KEYS = {
    "z": "undo",
    "Z": "redo",
    "o": "open or close a step",
    "O": "open or close all steps",
    "g": "skip (g s)",
    "?": "the list of keys",
}
# Several schemes may share the key of such an action: it moves once, or is done for each of them.
SHARED = {"next_step", "previous_step", "next_unlabeled", "accept", "accept_all"}

Places = Mapping[int, Scheme]


class Unread(NamedTuple):
    """A scheme with mistakes of its own: what is known of it. ``waits_for``: the field of its condition, if any."""

    name: str
    waits_for: str


def check_schemes(places: Places, book: Notebook, unread: Mapping[int, Unread] | None = None) -> None:
    """Note what is wrong between schemes. ``places`` maps a scheme's index in the file to it.

    ``unread`` are those that have mistakes of their own: waiting for one of them is not another, while two of one name
    are, and waiting for one that there is not.
    """
    unread = unread or {}
    _names(
        {index: scheme.name for index, scheme in places.items()} | {at: one.name for at, one in unread.items()}, book
    )
    _fields(places, book, unread)
    _conditions(places, book)
    _shortcuts(places, book)


def _names(names: Mapping[int, str], book: Notebook) -> None:
    first: dict[str, int] = {}
    for index, name in sorted(names.items()):
        other = first.setdefault(name, index)
        if other != index:
            book.error(("annotation_schemes", index, "name"), f"scheme {other} is called {name!r} as well")


# --- show_if -----------------------------------------------------------------------------------------------


def _fields(places: Places, book: Notebook, unread: Mapping[int, Unread]) -> None:
    """Whoever waits for a scheme waits for another one that there is."""
    waiting = {at: Unread(one.name, one.show_if.field) for at, one in places.items() if one.show_if} | dict(unread)
    names = dict.fromkeys([*(one.name for one in places.values()), *(one.name for one in unread.values())])
    for index, one in waiting.items():
        others = [name for name in names if name != one.name]
        if one.waits_for and one.waits_for not in others:
            known = ", ".join(others) or "there is none"
            book.error(("annotation_schemes", index, "show_if", "field"), f"names no other scheme; known: {known}")


def _conditions(places: Places, book: Notebook) -> None:
    by_name = {scheme.name: scheme for scheme in places.values()}
    apart = any(scheme.is_about_a_trace for scheme in places.values())
    for index, scheme in places.items():
        other = by_name.get(scheme.show_if.field) if scheme.show_if else None
        if scheme.show_if is None or other is None or other is scheme:
            continue
        path: KeyPath = ("annotation_schemes", index, "show_if")
        if _goes_round(scheme, by_name):
            book.error((*path, "field"), "the schemes wait for each other in a circle")
        elif apart and scheme.unit != other.unit:
            asked = "single traces, this one of pairs" if scheme.unit == "pair" else "pairs, this one of single traces"
            book.error((*path, "field"), f"{other.name!r} is asked of {asked}: no item has both")
        else:
            _condition(scheme, other, path, book)


def _goes_round(scheme: Scheme, by_name: Mapping[str, Scheme]) -> bool:
    seen, at = {scheme.name}, by_name.get(scheme.show_if.field) if scheme.show_if else None
    while at is not None and at.show_if is not None:
        if at.name in seen:
            return at is scheme
        seen.add(at.name)
        at = by_name.get(at.show_if.field)
    return False


def _condition(scheme: Scheme, other: Scheme, path: KeyPath, book: Notebook) -> None:
    assert scheme.show_if is not None
    if scheme.show_if.condition == "has_error":
        if type(other).has_error is Scheme.has_error:
            book.error((*path, "condition"), f"{other.name!r} names no errors; use `condition: equals` with a value")
        return
    problem = _incomplete(scheme.show_if)
    if problem:
        book.error((*path, problem[0]), problem[1])
        return
    where: list[KeyPath] = [(*path, "value")] if scheme.show_if.value is not None else []
    where += [(*path, "values", place) for place in range(len(scheme.show_if.values))]
    for at, value in zip(where, scheme.show_if.wanted, strict=True):
        try:
            other.could_say(value)
        except Refused as refused:
            book.error(at, f"{other.name!r} never has this value: {refused}")


def _incomplete(condition: ShowIf) -> tuple[str, str] | None:
    """(key, what is wrong with it) of a condition that lacks what it needs."""
    needs = f"Field required with `condition: {condition.condition}`"
    if condition.condition == "in":
        return None if condition.values else ("values", needs)
    if condition.condition == "count":
        no_limit = condition.at_least is None and condition.at_most is None
        return ("at_least", f"{needs}, or at_most") if no_limit else None
    return None if condition.wanted else ("value", needs)


# --- keyboard ----------------------------------------------------------------------------------------------


def _shortcuts(places: Places, book: Notebook) -> None:
    """A key does one thing on the page. Traces and pairs have pages of their own where both are handed out."""
    taken: dict[tuple[str, str], tuple[int, Scheme, Key]] = {}
    apart = any(scheme.is_about_a_trace for scheme in places.values())
    for index, scheme, key in _keys(places):
        path: KeyPath = ("annotation_schemes", index)
        # "r 3" is two keys, one after the other: the first of them is theirs.
        first = key.key[:1] if re.fullmatch(r"\S \S", key.key) else key.key
        if len(first) != 1 or first.isspace():
            book.error(path, f"the shortcut of {_what(key)} must be one visible character")
            continue
        if first in PAGE_KEYS:
            book.error(path, f"the key {first!r} of {_what(key)} is taken by the page: {PAGE_KEYS[first]}")
            continue
        _, other, before = taken.setdefault((scheme.unit if apart else "", first), (index, scheme, key))
        same = before.action == key.action and (key.action in SHARED or (len(key.key) == 3 and other is scheme))
        if before is not key and not same:
            where = "" if other is scheme else f" in {other.name!r}"
            book.error(path, f"the key {key.key!r} of {_what(key)} is also the key of {_what(before)}{where}")


def _keys(places: Places) -> Iterator[tuple[int, Scheme, Key]]:
    for index, scheme in places.items():
        yield from ((index, scheme, key) for key in scheme.keys() if key.key)  # noqa: SIM118  a method, not a mapping


def _what(key: Key) -> str:
    return repr(key.text or key.value or key.action)


def warn_idle(places: Places, book: Notebook) -> None:
    """Warn of keys that are set and do nothing, as others stand."""
    for index, scheme in places.items():
        for path, why in scheme.idle_keys():
            book.warn(("annotation_schemes", index, *path), f"has no effect: {why}")


# --- exports -----------------------------------------------------------------------------------------------


def check_exports(config: ProjectConfig, book: Notebook) -> None:
    """Warn of a file that is kept current and will not say what it is for."""
    choices = [one for one in config.annotation_schemes if one.scope == "item" and one.merge == "choice"]
    if any(fully_resolved(choice.meanings()) for choice in choices):
        return
    reviews = [one for one in config.annotation_schemes if one.annotation_type == "code_review" and _can_approve(one)]
    for place, name in enumerate(config.output.export_formats):
        if name == RESOLVES:
            message = "will call no run resolved: no choice about the whole trace has the option “Fully Resolved”"
            for review in reviews[:1]:
                message += f"; with `--outcome_scheme {review.name}` an export takes its verdict for it"
            book.warn(("output", "export_formats", place), message)


def _can_approve(review: Scheme) -> bool:
    return any(verdict.reward == 1 for verdict in review.meanings())


# --- quality -----------------------------------------------------------------------------------------------


def check_recruitment(config: ProjectConfig, book: Notebook) -> None:
    """Warn of keys that do nothing, as nobody is let in from a platform."""
    found = config.recruitment
    if found.platform == "none":
        for key in sorted(found.model_fields_set & (set(type(found).model_fields) - {"platform"})):
            book.warn(("recruitment", key), "has no effect: recruitment.platform is none")
    elif found.screened_out_code and not config.quality_control.screening.enabled:
        book.warn(("recruitment", "screened_out_code"), "has no effect: nobody is screened")


def check_quality(config: ProjectConfig, book: Notebook) -> None:
    """Warn of rules that cannot do anything."""
    quality = config.quality_control
    path: KeyPath = ("quality_control", "inter_annotator_agreement")
    if not quality.inter_annotator_agreement and quality.overlap_percentage:
        book.warn(path, "is false, so nothing overlaps, whatever overlap_percentage says")
    is_asked = "inter_annotator_agreement" in quality.model_fields_set and quality.inter_annotator_agreement
    if is_asked and quality.overlap_percentage == 0:
        book.warn(path, "nothing overlaps (overlap_percentage is 0), so there is no agreement to compute")
    if quality.tie_breakers and not quality.overlap_share:
        book.warn(("quality_control", "tie_breakers"), "has no effect: nothing overlaps, so nothing is tied")
    screening = quality.screening
    if not screening.enabled:
        for key in sorted(screening.model_fields_set & (set(type(screening).model_fields) - {"enabled"})):
            if getattr(screening, key) != type(screening).model_fields[key].default:
                book.warn(("quality_control", "screening", key), "has no effect: screening is not enabled")
