"""From merged labels to the steps a trainer gets: content, rewards, what is masked and what is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from annotation.queries import aggregate
from exports.judged import Judged, Steps
from exports.options import Options

POSITIVE = 0.5


class UnknownReward(ValueError):
    """A label has no reward. ``str()`` names it."""


def exported_steps(
    document: Mapping[str, Any],
    reward: Mapping[str, Any],
    options: Options,
    tally: Counter[str],
    p_correct: Sequence[float | None] = (),
) -> tuple[Steps, list[bool | None]]:
    """(steps, targets) of a document with the labels ``reward`` gives them. Raises UnknownReward.

    ``tally`` counts what was left out or masked; ``p_correct`` (one per step, or none at all) is written beside the
    label. The document is not looked into.
    """
    labels, end = reward["steps"], _end(reward, options)
    if end < len(labels):
        tally["steps left out behind the first error"] += len(labels) - end
    judged = _each_judged(labels[:end], options)
    targets = [one.target for one in judged]
    first = reward["first_error_step"]
    if options.post_error == "mask" and first is not None:
        targets[first + 1 :] = [None] * (len(targets) - first - 1)
    masked = targets.count(None) and targets.count(None) - sum(one.reward is None for one in judged)
    if masked:
        tally["steps masked"] += masked
    limit = options.content_limit if options.content == "truncated" else None
    return Steps(document, judged, len(labels), p_correct, limit), targets


def _end(reward: Mapping[str, Any], options: Options) -> int:
    """How many steps are taken."""
    first, every = reward["first_error_step"], len(reward["steps"])
    return every if options.post_error != "truncate" or first is None else min(first + 1, every)


def _each_judged(labels: Sequence[Mapping[str, Any]], options: Options) -> list[Judged]:
    """Steps mostly share a label with the one before, as one object, and each object is looked into once."""
    every: dict[int, Judged] = {}
    found = []
    last = one = None
    for label in labels:
        if label is not last:
            last, one = label, every.get(id(label))
        if one is None:
            one = every[id(label)] = _judged(label, options)
        found.append(one)
    return found


def _judged(label: Mapping[str, Any], options: Options) -> Judged:
    name, given = label["label"], reward_of(label, options)
    return Judged(name, given, label["label_source"], target_of(name, given, options))


def revalued(answer: Mapping[str, Any], mode: str, options: Options) -> dict[str, Any]:
    """A person's answer about steps, with the rewards that the options give its labels. The first error is the first
    step worth 0 by them, and steps behind it have no label where it ends the labeling (``stop_at_first_error``); where
    it was marked itself (``first_error``) it stays."""
    values = options.reward_values
    made: dict[int, Mapping[str, Any]] = {}
    for step in answer["steps"]:
        # Equal entries are one object, before and after.
        if id(step) not in made:
            known = step["label"] in values
            made[id(step)] = {**step, "reward": float(values[step["label"]])} if known else step
    steps = [made[id(step)] for step in answer["steps"]]
    if mode == "first_error":
        return {**answer, "steps": steps}
    first = next((place for place, step in enumerate(steps) if step["reward"] == 0), None)
    if mode == "stop_at_first_error" and first is not None:
        steps[first + 1 :] = [aggregate.NO_LABEL] * (len(steps) - first - 1)
    is_whole = answer["all_correct"] or all(step["label"] is not None for step in steps)
    return {**answer, "first_error_step": first, "all_correct": first is None and is_whole, "steps": steps}


def is_all_correct(
    answer: Mapping[str, Any], document: Mapping[str, Any], asked: Callable[[], Collection[str]]
) -> bool:
    """Whether the steps of a document have no error, and none without a label but those nobody was asked about.

    ``asked()``: the types that somebody was asked about; empty: all. Only where they are some, and it matters, the
    document is looked into.
    """
    if answer["all_correct"] or answer["first_error_step"] is not None or not (types := asked()):
        return bool(answer["all_correct"])
    turns = document.get("structured_turns") or ()
    each = zip(answer["steps"], turns, strict=True)
    return all(step["label"] is not None or turn["type"] not in types for step, turn in each)


def reward_of(label: Mapping[str, Any], options: Options) -> float | None:
    """The reward of a step's label, 0 to 1; None for a step without a label. Raises UnknownReward.

    A float always: JSON written elsewhere prints 1.0 as 1, and readers that infer types then refuse 0.5.
    """
    if label["label"] is None:
        return None
    given = options.reward_values.get(label["label"], label["reward"])
    if given is None:
        raise UnknownReward(f"no reward is known for the label {label['label']!r}; give one with reward_values")
    return float(given)


def target_of(label: str | None, reward: float | None, options: Options) -> bool | None:
    """Whether a step is worth rewarding: a reward of 0.5 and more. Neutral steps are no errors unless asked."""
    if reward is None:
        return None
    if label == "neutral" and options.neutral != "positive":
        return None if options.neutral == "mask" else False
    return reward >= POSITIVE
