"""Screening: items whose answer is known, labeled before any work; who comes near enough to it goes on to work.

The items are those that check people's work as well (``known_items``), another order for everybody. Such an item takes
no place, and what is said of it is no label, as in the calibration set; nobody is told what is known. An item whose
known answer is gone, or that is withdrawn, counts no more, and another one comes in its stead; one that is skipped
counts nothing. Who had work here before the project screened anybody goes on, unless a manager gives them a try.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format

from annotation.assignments import known_items
from annotation.models import Assignment, Item, Membership, Project, Screening, Slot, Submission
from annotation.models.querysets import DELIVERED, RESUMABLE, ItemQuerySet
from annotation.projects import sections
from annotation.projects.revisions import current
from annotation.quality.checked import KnownAnswers, read_submissions
from annotation.schemes.base import Scheme

EXEMPT, LET_THROUGH, PASSED = "exempt", "let_through", "passed"
DUE, UNDER_WAY, FAILED, LACKING = "due", "under_way", "failed", "lacking"
BEGINS = "A screening comes first. The project's page says what it takes."
NO_ITEMS = (
    "A screening comes first, and the project has too few items for it now. Its managers see that; come back later."
)
OVER = "There is nothing to be screened for any more."
# Points are sums of shares.
DIGITS = 6


@dataclass(frozen=True)
class Standing:
    """Where a person stands: ``exempt`` (had work before), ``let_through`` by a manager, ``passed``; ``due`` (the next
    item begins a try), ``under_way``, ``failed``, ``lacking`` (it is due, and there are not enough items).
    ``is_stuck``: it is under way, and there is no item left for it. ``is_at_item``: one of it is begun.

    ``items`` and ``needed`` are those of the try that is under way or comes next, ``more`` how often the rules let them
    try after that one. ``again_at``: from when on who has failed may try again by themselves; None: not.
    """

    state: str
    latest: Screening | None
    items: int
    needed: int
    answered: int = 0
    again_at: datetime | None = None
    more: int = 0
    is_stuck: bool = False
    is_at_item: bool = False

    @property
    def is_through(self) -> bool:
        """Nothing stands between the person and work."""
        return self.state in (EXEMPT, LET_THROUGH, PASSED)

    @property
    def failed(self) -> Screening | None:
        """The try that was not passed, and that nothing came after."""
        latest = self.latest
        return None if latest is None or latest.is_under_way or latest.is_passed else latest

    @property
    def can_be_given_a_try(self) -> bool:
        """By a manager: who does not begin one anyway."""
        return self.state in (EXEMPT, PASSED, FAILED)

    @property
    def is_given_now(self) -> bool:
        """A manager gave a try, and nothing of it is done or begun."""
        is_given = self.state == UNDER_WAY and self.latest is not None and self.latest.is_given
        return is_given and not self.answered and not self.is_at_item

    @property
    def begins_next(self) -> bool:
        """The next item is the first of a try."""
        return self.state == DUE or (self.is_given_now and not self.is_stuck)

    @property
    def wants_items(self) -> bool:
        """The person can do nothing before there are more items."""
        return self.state == LACKING or self.is_stuck

    @property
    def refusal(self) -> str:
        """Why this person gets nothing now; "" for who goes on, or tries."""
        if self.wants_items:
            return NO_ITEMS
        if self.state != FAILED:
            return ""
        if self.again_at is None:
            return "You did not pass the screening of this project. Thank you for your time."
        at = date_format(timezone.localtime(self.again_at), "DATETIME_FORMAT")
        return f"You did not pass the screening. You may try once more from {at} on, with other items."


def rules_of(project: Project) -> sections.Screening | None:
    """None where nobody is screened."""
    rules = current(project).quality_control.screening if project.revision_id else None
    return rules if rules is not None and rules.enabled else None


def standing_of(membership: Membership, now: datetime | None = None) -> Standing | None:
    """None where nobody is screened, and of who does not label."""
    return standings(membership.project, [membership], now).get(membership.pk)


def standings(project: Project, memberships: Sequence[Membership], now: datetime | None = None) -> dict[int, Standing]:
    """Membership id → standing, of those who label. As many queries for many as for one."""
    rules = rules_of(project)
    people = [one for one in memberships if one.role == Membership.Role.ANNOTATOR]
    if rules is None or not people:
        return {}
    looking = _Looking(project, rules, people, now or timezone.now())
    return {one.pk: looking.at(one) for one in people}


class _Looking:
    """What the standings of several people are told from."""

    def __init__(
        self, project: Project, rules: sections.Screening, people: Sequence[Membership], now: datetime
    ) -> None:
        self.rules, self.now = rules, now
        self.tries: dict[int, list[Screening]] = defaultdict(list)
        for one in Screening.objects.filter(membership__in=[person.pk for person in people]).order_by("number"):
            self.tries[one.membership_id].append(one)
        new = [person.pk for person in people if not self.tries.get(person.pk) and not person.is_let_through]
        self.worked = _have_worked(new) if new else set()
        under_way = [tries[-1] for tries in self.tries.values() if tries[-1].is_under_way]
        self.answered = _answered(project, under_way) if under_way else {}
        open_ones = [one for one in under_way if self.answered.get(one.pk, 0) < one.items]
        self.in_hand = _in_hand(project, [one.pk for one in open_ones]) if open_ones else set()
        self.without = {one.membership_id for one in open_ones if one.pk not in self.in_hand}
        asking = [person for person in people if person.pk in self.without or self._wants_items(person)]
        self.fresh = _n_fresh(project, asking) if asking else {}

    def at(self, person: Membership) -> Standing:
        tries = self.tries.get(person.pk, [])
        latest = tries[-1] if tries else None
        if person.is_let_through:
            return self._standing(LET_THROUGH, latest)
        if latest is None:
            return self._standing(
                EXEMPT if person.pk in self.worked else self._begins(person), None, self._more(person)
            )
        if latest.is_under_way:
            answered = self.answered.get(latest.pk, 0)
            more = self._more(person, len(tries) - 1)
            is_stuck = person.pk in self.without and not self.fresh.get(person.user_id)
            done = min(answered, latest.items)
            found = Standing(UNDER_WAY, latest, latest.items, latest.needed, done, more=more)
            return replace(found, is_stuck=is_stuck, is_at_item=latest.pk in self.in_hand)
        if latest.is_passed:
            return self._standing(PASSED, latest)
        again_at = self._again_at(person)
        if again_at is None or self._begins(person) == LACKING:
            return self._standing(FAILED, latest)
        if again_at > self.now:
            return Standing(FAILED, latest, self.rules.items, self.rules.needed, again_at=again_at)
        return self._standing(DUE, latest, self._more(person, len(tries)))

    def _standing(self, state: str, latest: Screening | None, more: int = 0) -> Standing:
        return Standing(state, latest, self.rules.items, self.rules.needed, more=more)

    def _more(self, person: Membership, before: int = 0) -> int:
        """How often the rules let somebody try again after a try that so many came before. What a manager gave is one
        try, and who came from a platform is there for an hour, not for days."""
        tries = self.tries.get(person.pk, [])
        is_given = bool(tries) and tries[-1].is_given and before == len(tries) - 1
        if is_given or person.source == Membership.Source.PLATFORM:
            return 0
        return max(0, self.rules.retries - before)

    def _wants_items(self, person: Membership) -> bool:
        if person.is_let_through:
            return False
        if not self.tries.get(person.pk):
            return person.pk not in self.worked
        return self._again_at(person) is not None

    def _begins(self, person: Membership) -> str:
        return DUE if self.fresh.get(person.user_id, 0) >= self.rules.items else LACKING

    def _again_at(self, person: Membership) -> datetime | None:
        """From when on the rules let who has failed try again."""
        tries = self.tries[person.pk]
        latest = tries[-1]
        if latest.ended_at is None or latest.is_passed or not self._more(person, len(tries) - 1):
            return None
        return latest.ended_at + timedelta(hours=self.rules.retry_after_hours)


def _have_worked(memberships: list[int]) -> set[int]:
    """Those who were ever given something to label for the project."""
    work = Assignment.objects.working().filter(project=OuterRef("project"), annotator=OuterRef("user"))
    return set(Membership.objects.filter(Exists(work), pk__in=memberships).values_list("pk", flat=True))


def _answered(project: Project, tries: Sequence[Screening]) -> dict[int, int]:
    """Try → how many of its items are over, and count."""
    rows = _over(project, [one.pk for one in tries]).order_by().values_list("screening")
    counts = dict(rows.annotate(Count("pk")))
    # Of one that seems complete, only what can be compared: other items have to come for the rest.
    complete = [one.pk for one in tries if counts.get(one.pk, 0) >= one.items]
    return {**counts, **{pk: len(points) for pk, points in _points(project, complete).items()}}


def _points(project: Project, tries: Collection[int]) -> dict[int, list[float]]:
    """Try → the points of its items that are over and can be compared, in their order."""
    if not tries:
        return {}
    over = list(_over(project, tries).order_by("pk").values_list("screening", "pk", "state"))
    likeness = _likeness(project, [pk for _, pk, state in over if state in DELIVERED])
    found: dict[int, list[float]] = {pk: [] for pk in tries}
    for attempt, pk, state in over:
        if (points := likeness.get(pk) if state in DELIVERED else 0.0) is not None:
            found[attempt].append(points)
    return found


def _in_hand(project: Project, tries: Collection[int]) -> set[int]:
    """Those of the tries of which an item is open, or lost and still wanted."""
    is_wanted = Q(state=Assignment.State.OPEN) | Q(state__in=RESUMABLE, item__in=pool(project).values("pk"))
    return set(Assignment.objects.filter(is_wanted, screening__in=tries).values_list("screening", flat=True))


def _over(project: Project, tries: Collection[int]) -> QuerySet[Assignment]:
    done = Assignment.objects.filter(screening__in=tries, state__in=[*DELIVERED, Assignment.State.SKIPPED])
    return done.filter(item__in=pool(project).values("pk"))


def _n_fresh(project: Project, people: Collection[Membership]) -> dict[int, int]:
    """User → how many items of the pool they may be given and never had."""
    items = pool(project)
    sizes = dict(items.order_by().values_list("group").annotate(Count("pk")))
    had = Assignment.objects.filter(annotator__in=[one.user_id for one in people], item__in=items.values("pk"))
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    for user, group, count in had.order_by().values_list("annotator", "item__group").annotate(Count("pk")):
        counts[user][group] = count
    return {
        one.user_id: sum(sizes.get(group, 0) - counts[one.user_id].get(group, 0) for group in {"", one.group})
        for one in people
    }


def n_left(membership: Membership) -> int:
    """How many items there are to screen this person by."""
    return _n_fresh(membership.project, [membership])[membership.user_id]


# --- the items ---------------------------------------------------------------------------------------------


def pool(project: Project) -> ItemQuerySet:
    """The items of the project that people can be screened by."""
    config = current(project)
    comparable = [scheme for scheme in config.annotation_schemes if _can_compare(scheme)]
    return known_items.items_of(project, comparable).filter(kind__in=config.kinds)


def _can_compare(scheme: Scheme) -> bool:
    own = type(scheme).likeness is not Scheme.likeness
    return own or any(measure.level == "nominal" for measure in scheme.measures())


def lacks_items_for_others(project: Project) -> bool:
    """Whether somebody new, who is in no group, could not be screened now."""
    rules = rules_of(project)
    return rules is not None and pool(project).open_to("").count() < rules.items


def next_item(membership: Membership) -> Item | None:
    """Another item that this person never had: in an order of their own, those last that need a label still, which who
    is screened by them cannot make any more."""
    had = Assignment.objects.filter(annotator=membership.user_id, item=OuterRef("pk"))
    wanted = Slot.objects.filter(item=OuterRef("pk"), assignment=None)
    fresh = (
        pool(membership.project)
        .open_to(membership.group)
        .exclude(Exists(had))
        .annotate(is_wanted=Exists(wanted))
        .order_by()
    )
    rows = fresh.values_list("is_wanted", "pk")
    chosen = min(rows, key=lambda row: (row[0], known_items.draw(membership.pk, row[1])), default=None)
    return None if chosen is None else Item.objects.get(pk=chosen[1])


# --- a try -------------------------------------------------------------------------------------------------


def begin(membership: Membership, now: datetime, *, is_given: bool = False) -> Screening:
    """A new try by the rules of now. The caller has locked the membership, and none is under way."""
    rules = current(membership.project).quality_control.screening
    before = Screening.objects.filter(membership=membership).order_by("-number").values_list("number", flat=True)
    return Screening.objects.create(
        membership=membership,
        number=(before.first() or 0) + 1,
        items=rules.items,
        needed=rules.needed,
        begun_at=now,
        is_given=is_given,
    )


def still_wanted(project: Project, attempt: Screening, begun: list[Assignment]) -> list[Assignment]:
    """Those of what was begun that are of this try, and that people can still be screened by."""
    mine = [one for one in begun if one.screening_id == attempt.pk]
    if not mine:
        return []
    items = pool(project).filter(pk__in=[one.item_id for one in mine])
    present = set(items.values_list("pk", flat=True))
    return [one for one in mine if one.item_id in present]


def judge(project: Project, attempt: Screening, now: datetime) -> bool:
    """End a try all of whose items are over. False where some of them cannot be compared, so that others have to come.

    The caller has locked the membership.
    """
    found = _points(project, [attempt.pk])[attempt.pk][: attempt.items]
    if len(found) < attempt.items:
        return False
    attempt.ended_at, attempt.points = now, round(sum(found), DIGITS)
    attempt.save(update_fields=["ended_at", "points"])
    return True


def _likeness(project: Project, assignments: Iterable[int]) -> dict[int, float | None]:
    """Assignment → how near it comes to what is known; None where nothing can be compared."""
    known = KnownAnswers(project)
    made = Submission.objects.filter(assignment__in=list(assignments), is_current=True)
    return {one.assignment: known.likeness(one) for one in read_submissions(made)}


def place_of(assignment: Assignment) -> tuple[int, int]:
    """The how-manieth item of how many of its try this one is."""
    attempt = assignment.screening
    assert attempt is not None
    earlier = _over(assignment.project, [attempt.pk]).filter(pk__lt=assignment.pk).count()
    return min(earlier + 1, attempt.items), attempt.items


def failed_people(project: Project, using: str = "default") -> set[int]:
    """Annotators who get no work as they did not pass. Who may try again is among them."""
    if rules_of(project) is None:
        return set()
    failed = _not_passed(using).filter(membership__project=project)
    return set(failed.values_list("membership__user", flat=True))


def failed_memberships(memberships: Sequence[Membership]) -> set[int]:
    """Of these, of whatever projects, those of who gets no work as they did not pass."""
    screened = [one.pk for one in memberships if rules_of(one.project) is not None]
    if not screened:
        return set()
    return set(_not_passed("default").filter(membership__in=screened).values_list("membership", flat=True))


def _not_passed(using: str) -> QuerySet[Screening]:
    """The latest tries of annotators, of those that were not passed."""
    later = Screening.objects.using(using).filter(membership=OuterRef("membership"), number__gt=OuterRef("number"))
    return Screening.objects.using(using).filter(
        ~Exists(later),
        membership__role=Membership.Role.ANNOTATOR,
        membership__state=Membership.State.ACTIVE,
        membership__is_let_through=False,
        points__lt=F("needed"),
    )


def n_failed_for_good(project: Project) -> int:
    """How many of them wait for a manager: they cannot try again, and have no platform to go back to."""
    members = Membership.objects.filter(project=project, user__in=failed_people(project))
    members = members.exclude(source=Membership.Source.PLATFORM)
    found = standings(project, list(members)).values() if members else ()
    return sum(one.state == FAILED and one.again_at is None for one in found)
