"""From merged labels to the steps a trainer gets: content, rewards, what is masked and what is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from exports.describe import cut
from exports.options import Options
from traces.document import step_text

POSITIVE = 0.5


class UnknownReward(ValueError):
    """A label has no reward. ``str()`` names it."""


def exported_steps(
    document: Mapping[str, Any],
    reward: Mapping[str, Any],
    options: Options,
    tally: Counter[str],
    p_correct: Sequence[float | None] = (),
) -> tuple[list[dict[str, Any]], list[bool | None]]:
    """(steps, targets) of a document with the labels ``reward`` gives them. Raises UnknownReward.

    ``tally`` counts what was cut or masked; ``p_correct`` (one per step, or none at all) is written beside the label.
    """
    steps: list[dict[str, Any]] = []
    targets: list[bool | None] = []
    first, taught = reward["first_error_step"], _Taught(options)
    judged = None if options.post_error == "keep" else first
    is_full = options.content == "full"
    # Steps in a row mostly share one label, as one object: it is looked into once.
    seen, name, source, given, taught_as = None, None, "", None, None
    for step, label in zip(document.get("structured_turns") or [], reward["steps"], strict=True):
        place = step["step_idx"]
        if label is not seen:
            seen, name, source = label, label["label"], label["label_source"]
            given, taught_as = taught[name, label["reward"]]
        target = taught_as
        if judged is not None and place > judged:
            if options.post_error == "truncate":
                tally["steps left out behind the first error"] += len(reward["steps"]) - place
                break
            target = None
        if target is None and given is not None:
            tally["steps masked"] += 1
        entry = {
            "step_idx": place,
            "type": step["type"],
            "content": step_text(step) if is_full else content_of(step, options, tally),
            "label": name,
            "reward": given,
            "label_source": source,
        }
        if p_correct:
            entry["p_correct"] = p_correct[place]
        steps.append(entry)
        targets.append(target)
    return steps, targets


class _Taught(dict[tuple[str | None, float | None], tuple[float | None, bool | None]]):
    """(label, its configured reward) → (reward, target), worked out once: of thousands of steps few labels differ."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.options = options

    def __missing__(self, label: tuple[str | None, float | None]) -> tuple[float | None, bool | None]:
        value = reward_of({"label": label[0], "reward": label[1]}, self.options)
        self[label] = value, target_of(label[0], value, self.options)
        return self[label]


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
