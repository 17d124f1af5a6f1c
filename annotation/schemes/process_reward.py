"""Process reward labels: was each step of the run right?

Three modes. ``first_error``: the annotator marks the first wrong step; every step before it is correct, it and every
later one incorrect. ``per_step``: every step gets a label of its own. ``stop_at_first_error``: every step up to the
first one with a wrong label, as in PRM800K; those behind it have none. Rewards on the unit scale (docs/exports.md):
correct 1, partially correct and neutral 0.5, incorrect 0. A label is wrong when its reward is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from annotation.schemes import schemes, suggestions
from annotation.schemes.base import (
    Answers,
    Habit,
    ItemContext,
    Key,
    LabelStyle,
    Meaning,
    Measure,
    Missing,
    Refused,
    Sample,
    Suggested,
    Told,
    text_of,
)
from annotation.schemes.labels import DEFAULT_COLORS, DEFAULT_REWARDS, Label, StepNavigation
from annotation.schemes.scoped import OfSteps

ORIGINS = {"human", "ai", "ai_changed"}
SOURCES = {"ai": " (as suggested)", "ai_changed": " (suggestion changed)"}
MAX_LABELS = 50
# First errors of so many steps' distance are no slip of the hand.
FAR_APART = 3
STOP = "stop_at_first_error"


# It neither helps nor hurts: no place between right and wrong.
NEUTRAL = "neutral"
# Mode → keys that do nothing in it.
_OF_THE_MARK = frozenset({"allow_all_correct", "allow_all_incorrect", "highlight_clicked_step", "auto_scroll_on_click"})
IDLE_KEYS = {
    "first_error": frozenset({"require_all_steps", "show_progress_bar"}),
    "per_step": _OF_THE_MARK,
    STOP: _OF_THE_MARK | {"require_all_steps"},
}


class _Entries(dict[tuple[str | None, str], dict[str, Any]]):
    """(label, source) → what an export says of a step that was labeled so."""

    def __init__(self, reward: Callable[[str], float]) -> None:
        super().__init__()
        self._reward = reward

    def __missing__(self, given: tuple[str | None, str]) -> dict[str, Any]:
        label, source = given
        reward = None if label is None else self._reward(label)
        entry = self[given] = {"label": label, "reward": reward, "label_source": source}
        return entry


@schemes.register("process_reward")
class ProcessReward(OfSteps):
    """Step-level correctness, by first error or step by step."""

    scope_default: ClassVar[Literal["item", "step", "anchor"]] = "step"
    panel_template: ClassVar[str] = "annotation/schemes/process_reward.html"
    step_template: ClassVar[str] = "annotation/schemes/process_reward_step.html"
    script: ClassVar[str] = "annotation/schemes/process_reward.js"
    meaning_keys: ClassVar[tuple[str, ...]] = ("mode",)

    annotation_type: Literal["process_reward"] = "process_reward"
    mode: Literal["first_error", "per_step", "stop_at_first_error"] = Field(
        default="first_error",
        description="`first_error`: mark the first wrong step; `per_step`: label every step; `stop_at_first_error`: "
        "label every step up to the first wrong one",
    )
    labels: dict[str, Label] = Field(
        default_factory=lambda: {"correct": Label(text="Correct"), "incorrect": Label(text="Incorrect")},
        description="The labels, value by value: a text, or the keys below",
    )
    allow_all_correct: bool = Field(default=True, description='A button "All Correct" (first-error mode)')
    allow_all_incorrect: bool = Field(default=False, description='A button "All Incorrect" (first-error mode)')
    highlight_clicked_step: bool = Field(default=True, description="The marked step stands out")
    auto_scroll_on_click: bool = Field(default=False, description="Marking a step scrolls to it")
    show_step_numbers: bool = Field(default=True, description="Steps show their numbers")
    confirmation_dialog: bool = Field(default=False, description="A summary to confirm before an item is submitted")
    require_all_steps: bool = Field(default=True, description="Every step needs a label (per-step mode)")
    show_progress_bar: bool = Field(default=True, description="How many steps are labeled (where steps have labels)")
    allow_reason: bool = Field(default=True, description="A reason can be added to a labeled step")
    show_suggestions: bool = Field(
        default=True, description="Labels that came with a trace are shown, to be confirmed or changed"
    )
    enable_keyboard_navigation: bool = Field(default=True, description="This scheme takes keys")
    step_navigation: StepNavigation = StepNavigation()

    @field_validator("labels", mode="before")
    @classmethod
    def _labels(cls, value: Any) -> Any:
        """A label may be its text alone, and the set a list of values."""
        if isinstance(value, list):
            value = {str(item): str(item) for item in value}
        if isinstance(value, dict):
            return {str(key): {"text": item} if isinstance(item, str) else item for key, item in value.items()}
        return value

    @model_validator(mode="after")
    def _check(self) -> ProcessReward:
        if not 2 <= len(self.labels) <= MAX_LABELS:
            raise ValueError(f"labels: at least two are needed, and at most {MAX_LABELS} fit beside a step")
        unrewarded = [name for name in self.labels if self._reward(name) is None]
        if unrewarded:
            raise ValueError(f"labels: no reward is known for {', '.join(unrewarded)}; add `reward:` (0 to 1)")
        wrong = [name for name in self.labels if self._reward(name) == 0]
        if self.mode == "first_error" and (len(self.labels), len(wrong)) != (2, 1):
            raise ValueError("labels: first_error mode has two, one of them with the reward 0")
        if self.mode == STOP and not 0 < len(wrong) < len(self.labels):
            raise ValueError(f"labels: {STOP} mode needs one with the reward 0, and one without")
        shortcuts = [label.keyboard_shortcut for label in self.labels.values() if label.keyboard_shortcut]
        if len(shortcuts) != len(set(shortcuts)):
            raise ValueError("labels: two labels have the same keyboard_shortcut")
        return self

    def _reward(self, label: str) -> float | None:
        reward = self.labels[label].reward
        return DEFAULT_REWARDS.get(label) if reward is None else reward

    @property
    def asked_as(self) -> str:
        return self.mode

    def meanings(self) -> list[Meaning]:
        return [Meaning(name, one.text, one.description, self.reward(name)) for name, one in self.labels.items()]

    def reward(self, label: str) -> float:
        """The reward of a label, 0 to 1."""
        reward = self._reward(label)
        assert reward is not None  # checked when the configuration was read
        return reward

    def is_wrong(self, label: str) -> bool:
        return self.reward(label) == 0

    def color(self, label: str) -> str:
        return self.labels[label].color or DEFAULT_COLORS.get(label, "#64748b")

    def meaning(self) -> dict[str, Any]:
        rewards = {name: self.reward(name) for name in self.labels}
        return {**super().meaning(), "rewards": rewards}

    def idle_keys(self) -> list[tuple[tuple[str, ...], str]]:
        idle = IDLE_KEYS[self.mode] & self.model_fields_set
        found: list[tuple[tuple[str, ...], str]] = [((key,), f"not in the mode {self.mode}") for key in sorted(idle)]
        if self.mode == "first_error":
            keyed = [name for name, label in self.labels.items() if label.keyboard_shortcut]
            found += [(("labels", name, "keyboard_shortcut"), "x marks the first error") for name in keyed]
        if not self.enable_keyboard_navigation and "step_navigation" in self.model_fields_set:
            found.append((("step_navigation",), "enable_keyboard_navigation is false"))
        return found

    # --- answers -----------------------------------------------------------------------------------------
    def clean(self, key: str, value: Any, ctx: ItemContext) -> Any:
        """Whose label it is follows from what the trace suggests, whatever was sent."""
        if not isinstance(value, dict):
            raise Refused("a step label must be an object")
        if value.get("origin", "human") not in ORIGINS:
            raise Refused("unknown origin of a label")
        clean = self._clean_label(key, value, ctx)
        if value.get("reason"):
            if not self.allow_reason:
                raise Refused("this project takes no reasons")
            clean["reason"] = text_of(value["reason"], "the reason")
        return {**clean, "origin": suggestions.origin(clean, self._suggested(key, ctx))}

    def _clean_label(self, key: str, value: dict[str, Any], ctx: ItemContext) -> dict[str, Any]:
        if self.mode == "first_error":
            return {"step": self._clean_first_error(key, value, ctx)}
        self.step_of(key, ctx)
        if value.get("label") not in self.labels:
            raise Refused(f"there is no label {str(value.get('label'))[:40]!r}")
        return {"label": value["label"]}

    def _clean_first_error(self, key: str, value: dict[str, Any], ctx: ItemContext) -> int | None:
        if key != "first_error":
            raise Refused("this question takes the first wrong step only")
        step = value.get("step", "")
        if step is None:
            if not self.allow_all_correct:
                raise Refused("“All Correct” is not an answer in this project")
            return None
        if not isinstance(step, int) or isinstance(step, bool):
            raise Refused("there is no such step")
        return self.step_of(str(step), ctx)

    def missing(self, answers: Answers, ctx: ItemContext) -> list[Missing]:
        if not self.required:
            return []
        if self.mode == "first_error":
            if "first_error" in answers:
                return []
            hint = "mark the first wrong step" + (", or “All Correct”" if self.allow_all_correct else "")
            return [Missing(self.name, f"“{self.title}”: {hint}")]
        steps = self._up_to_the_stop(answers, ctx)
        if self.require_all_steps or self.mode == STOP:
            unlabeled = [step for step in steps if str(step) not in answers]
            return [Missing(self.name, f"step {step} has no label", step) for step in unlabeled]
        return super().missing(answers, ctx) if steps else []

    def _up_to_the_stop(self, answers: Answers, ctx: ItemContext) -> list[int]:
        """The steps that need a label, given the labels so far."""
        steps = self.steps(ctx)
        if self.mode != STOP:
            return steps
        stop = next(
            (n for n, s in enumerate(steps) if str(s) in answers and self.is_wrong(answers[str(s)]["label"])), None
        )
        return steps if stop is None else steps[: stop + 1]

    def final(self, answers: Answers, ctx: ItemContext) -> Answers:
        """What of the answers is frozen: in the third mode nothing behind the first error."""
        asked = {str(step) for step in self._up_to_the_stop(answers, ctx)}
        return {key: value for key, value in answers.items() if key in asked or not key.isdigit()}

    def first_error(self, answers: Answers) -> int | None:
        """The first step labelled incorrect; None when there is none (or nothing is answered)."""
        if self.mode == "first_error":
            return answers.get("first_error", {}).get("step")
        return min((int(key) for key, value in answers.items() if self.is_wrong(value["label"])), default=None)

    def has_error(self, answers: Answers, ctx: ItemContext) -> bool:
        return self.first_error(answers) is not None

    def judged(self, answers: Answers, ctx: ItemContext) -> set[int]:
        """In first-error mode all up to the first error: the steps behind it only follow."""
        if "first_error" not in answers:
            return super().judged(answers, ctx)
        first = self.first_error(answers)
        return set(self.steps(ctx)).intersection(range(ctx.n_steps if first is None else first + 1))

    # --- suggestions ---------------------------------------------------------------------------------------
    def suggested(self, ctx: ItemContext) -> Suggested:
        keys = ["first_error"] if self.mode == "first_error" else [str(step) for step in self.steps(ctx)]
        found = {key: hint for key in keys if (hint := self._suggested(key, ctx))}
        return Suggested(found, suggestions.by(ctx, self.name)) if found else Suggested({})

    def _suggested(self, key: str, ctx: ItemContext) -> dict[str, Any] | None:
        """The label suggested under one key, without its origin."""
        if not self.show_suggestions:
            return None
        if self.mode != "first_error":
            return suggestions.of_step(ctx, self.name, int(key), self.labels)
        return suggestions.first_error(
            ctx, self.name, self.steps(ctx), {name for name in self.labels if self.is_wrong(name)}, self.labels,
            or_all=self.allow_all_correct,
        )  # fmt: skip

    def said(self, answers: Answers, ctx: ItemContext) -> dict[str, list[Any]]:
        """The label of every step, also of those it only follows for."""
        labels = enumerate(self.step_labels(answers, ctx))
        return {str(step): [label] for step, (label, _) in labels if label is not None}

    def could_say(self, value: Any) -> None:
        if value not in self.labels:
            raise Refused(f"there is no label {str(value)[:40]!r}")

    def errors(self, answers: Answers, ctx: ItemContext) -> set[int]:
        labels = enumerate(self.step_labels(answers, ctx))
        return {step for step, (label, _) in labels if label is not None and self.is_wrong(label)}

    # --- agreement and export ----------------------------------------------------------------------------
    @property
    def has_gaps(self) -> bool:
        asks_all = self.required and self.require_all_steps
        return bool(self.step_types) or self.mode == STOP or (self.mode == "per_step" and not asks_all)

    def _grades(self) -> dict[str, str]:
        """Label → the grade that it is, the worst first. Labels of one reward are one grade, and neutral is none.

        Empty where there are fewer than three: then a label says as much.
        """
        if self.mode == "first_error":
            return {}
        graded = sorted((name for name in self.labels if name != NEUTRAL), key=self.reward)
        names: dict[float, str] = {}
        for name in graded:
            names.setdefault(self.reward(name), name)
        return {name: names[self.reward(name)] for name in graded} if len(names) > 2 else {}

    def measures(self) -> list[Measure]:
        found = [
            Measure("has_error", "nominal"),
            Measure("first_error_position", "interval", is_place=True),
            Measure("step_label", "nominal", per="step", domain=tuple(self.labels)),
        ]
        if grades := self._grades():
            found.append(Measure("step_grade", "ordinal", per="step", domain=tuple(dict.fromkeys(grades.values()))))
        return found

    def units(self, answers: Answers, ctx: ItemContext) -> dict[str, dict[str, Any]]:
        if not answers or not ctx.n_steps:
            return {}
        first = self.first_error(answers)
        steps = {str(step): label for step, (label, _) in enumerate(self.step_labels(answers, ctx)) if label}
        grades = self._grades()
        return {
            "has_error": {"": first is not None},
            # All correct counts as an error at the very end (docs/exports.md).
            "first_error_position": {"": 1.0 if first is None else first / ctx.n_steps},
            "step_label": steps,
            **(
                {"step_grade": {step: grades[label] for step, label in steps.items() if label in grades}}
                if grades
                else {}
            ),
        }

    def contested(self, several: Sequence[Answers]) -> bool:
        """One says all correct and another names an error, or the first errors lie far apart."""
        if self.mode == "per_step":
            return False
        firsts = [self.first_error(answers) for answers in several if answers]
        named = [first for first in firsts if first is not None]
        return 0 < len(named) < len(firsts) or (bool(named) and max(named) - min(named) >= FAR_APART)

    def habit(self, answers: Answers) -> Habit:
        """The labels of the steps; in the modes of a first error only that: what is before it follows."""
        if self.mode == "per_step":
            return Habit(steps=tuple(answers[key]["label"] for key in sorted(answers, key=int)))
        first = self.first_error(answers)
        return Habit(whole="no error" if first is None else f"step {first}")

    def likeness(self, answers: Answers, known: Answers, ctx: ItemContext) -> float | None:
        """Of a first error: 1 for the very step, 0.5 for one beside it. Of every step: F1 of the wrong ones."""
        if not answers or not known:
            return 0.0 if known else None
        if self.mode == "per_step":
            return _f1(self.errors(answers, ctx), self.errors(known, ctx))
        said, right = self.first_error(answers), self.first_error(known)
        if said == right:
            return 1.0
        return 0.5 if said is not None and right is not None and abs(said - right) == 1 else 0.0

    def step_labels(self, answers: Answers, ctx: ItemContext) -> list[tuple[str | None, str]]:
        """(label or None, source) per step; a source is "human", "ai", "ai_changed", or "derived".

        Steps up to the first error were judged; those behind it only follow from it.
        """
        none: tuple[str | None, str] = (None, "human")
        if self.mode == "first_error" and "first_error" not in answers:
            return [none] * ctx.n_steps
        first = self.first_error(answers)
        end = ctx.n_steps if first is None else first
        given: list[tuple[str | None, str]] = []
        if self.mode == "first_error":
            right, wrong = self._right_and_wrong
            origin = answers["first_error"]["origin"]
            behind = max(ctx.n_steps - end - 1, 0)
            given += [*[(right, origin)] * end, (wrong, origin), *[(wrong, "derived")] * behind][: ctx.n_steps]
        else:
            values = [answers.get(str(step)) for step in range(ctx.n_steps)]
            given += [(value["label"], value["origin"]) if value else none for value in values]
            if self.mode == STOP:
                given = [label if step <= end else none for step, label in enumerate(given)]
        if not self.step_types:
            return given
        return [label if self._is_asked(step, ctx) else none for step, label in enumerate(given)]

    @cached_property
    def _right_and_wrong(self) -> list[str]:
        """The two labels of a first error."""
        return sorted(self.labels, key=self.is_wrong)

    def _is_asked(self, step: int, ctx: ItemContext) -> bool:
        return not self.step_types or self.asks(ctx.step_types[step])

    def export(self, answers: Answers, ctx: ItemContext) -> Any:
        """``{"first_error_step", "all_correct", "steps": [{"label", "reward", "label_source", "reason"?}]}``."""
        if not answers:
            return None
        labels = self.step_labels(answers, ctx)
        # Of thousands of steps only a few labels differ: equal entries are one object, and nobody changes it.
        steps = list(map(self._entries.__getitem__, labels))
        first = self.first_error(answers)
        for key, value in answers.items():
            step = first if key == "first_error" else int(key)
            if value.get("reason") and step is not None and step < len(steps) and labels[step][0] is not None:
                steps[step] = {**steps[step], "reason": value["reason"]}
        is_right = first is None and not self._has_gap(labels, ctx)
        return {"first_error_step": first, "all_correct": is_right, "steps": steps}

    def _has_gap(self, labels: Sequence[tuple[str | None, str]], ctx: ItemContext) -> bool:
        """Whether a step that is asked about has no label."""
        if not any(label is None for label in dict(labels)):
            return False
        return any(label is None and self._is_asked(step, ctx) for step, (label, _) in enumerate(labels))

    @cached_property
    def _entries(self) -> _Entries:
        return _Entries(self.reward)

    def told(self, answers: Answers, ctx: ItemContext) -> list[Told]:
        """A label for every step, also where it only follows; in the first-error modes the mark as well."""
        if not answers:
            return []
        names, first = list(self.labels), self.first_error(answers)
        found = self.told_of_item(answers, ctx)
        for step, (label, source) in enumerate(self.step_labels(answers, ctx)):
            if label is None:
                continue
            is_mark = first == step and "first_error" in answers
            said = answers.get("first_error" if is_mark else str(step)) or {}
            text = self.labels[label].text + SOURCES.get(source, "")
            detail = said.get("reason", "")
            found.append(Told(text, step=step, compare=label, detail=detail, style=names.index(label)))
        return found

    def told_of_item(self, answers: Answers, ctx: ItemContext) -> list[Told]:
        if "first_error" not in answers:
            return []
        first = self.first_error(answers)
        mark = "All correct" if first is None else f"First error: step {first}"
        return [Told(mark, compare="none" if first is None else first)]

    # --- the page ----------------------------------------------------------------------------------------
    @property
    def moves(self) -> bool:
        return True

    @property
    def hides_step_numbers(self) -> bool:
        return not self.show_step_numbers

    def keys(self) -> list[Key]:
        if not self.enable_keyboard_navigation:
            return []
        nav = self.step_navigation
        keys = [
            Key(nav.next_step, "next_step", text="Next step"),
            Key(nav.previous_step, "previous_step", text="Previous step"),
        ]
        if self.mode == "first_error":
            keys.append(Key("x", "first_error", text="First error is here"))
            if self.allow_all_correct:
                keys.append(Key("a", "all_correct", text="All correct"))
            if self.allow_all_incorrect:
                keys.append(Key("A", "all_incorrect", text="All incorrect"))
            return [*keys, *self._accept_keys()]
        keys.append(Key(nav.next_unlabeled, "next_unlabeled", text="Next unlabeled step"))
        keys += [Key(key, "label", name, self.labels[name].text) for name, key in self.shortcuts().items()]
        return [*keys, *self._accept_keys()]

    def _accept_keys(self) -> list[Key]:
        if not self.show_suggestions:
            return []
        return [Key("y", "accept", text="Accept the suggestion"), Key("Y", "accept_all", text="Accept all suggestions")]

    def shortcuts(self) -> dict[str, str]:
        """Label → key. A label without one takes its place in the list, where that digit is free."""
        taken = {label.keyboard_shortcut for label in self.labels.values() if label.keyboard_shortcut}
        keys: dict[str, str] = {}
        for place, (name, label) in enumerate(self.labels.items(), start=1):
            if label.keyboard_shortcut:
                keys[name] = label.keyboard_shortcut
            elif place <= 9 and str(place) not in taken:
                keys[name] = str(place)
        return keys

    def styles(self) -> list[LabelStyle]:
        return [LabelStyle(name, self.color(name)) for name in self.labels]

    def page_state(self) -> dict[str, Any]:
        options = (
            "mode", "allow_all_correct", "allow_all_incorrect", "highlight_clicked_step", "auto_scroll_on_click",
            "show_step_numbers", "confirmation_dialog", "require_all_steps", "show_progress_bar", "allow_reason",
        )  # fmt: skip
        keys = {key.value: key.key for key in self.keys() if key.action == "label"}
        labels = [
            {
                "value": name,
                "text": label.text,
                "description": label.description,
                "key": keys.get(name, ""),
                "wrong": self.is_wrong(name),
            }
            for name, label in self.labels.items()
        ]
        return {**super().page_state(), **{name: getattr(self, name) for name in options}, "labels": labels}


def _f1(said: set[int], right: set[int]) -> float:
    """F1 of a set of steps against the right one; 1 where both are empty."""
    return 2 * len(said & right) / (len(said) + len(right)) if said or right else 1.0


SAMPLES = [
    Sample(
        {"annotation_type": "process_reward", "name": "step_reward", "allow_all_incorrect": True},
        accepted=[("first_error", {"step": 1}), ("first_error", {"step": None}),
                  ("first_error", {"step": 2, "reason": "x"})],
        refused=[("first_error", {"step": 3}), ("first_error", {"step": -1}), ("first_error", {"step": True}),
                 ("first_error", {}), ("0", {"step": 0}), ("first_error", "1")],
    ),
    Sample(
        {"annotation_type": "process_reward", "name": "per_step", "mode": "per_step",
         "labels": {"correct": "Correct", "neutral": {"text": "Neutral", "color": "#94a3b8"}, "incorrect": "Wrong"}},
        accepted=[("0", {"label": "correct"}), ("2", {"label": "incorrect", "reason": "wrong file"})],
        refused=[("3", {"label": "correct"}), ("00", {"label": "correct"}), ("-1", {"label": "correct"}),
                 ("0", {"label": "<b>"}), ("0", {"label": "correct", "origin": "god"}), ("first_error", {"step": 1})],
    ),
    Sample(
        {"annotation_type": "process_reward", "name": "calls", "mode": "stop_at_first_error",
         "step_types": ["any_tool"], "labels": {"good": {"text": "Good", "reward": 1},
                                                "so_so": {"text": "So so", "reward": 0.5},
                                                "bad": {"text": "Bad", "reward": 0}}},
        accepted=[("1", {"label": "good"}), ("2", {"label": "bad", "reason": "<b>no</b>"})],
        refused=[("0", {"label": "good"}), ("1", {"label": "correct"}), ("1", {}), ("first_error", {"step": 1})],
    ),
]  # fmt: skip
