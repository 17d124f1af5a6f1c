"""Options that did nothing: a misspelled name must not pass for a filter that found nothing to leave out, nor an option
that the format has no use for be taken for one that worked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from annotation import queries
from exports.asked import Asked
from exports.comparisons import COMPARISON
from exports.formats import Format
from exports.options import Options
from exports.tally import Tally
from potato_site.counts import plural

PAIR_OPTIONS = ("pair_source", "pairs_per_issue", "min_margin")
PROMPT_OPTIONS = ("prompt_limit",)
# Whatever they say of traces, those that people compared stay.
REWARD_PAIR_OPTIONS = ("min_margin", "min_agreement", "outcome", "outcome_scheme", "dedupe", "ties=drop")
# Of no use where steps have no labels.
LABEL_OPTIONS = ("scheme", "ties", "reward_values", "post_error", "soft_labels")
# Of no use where nobody's labels are merged.
MERGE_OPTIONS = ("ties", "min_agreement")
USUAL = Options()
# What an option comes to where a format ignores it: a benchmark has every attempt, and who asks for what people said
# gets all of it.
IGNORED = Options(dedupe=False)
NO_OUTCOME = "no outcome is called"


def pairs_rewards(options: Options, asked: Asked) -> bool:
    """Whether pairs are made of process rewards."""
    return options.pair_source != "pairwise" and asked.reward is not None


def in_effect(options: Options, writer: Format) -> Options:
    """What the format has a use for. The others do nothing, so that no count tells of something they did."""
    return options.model_copy(update={name: getattr(IGNORED, name) for name in _ignored(options, writer)})


def without_effect(
    project: queries.Project, options: Options, asked: Asked, tally: Tally, writer: Format
) -> Iterator[str]:
    """A sentence for each. ``tally``: of the rows that were read with these options."""
    yield from _idle(options, asked, writer)
    people = queries.known_people(project, options.exclude_annotators)
    yield from _unknown("exclude_annotators", "nobody here is called", options.exclude_annotators, people)
    labels = {label.value for label in asked.reward.labels} if asked.reward else set()
    yield from _unknown(
        "reward_values", "no label is called", options.reward_values, {*labels, *filter(None, tally.met_labels)}
    )
    outcomes = {label.value for label in asked.outcome.labels} if asked.outcome else set()
    yield from _unknown("outcome", NO_OUTCOME, options.outcome, outcomes | tally.met_outcomes)
    if options.traces is not None:
        unknown = len(options.traces) - queries.coverage(project, only=options.traces).known
        if unknown:
            are = "is" if unknown == 1 else "are"
            yield f"traces: {unknown:,} of {plural(len(options.traces), 'id')} {are} of no trace here"


def no_pairs(options: Options, asked: Asked, writer: Format) -> str:
    """Why no pair can come, as the project asks today; "" where one can."""
    if writer.takes != "pairs" or pairs_rewards(options, asked):
        return ""
    if options.pair_source != "prm" and any(question.type == COMPARISON for question in asked.others):
        return ""
    missing = {"all": "neither a process_reward nor a pairwise", "prm": "no process_reward", "pairwise": "no pairwise"}
    return f"there is nothing to make pairs of: the project has {missing[options.pair_source]} scheme"


def lets_none_in(sentence: str) -> bool:
    """Whether a sentence of ``without_effect`` is of an outcome that is not there: no trace came in by it, which may
    leave the file empty."""
    return sentence.startswith(f"outcome: {NO_OUTCOME}")


def _idle(options: Options, asked: Asked, writer: Format) -> Iterator[str]:
    """Options that are not the usual ones and change nothing of what this format writes."""
    told = dict.fromkeys(_ignored(options, writer), "it changes nothing of this format")
    merged = options.aggregation != "per_annotator"
    decides = merged and (options.ties == "drop" or options.min_agreement)
    if writer.is_raw and not (decides or options.suggested == "drop"):
        told["scheme"] = "it changes nothing of this format"
    for name in _unpaired(options, asked, writer):
        told.setdefault(name, "it is for process rewards, and no pair is made of them")
    for name in MERGE_OPTIONS if not merged else ():
        told.setdefault(name, "with a row for every annotator there are no ties and no agreement")
    for name, sentence in told.items():
        if _is_own(options, name):
            yield f"{name}: {sentence}"
    if options.content == USUAL.content and _is_own(options, "content_limit"):
        yield "content_limit: steps are cut where content is truncated, and it is not"
    for name in ("split_by", "split_seed"):
        if _is_own(options, name) and not in_effect(options, writer).has_splits:
            yield f"{name}: no share of the traces goes into another split"


def _unpaired(options: Options, asked: Asked, writer: Format) -> list[str]:
    """What does nothing where all pairs are comparisons."""
    if writer.takes != "pairs" or pairs_rewards(options, asked):
        return []
    has_labels = writer.step_labels and asked.reward is not None
    return _given([*REWARD_PAIR_OPTIONS, *(() if has_labels else LABEL_OPTIONS)], options)


def _given(names: Iterable[str], options: Options) -> list[str]:
    """Without those that name another value than was given."""
    parts = (one.partition("=") for one in names)
    return [name for name, equals, value in parts if not equals or getattr(options, name) == value]


def _ignored(options: Options, writer: Format) -> list[str]:
    """The names of what the format ignores, of single values where one of these was given."""
    names = _given(writer.ignores, options)
    # Whose outcome it is says nothing there, and its ties are none of the row.
    names += () if writer.tells_outcome or options.outcome else ("outcome_scheme",)
    names += () if writer.takes == "pairs" else PAIR_OPTIONS
    names += () if writer.prompts_grow else PROMPT_OPTIONS
    # A share of votes holds those for a neutral step, wherever it is written.
    return [one for one in names if one != "neutral" or not options.soft_labels or "soft_labels" in names]


def _is_own(options: Options, name: str) -> bool:
    return bool(getattr(options, name) != getattr(USUAL, name))


def _unknown(option: str, sentence: str, names: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    unknown = sorted(set(names) - set(known))
    if unknown:
        there = f"; there are: {', '.join(sorted(known))}" if known else ""
        yield f"{option}: {sentence} {', '.join(map(repr, unknown[:5]))}{there}"
