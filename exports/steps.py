"""From merged labels to the steps a trainer gets: content, rewards, what is masked and what is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from exports.describe import cut
from exports.options import Options
from traces.document import step_text, step_texts

POSITIVE = 0.5


class UnknownReward(ValueError):
    """A label has no reward. ``str()`` names it."""


class _Judged(NamedTuple):
    """What a label of a step comes to. Steps mostly share one, as one object, and each is looked into once."""

    label: str | None
    reward: float | None
    source: str
    target: bool | None


_TARGET = attrgetter("target")


def exported_steps(
    document: Mapping[str, Any],
    reward: Mapping[str, Any],
    options: Options,
    tally: Counter[str],
    p_correct: Sequence[float | None] = (),
    *,
    texts: bool = True,
) -> tuple[list[dict[str, Any]], list[bool | None]]:
    """(steps, targets) of a document with the labels ``reward`` gives them. Raises UnknownReward.

    ``tally`` counts what was cut or masked; ``p_correct`` (one per step, or none at all) is written beside the label.
    ``texts``: False where nobody looks at more of a step than its label, reward and source. It has nothing else then,
    and the document is not looked at, unless texts are cut, which is counted.
    """
    labels, end = reward["steps"], _end(reward, options)
    if end < len(labels):
        tally["steps left out behind the first error"] += len(labels) - end
    taken = labels[:end]
    keys = list(map(id, taken))
    every = {key: _judged(label, options) for key, label in dict(zip(keys, taken, strict=True)).items()}
    judged = list(map(every.__getitem__, keys))
    targets = list(map(_TARGET, judged))
    first = reward["first_error_step"]
    if options.post_error == "mask" and first is not None:
        targets[first + 1 :] = [None] * (len(targets) - first - 1)
    masked = targets.count(None) and targets.count(None) - sum(one.reward is None for one in judged)
    if masked:
        tally["steps masked"] += masked
    if not texts and options.content == "full":
        bare = {
            key: {"label": one.label, "reward": one.reward, "label_source": one.source} for key, one in every.items()
        }
        return list(map(bare.__getitem__, keys)), targets
    turns = document.get("structured_turns") or []
    if len(turns) != len(labels):
        raise ValueError("labels of other steps than the document has")
    steps = [
        {
            "step_idx": place,
            "type": turn["type"],
            "content": text,
            "label": label,
            "reward": given,
            "label_source": source,
        }
        for place, (turn, text, (label, given, source, _)) in enumerate(
            zip(turns, _texts(turns[:end], options, tally), judged, strict=False)
        )
    ]
    if p_correct:
        for place, step in enumerate(steps):
            step["p_correct"] = p_correct[place]
    return steps, targets


def _end(reward: Mapping[str, Any], options: Options) -> int:
    """How many steps are taken."""
    first, every = reward["first_error_step"], len(reward["steps"])
    return every if options.post_error != "truncate" or first is None else min(first + 1, every)


def _judged(label: Mapping[str, Any], options: Options) -> _Judged:
    name, given = label["label"], reward_of(label, options)
    return _Judged(name, given, label["label_source"], target_of(name, given, options))


def _texts(turns: Sequence[dict[str, Any]], options: Options, tally: Counter[str]) -> list[str]:
    if options.content == "full":
        return step_texts(turns)
    return [content_of(turn, options, tally) for turn in turns]


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


def content_of(step: dict[str, Any], options: Options, tally: Counter[str]) -> str:
    """The step as text, its middle left out where it is longer than the limit asked for."""
    text = step_text(step)
    if options.content == "full" or len(text) <= options.content_limit:
        return text
    tally["steps with truncated content"] += 1
    return cut(text, options.content_limit)
