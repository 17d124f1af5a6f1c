"""Code review as in a pull request: comments on lines and files, a rating for every file, a verdict.

Answers: ``"comment:<uuid>"`` ``{"anchor", "text"?, "draft"?, "category"?, "resolved"?}``, ``"file:<path>"`` a number of
the scale, ``"verdict"`` the value of an option. An anchor is ``{"step", "file", "side", "start_line", "end_line",
"quote_sha"}``: lines of the old or new side of a step's diff, or (``step`` null) of what the whole run changed;
``quote_sha`` is the SHA-256 of their text, so that a comment is found again however its trace is shown. Of a comment on
a whole file, such as one whose change has no lines, side, lines and ``quote_sha`` are null. ``draft`` is text that its
author has not saved yet; ``text`` what others read.

``"viewed:<path>"`` true is a mark: the person has looked at that file of the whole change. It is kept with the answers
and is none, so it is never part of a submission.

Exported value: see :meth:`CodeReview.export`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from annotation.schemes import schemes
from annotation.schemes.base import Answers, ItemContext, Key, Meaning, Measure, Missing, Refused, Sample, Scheme, Told
from annotation.schemes.review_comments import (
    COMMENT,
    OF_LINES,
    check_count,
    clean_comment,
    comments_in,
    exported,
    place_of,
    saved_comments,
)
from annotation.schemes.review_files import (
    FILE,
    LONGEST_PATH,
    VIEWED,
    clean_mark,
    clean_rating,
    ratings_in,
    without_marks,
)
from annotation.schemes.review_parts import FileRatings, InlineComments, Verdict, VerdictOption

__all__ = ["LONGEST_PATH", "CodeReview", "VerdictOption"]

# A verdict that neither approves nor rejects.
NEUTRAL = "comment"


@schemes.register("code_review")
class CodeReview(Scheme):
    """Comments on lines, a rating for every file, and a verdict, as in a pull request."""

    scope_default: ClassVar[Literal["item", "step", "anchor"]] = "anchor"
    panel_template: ClassVar[str] = "annotation/schemes/code_review.html"
    step_template: ClassVar[str] = "annotation/schemes/code_review_step.html"
    script: ClassVar[str] = "annotation/schemes/code_review.js"
    style: ClassVar[str] = "annotation/schemes/code_review.css"
    shows_changes: ClassVar[bool] = True

    annotation_type: Literal["code_review"] = "code_review"
    inline_comments: InlineComments = InlineComments()
    file_ratings: FileRatings = FileRatings()
    verdict: Verdict = Verdict()
    require_comment_on_reject: bool = Field(
        default=False, description="A verdict that rejects needs at least one comment"
    )

    @model_validator(mode="after")
    def _check(self) -> CodeReview:
        parts = (self.inline_comments, self.file_ratings, self.verdict)
        if not any(part.enabled for part in parts):
            raise ValueError("inline_comments, file_ratings and verdict are all off: nothing is asked")
        self._check_comments()
        self._check_ratings()
        self._check_verdict()
        return self

    def _check_comments(self) -> None:
        names = self.inline_comments.categories
        if any(not name.strip() for name in names):
            raise ValueError("inline_comments.categories: one is empty")
        if len(set(names)) != len(names):
            raise ValueError("inline_comments.categories: one is there twice")

    def _check_ratings(self) -> None:
        scale, labels = self.file_ratings.scale, self.file_ratings.labels
        if self.file_ratings.enabled and len(scale) < 2:
            raise ValueError("file_ratings.scale: at least two ratings are needed")
        if len(set(scale)) != len(scale):
            raise ValueError("file_ratings.scale: one is there twice")
        if labels and len(labels) != len(scale):
            raise ValueError(f"file_ratings.labels: {len(scale)} are needed, one for each rating of the scale")

    def _check_verdict(self) -> None:
        values = [option.value for option in self.verdict.options]
        if self.verdict.enabled and not values:
            raise ValueError("verdict.options: at least one is needed")
        if len(set(values)) != len(values):
            raise ValueError("verdict.options: two have the same value")
        if not self.require_comment_on_reject:
            return
        if not (self.verdict.enabled and any(option.rejects for option in self.verdict.options)):
            raise ValueError("require_comment_on_reject: no verdict rejects; say `rejects: true` at one")
        if not self.inline_comments.enabled:
            raise ValueError("require_comment_on_reject: inline_comments are off, so nobody could comment")

    def idle_keys(self) -> list[tuple[tuple[str, ...], str]]:
        parts: dict[str, InlineComments | FileRatings | Verdict] = {
            "inline_comments": self.inline_comments, "file_ratings": self.file_ratings, "verdict": self.verdict,
        }  # fmt: skip
        return [
            ((name, key), f"{name}.enabled is false")
            for name, part in parts.items()
            for key in sorted(part.model_fields_set - {"enabled"})
            if not part.enabled
        ]

    def meaning(self) -> dict[str, Any]:
        verdicts = {option.value: option.rejects for option in self.verdict.options} if self.verdict.enabled else {}
        return {**super().meaning(), "verdicts": verdicts, "scale": self._scale}

    @property
    def _scale(self) -> list[int]:
        return self.file_ratings.scale if self.file_ratings.enabled else []

    @property
    def ratings(self) -> list[dict[str, Any]]:
        """What the templates loop over: value and text of each rating."""
        texts = self.file_ratings.labels or [""] * len(self._scale)
        return [{"value": value, "text": text} for value, text in zip(self._scale, texts, strict=False)]

    @cached_property
    def _rating_labels(self) -> dict[int, str | None]:
        """Rating → its text, None where it has none."""
        return {one["value"]: one["text"] or None for one in self.ratings}

    # --- answers -----------------------------------------------------------------------------------------
    def clean(self, key: str, value: Any, ctx: ItemContext) -> Any:
        if key == "verdict" and self.verdict.enabled:
            if not isinstance(value, str) or value not in {option.value for option in self.verdict.options}:
                raise Refused(f"there is no verdict {str(value)[:40]!r}")
            return value
        if key.startswith(FILE) and self.file_ratings.enabled:
            return clean_rating(key.removeprefix(FILE), value, self._scale, ctx)
        if key.startswith(VIEWED):
            return clean_mark(key.removeprefix(VIEWED), value, ctx)
        if COMMENT.fullmatch(key) and self.inline_comments.enabled:
            return clean_comment(value, self.inline_comments.categories, ctx)
        raise Refused("this review has no such part")

    def check_amount(self, before: Answers, after: Answers) -> None:
        check_count(before, after)

    def missing(self, answers: Answers, ctx: ItemContext) -> list[Missing]:
        """Text that is not saved yet would be lost silently, so it is settled before submitting, required or not."""
        gaps = [
            Missing(self.name, f"a comment on {place_of(one['anchor'])} is not saved yet", one["anchor"]["step"])
            for _, one in comments_in(answers)
            if "draft" in one
        ]
        verdict = answers.get("verdict")
        if self.required and self.verdict.enabled and verdict is None:
            gaps.append(Missing(self.name, f"“{self.title}” has no verdict yet"))
        elif self.required and not without_marks(answers):
            gaps.append(Missing(self.name, f"“{self.title}” has no answer yet"))
        if self.require_comment_on_reject and self._rejects(verdict) and not list(saved_comments(answers)):
            text = next(option.text for option in self.verdict.options if option.value == verdict)
            gaps.append(Missing(self.name, f"“{text}” needs at least one comment"))
        return gaps

    def final(self, answers: Answers, ctx: ItemContext) -> Answers:
        return without_marks(answers)

    def _rejects(self, verdict: Any) -> bool:
        return any(option.value == verdict and option.rejects for option in self.verdict.options)

    def has_error(self, answers: Answers, ctx: ItemContext) -> bool:
        """Whether the verdict rejects the change."""
        return self._rejects(answers.get("verdict"))

    def said(self, answers: Answers, ctx: ItemContext) -> dict[str, list[Any]]:
        """The verdict, the ratings, and of every comment its category."""
        comments = {f"comment:{key}": [one["category"]] for key, one in saved_comments(answers) if "category" in one}
        plain = {key: value for key, value in without_marks(answers).items() if not isinstance(value, dict)}
        return {**super().said(plain, ctx), **comments}

    def could_say(self, value: Any) -> None:
        verdicts = [one.value for one in self.verdict.options] if self.verdict.enabled else []
        categories = self.inline_comments.categories if self.inline_comments.enabled else []
        if isinstance(value, bool) or value not in [*verdicts, *categories, *self._scale]:
            raise Refused(f"it is no verdict, category or rating: {str(value)[:40]!r}")

    # --- agreement and export ----------------------------------------------------------------------------
    def meanings(self) -> list[Meaning]:
        """Those of the verdicts."""
        options = self.verdict.options if self.verdict.enabled else []
        return [Meaning(one.value, one.text, one.description, self._reward(one)) for one in options]

    @staticmethod
    def _reward(option: VerdictOption) -> float | None:
        if option.approves:
            return 1.0
        return 0.0 if option.rejects else None

    @property
    def merge(self) -> Literal["choice", "options", "median", "first"]:
        return "first"

    def measures(self) -> list[Measure]:
        found = []
        if self.verdict.enabled:
            values = tuple(option.value for option in self.verdict.options)
            found.append(Measure("verdict", "nominal", domain=values))
        if self.file_ratings.enabled:
            found.append(Measure("file_rating", "ordinal", per="file", domain=tuple(self._scale)))
        return found

    def units(self, answers: Answers, ctx: ItemContext) -> dict[str, dict[str, Any]]:
        verdict = {"": answers["verdict"]} if "verdict" in answers else {}
        found = {"verdict": verdict, "file_rating": dict(ratings_in(answers))}
        return {measure.name: found[measure.name] for measure in self.measures() if found[measure.name]}

    def contested(self, several: Sequence[Answers]) -> bool:
        """No verdict was given most often, or one rejects the change that another approves."""
        counts = Counter(answers["verdict"] for answers in several if "verdict" in answers).most_common()
        tied = len(counts) > 1 and counts[0][1] == counts[1][1]
        sides = {self._rejects(value) for value, _ in counts if value != NEUTRAL}
        return tied or len(sides) > 1

    def export(self, answers: Answers, ctx: ItemContext) -> Any:
        """``{"verdict", "comments", "file_ratings"}``.

        A comment: ``{"id", "step", "file", "side", "start_line", "end_line", "quote_sha", "code", "category", "text",
        "resolved"}``, in the order of steps and lines, those on the whole run's changes last; ``code`` is the text of
        its lines; of one on a whole file it is null, as its side, its lines and ``quote_sha`` are. A file rating:
        ``{"file", "rating", "label"}``, by name. What was not answered is null or empty.
        """
        if not answers:
            return None
        ratings, labels = sorted(ratings_in(answers)), self._rating_labels
        return {
            "verdict": answers.get("verdict"),
            "comments": [exported(key, one, ctx) for key, one in saved_comments(answers)],
            "file_ratings": [{"file": path, "rating": n, "label": labels.get(n)} for path, n in ratings],
        }

    def told(self, answers: Answers, ctx: ItemContext) -> list[Told]:
        verdicts = {option.value: option.text for option in self.verdict.options}
        labels = {one["value"]: one["text"] for one in self.ratings}
        found = []
        if "verdict" in answers:
            value = str(answers["verdict"])
            found.append(Told(verdicts.get(value, value), compare=value))
        for path, rating in sorted(ratings_in(answers)):
            found.append(Told(f"{rating} {labels.get(rating, '')}".strip(), part=path, compare=rating))
        for _, one in saved_comments(answers):
            anchor, about = one["anchor"], str(one.get("category", ""))
            is_done = one.get("resolved", False)
            found.append(Told(one["text"], step=anchor["step"], detail=about, anchor=anchor, resolved=is_done))
        return found

    # --- the page ----------------------------------------------------------------------------------------
    def keys(self) -> list[Key]:
        keys = [Key("d", "changes", text="All changes, file by file")]
        if self.inline_comments.enabled:
            keys.append(Key("c", "comment", text="Comment on the line, or on a file without lines"))
            keys.append(Key("v", "lines", text="Choose lines: j and k extend, arrows move, c comments"))
        for place, one in enumerate(self.ratings[:9], start=1):
            words = f"{one['value']} {one['text']}".strip()
            keys.append(Key(f"r {place}", "rate", str(one["value"]), f"Rate the file: {words}"))
        if self.verdict.enabled:
            options = zip(self.verdict.options, self._verdict_keys(), strict=True)
            keys += [Key(key, "verdict", option.value, f"Verdict: {option.text}") for option, key in options if key]
        return keys

    def _verdict_keys(self) -> list[str]:
        return [f"p {place}" if place < 10 else "" for place in range(1, len(self.verdict.options) + 1)]

    def page_state(self) -> dict[str, Any]:
        verdicts = [
            {**option.model_dump(include={"value", "text", "description", "rejects"}), "key": key}
            for option, key in zip(self.verdict.options, self._verdict_keys(), strict=True)
        ]
        return {
            **super().page_state(),
            "comments": self.inline_comments.enabled,
            "categories": self.inline_comments.categories,
            "ratings": self.ratings,
            "longest_path": LONGEST_PATH,
            "choices": verdicts if self.verdict.enabled else [],
            "require_comment_on_reject": self.require_comment_on_reject,
        }


_DIFF = "--- a/app.py\n+++ b/app.py\n@@ -1,3 +1,3 @@\n import os\n-x = 1\n+x = 2\n print(x)\n"
_ID = "comment:123e4567-e89b-42d3-a456-426614174000"
_ANCHOR = {"step": 1, "file": "app.py", "side": "new", "start_line": 2, "end_line": 3}
_WHOLE = {**_ANCHOR, "step": None, "side": "old", "start_line": 2, "end_line": 2}
SAMPLES = [
    Sample(
        {"annotation_type": "code_review", "name": "review",
         "inline_comments": {"categories": ["Bug", "Style"]}, "require_comment_on_reject": True},
        document={"id": "t", "structured_turns": [
            {"step_idx": 0, "type": "thinking", "content": "x"},
            {"step_idx": 1, "type": "file_edit", "path": "app.py", "diff": _DIFF},
            {"step_idx": 2, "type": "file_delete", "path": "gone.py"},
        ]},
        accepted=[
            (_ID, {"anchor": _ANCHOR, "text": "Why?", "category": "Bug"}),
            (_ID[:-1] + "1", {"anchor": _WHOLE, "draft": "<b>"}),
            (_ID[:-1] + "2", {"anchor": {**_ANCHOR, "end_line": 2}, "text": "مرحبا", "resolved": True}),
            (_ID[:-1] + "3", {"anchor": {**_ANCHOR, **dict.fromkeys(OF_LINES)}, "text": "Why this file?"}),
            (_ID[:-1] + "4", {"anchor": {"step": None, "file": "gone.py"}, "text": "Still used"}),
            ("file:gone.py", 1), ("viewed:gone.py", True),
            ("file:app.py", 3), ("verdict", "request_changes"), ("viewed:app.py", True),
        ],
        refused=[
            ("verdict", "maybe"), ("verdict", ["approve"]), ("file:app.py", 6), ("file:app.py", True),
            ("file:app.py", "3"), ("file:other.py", 3), ("", "approve"), ("1", "approve"),
            ("viewed:other.py", True), ("viewed:app.py", False), ("viewed:app.py", 1),
            ("comment:1", {"anchor": _ANCHOR, "text": "x"}), (_ID, "x"), (_ID, {"text": "x"}),
            (_ID, {"anchor": _ANCHOR}), (_ID, {"anchor": _ANCHOR, "text": "  "}),
            (_ID, {"anchor": _ANCHOR, "text": "x", "category": "Taste"}),
            (_ID, {"anchor": {**_ANCHOR, "step": 0}, "text": "x"}),
            (_ID, {"anchor": {**_ANCHOR, "step": 2}, "text": "x"}),
            (_ID, {"anchor": {**_ANCHOR, "file": "b.py"}, "text": "x"}),
            (_ID, {"anchor": {**_ANCHOR, "end_line": 4}, "text": "x"}),
            (_ID, {"anchor": {**_ANCHOR, "start_line": 0}, "text": "x"}),
            (_ID, {"anchor": {**_ANCHOR, "start_line": 3, "end_line": 2}, "text": "x"}),
            (_ID, {"anchor": {**_ANCHOR, "side": "left"}, "text": "x"}),
            (_ID, {"anchor": {**_ANCHOR, "quote_sha": "0" * 64}, "text": "x"}),
            (_ID, {"anchor": {**_ANCHOR, "place": 1}, "text": "x"}),
            (_ID, {"anchor": {"step": 1, "file": "gone.py"}, "text": "x"}),
            (_ID, {"anchor": {"step": 2, "file": 1}, "text": "x"}),
            (_ID, {"anchor": {"step": 2, "file": "gone.py", "side": "old"}, "text": "x"}),
            (_ID, {"anchor": {"step": 2, "file": "gone.py", "quote_sha": "0" * 64}, "text": "x"}),
        ],
    ),
]  # fmt: skip
