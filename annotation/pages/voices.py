"""What the annotators answered, for whoever decides between them: under letters, in an order that tells nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from django.utils.crypto import salted_hmac

from annotation.answers.together import Place, Together, together
from annotation.models import Assignment, Item, Submission
from annotation.projects.revisions import config_of
from annotation.queries.counted import counted_submissions
from annotation.schemes.base import Scheme


@dataclass(frozen=True)
class Voices:
    """``answers``: letter → scheme → the frozen answers that the questions asked now can take over."""

    seen: Together
    answers: dict[str, dict[str, Any]]
    # Whoever has answered already has had a look of their own.
    shown: bool

    @property
    def letters(self) -> list[str]:
        return list(self.answers)

    @property
    def n_differing(self) -> int:
        return sum(place.differs for place in self.seen.of_item)

    def state(self) -> dict[str, Any]:
        """What the page's script puts beside the steps and into the form."""
        steps = {step: [_place(place) for place in places] for step, places in self.seen.of_steps().items()}
        return {"steps": steps, "answers": self.answers, "shown": self.shown}


def voices_of(assignment: Assignment, schemes: Sequence[Scheme]) -> Voices:
    """The labels of an adjudication's item. The order of their letters stays the same for everybody who decides it."""
    counted = counted_submissions(assignment.project, "default", kinds=Item.Kind.values)
    found = list(counted.filter(assignment__item=assignment.item_id).select_related("assignment__annotator"))
    found.sort(key=lambda one: _rank(assignment.item_id, one.assignment.annotator_id))
    letters = {one.pk: _letter(place) for place, one in enumerate(found)}
    answers = {letters[one.pk]: _to_take(one, schemes) for one in found}
    return Voices(together(found, lambda one: letters[one.pk]), answers, assignment.version > 0)


def _rank(item_id: int, user_id: int) -> str:
    """Nobody can work it out from names: the key is the installation's secret."""
    return salted_hmac("annotation.voices", f"{item_id}/{user_id}", algorithm="sha256").hexdigest()


def _letter(place: int) -> str:
    round_, letter = divmod(place, len(ascii_uppercase))
    return ascii_uppercase[letter] + (str(round_ + 1) if round_ else "")


def _to_take(submission: Submission, schemes: Sequence[Scheme]) -> dict[str, Any]:
    """An answer to a question that means something else now is left out."""
    asked = {scheme.name: scheme.meaning() for scheme in config_of(submission.revision_id).annotation_schemes}
    return {
        scheme.name: submission.values.get(scheme.name) or {}
        for scheme in schemes
        if asked.get(scheme.name) == scheme.meaning()
    }


def _place(place: Place) -> dict[str, Any]:
    """Those who say the same share a line."""
    lines: dict[tuple[str, str, int | None], list[str]] = {}
    for name, told in place.said:
        lines.setdefault((told.text, told.detail, told.style), []).append(name)
    said = [
        {
            "name": ", ".join(names),
            "text": text,
            "detail": detail,
            "style": "" if style is None else f"c-{place.scheme}-{style}",
        }
        for (text, detail, style), names in lines.items()
    ]
    return {"title": place.title, "differs": place.differs, "said": said}
