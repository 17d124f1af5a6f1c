"""Options that name what is not there: a misspelled name must not pass for a filter that found nothing to leave out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from annotation import queries
from exports.options import Options
from exports.rows import Asked, Tally


def without_effect(project: queries.Project, options: Options, asked: Asked, tally: Tally) -> Iterator[str]:
    """A sentence for each. ``tally``: of the rows that were read with these options."""
    people = queries.known_people(project, options.exclude_annotators)
    yield from _unknown("exclude_annotators", "nobody here is called", options.exclude_annotators, people)
    labels = {label.value for label in asked.reward.labels} if asked.reward else set()
    yield from _unknown("reward_values", "no label is called", options.reward_values, {*labels, *tally.labels})
    outcomes = {label.value for label in asked.outcome.labels} if asked.outcome else set()
    yield from _unknown("outcome", "no outcome is called", options.outcome, {*outcomes, *tally.outcomes})
    if options.traces is not None:
        unknown = len(options.traces) - queries.coverage(project, only=options.traces).known
        if unknown:
            yield f"traces: {unknown:,} of the {len(options.traces):,} ids are of no trace here"


def _unknown(option: str, sentence: str, names: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    unknown = sorted(set(names) - set(known))
    if unknown:
        there = f"; there are: {', '.join(sorted(known))}" if known else ""
        yield f"{option}: {sentence} {', '.join(map(repr, unknown[:5]))}{there}"
