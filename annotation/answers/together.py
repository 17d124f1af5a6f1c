"""What several people said of one item, side by side, and where they differ. Only submissions are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q

from annotation.answers.context import context_of
from annotation.models import Submission
from annotation.models.querysets import DELIVERED
from annotation.projects.config import ProjectConfig
from annotation.projects.revisions import config_of
from annotation.schemes.base import Told
from potato_site.textjson import canonical


@dataclass(frozen=True)
class Voice:
    """One person's submission, and its id."""

    pk: int
    name: str
    # As far as it may be told (``Assignment.purpose_told``).
    purpose: str
    submitted_at: datetime
    flags: tuple[str, ...] = ()


@dataclass
class Place:
    """One thing that was asked: of the item (``step`` None), of a part of it, or of a step."""

    scheme: str
    title: str
    part: str
    step: int | None
    said: list[tuple[str, Told]] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        """Whether two people said different things. Who said nothing does not disagree."""
        return len({canonical(told.compare) for _, told in self.said if told.compare is not None}) > 1


@dataclass(frozen=True)
class Together:
    """``places`` in the order of the questions; ``comments`` are (name, title of the question, comment)."""

    voices: list[Voice]
    places: list[Place]
    comments: list[tuple[str, str, Told]]

    @property
    def of_item(self) -> list[Place]:
        return [place for place in self.places if place.step is None]

    @property
    def differing_steps(self) -> list[int]:
        return sorted({place.step for place in self.places if place.step is not None and place.differs})

    def of_steps(self) -> dict[int, list[Place]]:
        found: dict[int, list[Place]] = {}
        for place in self.places:
            if place.step is not None:
                found.setdefault(place.step, []).append(place)
        return found


def submissions_of(item_id: int, shown: Q | None = None) -> list[Submission]:
    """The current submissions of an item, whatever their purpose, the earliest first; ``shown``: only such."""
    found = Submission.objects.filter(assignment__item=item_id, is_current=True, assignment__state__in=DELIVERED)
    return list(found.filter(shown or Q()).select_related("assignment__annotator").order_by("submitted_at", "seq"))


def name_of(submission: Submission) -> str:
    return submission.assignment.annotator.get_username()


def together(
    submissions: Sequence[Submission],
    called: Callable[[Submission], str] = name_of,
    *,
    tells_checks: bool = False,
) -> Together:
    """The submissions of one item. Each is read by the configuration it was given under; ``called``: what its author
    is called; ``tells_checks``: which of them checked people, for managers alone."""
    places: dict[tuple[str, str, int | None], Place] = {}
    comments: list[tuple[str, str, Told]] = []
    configs = {revision: config_of(revision) for revision in {one.revision_id for one in submissions}}
    for submission in submissions:
        name = called(submission)
        for scheme, title, told in _told(submission, configs[submission.revision_id]):
            if told.anchor is not None:
                comments.append((name, title, told))
                continue
            key = (scheme, told.part, told.step)
            places.setdefault(key, Place(scheme, title, told.part, told.step)).said.append((name, told))
    voices = [_voice(submission, called(submission), tells_checks) for submission in submissions]
    return Together(voices, list(places.values()), comments)


def _told(submission: Submission, config: ProjectConfig) -> Iterable[tuple[str, str, Told]]:
    context = context_of(submission.assignment.item_id)
    for scheme in config.annotation_schemes:
        for told in scheme.told(submission.values.get(scheme.name) or {}, context):
            yield scheme.name, scheme.title, told


def _voice(submission: Submission, name: str, tells_checks: bool) -> Voice:
    purpose = submission.assignment.purpose_told(manages=tells_checks)
    return Voice(submission.pk, name, purpose, submission.submitted_at, tuple(submission.standing_flags))
