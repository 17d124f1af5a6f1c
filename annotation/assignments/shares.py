"""The share of who came from a crowd platform: how much of it is done, and when the visit ends with a code.

Every item counts towards one visit. An item that a manager invalidated later still counts: it was worked on.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from annotation.models import Assignment, Membership, Project, Visit
from annotation.models.querysets import HELD
from annotation.projects.config import ProjectConfig
from annotation.projects.revisions import current

State = Assignment.State
WORKED = (State.SUBMITTED, State.REOPENED, State.VOID)
SHARE_DONE = "Your part is done. Thank you!"
NO_SHARE = "You have labeled as many items of this project as one person may."
LEFT = "This visit was ended. Open the task from the platform once more, or ask who published it."
# Easily told apart when copied by hand.
ALPHABET, CODE_LENGTH = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789", 10


@dataclass(frozen=True)
class Standing:
    """Where the latest visit of a recruit stands: ``done`` items of a ``share`` (None: as many as there are)."""

    visit: Visit
    done: int
    share: int | None
    skipped: int
    in_hand: int
    # Items of the visits before, which count for none any more.
    earlier: int

    @property
    def is_done(self) -> bool:
        """Enough for the code: no item more is handed out for this visit."""
        return self.visit.finished_at is not None or (self.share is not None and self.done >= self.share > 0)

    @property
    def state(self) -> str:
        """The visit's, or ``waiting``: told that there is no item, and without a code (``VisitQuerySet.waiting``)."""
        is_waiting = self.visit.is_under_way and self.visit.stopped_at is not None and not self.in_hand
        return "waiting" if is_waiting else self.visit.state

    @property
    def refusal(self) -> str:
        """Why this person gets no item now; "" for who goes on."""
        if self.visit.left_at is not None:
            return LEFT
        if self.share == 0 and not self.is_done:
            return NO_SHARE
        return SHARE_DONE if self.is_done else ""


def standing_of(project: Project, user_id: int) -> Standing | None:
    """None for everybody who did not come from a platform."""
    return standings(project, [user_id]).get(user_id)


def standings(project: Project, user_ids: Collection[int]) -> dict[int, Standing]:
    """User id → standing, of those who came from a platform. As many queries for many as for one."""
    visits: dict[int, list[Visit]] = {}
    rows = Visit.objects.filter(recruit__project=project, recruit__user__in=user_ids).select_related("recruit")
    for visit in rows.order_by("pk"):
        visits.setdefault(visit.recruit.user_id, []).append(visit)
    if not visits:
        return {}
    config, counts = current(project), _counts(project, visits)
    caps = _caps(project, visits, config)
    return {user: _standing(config, mine, counts.get(user, {}), caps.get(user)) for user, mine in visits.items()}


def _standing(config: ProjectConfig, visits: list[Visit], counts: dict[str, int], cap: int | None) -> Standing:
    latest = visits[-1]
    earlier = sum(visit.credited for visit in visits[:-1])
    done = latest.credited if latest.finished_at else max(0, counts.get("worked", 0) - earlier)
    most = [config.recruitment.items_per_visit, None if cap is None else max(0, cap - earlier)]
    share = min((limit for limit in most if limit is not None), default=None)
    return Standing(latest, done, share, counts.get("skipped", 0), counts.get("in_hand", 0), earlier)


def _counts(project: Project, user_ids: Collection[int]) -> dict[int, dict[str, int]]:
    """User id → how many items were worked on, skipped, and are in hand."""
    rows = Assignment.objects.working().filter(project=project, annotator__in=user_ids).order_by()
    counted = rows.values("annotator_id").annotate(
        worked=Count("pk", filter=Q(state__in=WORKED)),
        skipped=Count("pk", filter=Q(state=State.SKIPPED)),
        in_hand=Count("pk", filter=Q(state__in=HELD)),
    )
    return {row["annotator_id"]: row for row in counted}


def _caps(project: Project, user_ids: Collection[int], config: ProjectConfig) -> dict[int, int | None]:
    """User id → at most how many items in all visits together."""
    mine = Membership.objects.filter(project=project, user__in=user_ids, role=Membership.Role.ANNOTATOR)
    return {
        user: caps.get("items", config.instances_per_annotator) for user, caps in mine.values_list("user_id", "caps")
    }


@transaction.atomic
def settle(project: Project, user: Any) -> bool:
    """Finish the visit of somebody who was just told that there is no item for them, if that earns the code: the share
    is done, or nothing is left while they labeled something, and more than they skipped. Whether it is finished.

    Who labeled something and gets none is kept as waiting, for the managers.
    """
    under_way = Visit.objects.under_way().select_for_update(of=("self",))
    visit = under_way.filter(recruit__project=project, recruit__user=user).first()
    standing = standing_of(project, user.pk)
    if visit is None or standing is None:
        return standing is not None and standing.visit.finished_at is not None
    if not standing.is_done and not (_may_have_items(project, user) and _ran_out(standing)):
        if standing.done:
            visit.stopped_at = timezone.now()
            visit.save(update_fields=["stopped_at"])
        return False
    finish(visit, standing.done)
    return True


def _ran_out(standing: Standing) -> bool:
    """Nothing is left, and that is not because the person skipped it."""
    return standing.share != 0 and not standing.in_hand and standing.done > standing.skipped


def _may_have_items(project: Project, user: Any) -> bool:
    """Whether it is for want of items that they get none: nobody has paused or closed anything."""
    active = Membership.objects.filter(
        user=user, project=project, role=Membership.Role.ANNOTATOR, state=Membership.State.ACTIVE
    )
    is_open = Project.objects.filter(pk=project.pk, state=Project.State.OPEN).exists()
    return is_open and active.exclude(stage=Membership.Stage.PAUSED).exists()


def finish(visit: Visit, done: int) -> None:
    """End a locked visit with the code. What was done for it counts for no other, and is not changed any more."""
    project = visit.recruit.project
    own = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
    visit.finished_at, visit.credited = timezone.now(), done
    visit.code = current(project).recruitment.completion_code or own
    visit.save(update_fields=["finished_at", "credited", "code"])
