"""Which questions an annotator sees, given the answers so far. The page mirrors these rules; the server decides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from annotation.schemes.base import Answers, ItemContext, Scheme, ShowIf


def asked(
    schemes: Iterable[Scheme], answers: Mapping[str, Mapping[str, Any]], ctx: ItemContext
) -> dict[str, ItemContext]:
    """Name of every scheme to show → the item as it is asked about it: a condition may leave some steps only.

    A scheme that depends on a hidden one is hidden as well. ``answers`` maps scheme name to its answer map; the
    configuration has checked that conditions form no circle.
    """
    by_name = {scheme.name: scheme for scheme in schemes}
    known: dict[str, ItemContext | None] = {}

    def shown(name: str) -> ItemContext | None:
        if name not in known:
            condition = by_name[name].show_if
            known[name] = ctx if condition is None else narrowed(by_name[name], condition)
        return known[name]

    def narrowed(scheme: Scheme, condition: ShowIf) -> ItemContext | None:
        other = by_name.get(condition.field)
        about = shown(other.name) if other else None
        if other is None or about is None:
            return None
        given = other.final(answers.get(other.name) or {}, about)
        if not is_per_step(scheme, other):
            return ctx if _holds(condition, other, given, about) else None
        steps = _steps_that_meet(condition, other, given, about)
        return replace(ctx, asked=steps) if scheme.steps(replace(ctx, asked=steps)) else None

    found = {name: shown(name) for name in by_name}
    return {name: about for name, about in found.items() if about is not None}


def is_per_step(scheme: Scheme, other: Scheme) -> bool:
    """Whether a condition of ``scheme`` on ``other`` is judged step by step."""
    return scheme.waits_per_step and scheme.scope == other.scope == "step"


def for_page(schemes: Iterable[Scheme]) -> dict[str, dict[str, Any]]:
    """The conditions as the page's script and API clients need them: scheme name → condition."""
    by_name = {scheme.name: scheme for scheme in schemes}
    return {
        name: {
            **scheme.show_if.model_dump(include={"field", "condition", "value", "at_least", "at_most"}),
            "values": scheme.show_if.wanted,
            "per_step": is_per_step(scheme, by_name[scheme.show_if.field]),
        }
        for name, scheme in by_name.items()
        if scheme.show_if and scheme.show_if.field in by_name
    }


def _holds(condition: ShowIf, other: Scheme, given: Answers, ctx: ItemContext) -> bool:
    if condition.condition == "has_error":
        return other.has_error(given, ctx)
    return _met(condition, [value for values in other.said(given, ctx).values() for value in values])


def _steps_that_meet(condition: ShowIf, other: Scheme, given: Answers, ctx: ItemContext) -> frozenset[int]:
    if condition.condition == "has_error":
        return frozenset(other.errors(given, ctx)) & frozenset(other.steps(ctx))
    said = other.said(given, ctx)
    return frozenset(step for step in other.steps(ctx) if _met(condition, said.get(str(step), [])))


def _met(condition: ShowIf, values: list[Any]) -> bool:
    wanted = condition.wanted
    if condition.condition == "count":
        count = sum(_is_one_of(value, wanted) for value in values) if wanted else len(values)
        return (condition.at_least or 0) <= count and (condition.at_most is None or count <= condition.at_most)
    hits = [value for value in values if _is_one_of(value, wanted)]
    return bool(values) and not hits if condition.condition == "not" else bool(hits)


def _is_one_of(value: Any, wanted: list[Any]) -> bool:
    # True equals 1 in Python; nowhere else.
    return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in wanted)
