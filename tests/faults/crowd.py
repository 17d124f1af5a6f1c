"""What happens to people: they come from a platform, finish, leave, are screened, join, and are forgotten."""

from __future__ import annotations

from django.http import Http404

from annotation.assignments.handout import hand_out
from annotation.models import Assignment, Item, Membership, Visit
from annotation.pages import shares
from annotation.projects import forgetting, membership, recruitment
from annotation.projects.platforms import PLATFORMS, Arrival
from annotation.quality.gold import set_gold
from potato_site.accounts.models import User
from tests.faults.stage import OUTCOMES, Act, Stage, one_of


def come(stage: Stage, who: int, what: int, how: int) -> None:
    """With ids of three people, each in two studies, twice in each: in the browser of before, or in another."""
    ids = f"P{who % 3}", f"S{what % 2}", f"P{who % 3}x{what % 2}x{how % 2}"
    arrival = Arrival(PLATFORMS["prolific"], *ids)
    if recruitment.platform_of(stage.fresh()) is None:
        raise Http404
    before = recruitment.known(stage.project, arrival).recruit
    recruitment.enter(stage.project, arrival, before.user if before and how % 3 else None)


def ask_for_more(stage: Stage, who: int, what: int, how: int) -> None:
    """As the page does: whoever gets none may have finished."""
    user = stage.recruit(who).user
    given = hand_out(stage.fresh(), user, stage.now)
    if given.assignment is None:
        shares.without_item(stage.project, user, given)


def not_me(stage: Stage, who: int, what: int, how: int) -> None:
    """Who came first under an ID ends what another began: somebody comes anew with ids that nobody used."""
    visit = stage.visit(what, finished_at__isnull=False)
    mine = Arrival(PLATFORMS["prolific"], visit.recruit.external_id, visit.study_id, visit.session_id)
    if how % 2:
        other = Arrival(mine.platform, mine.person, "S9", f"{mine.person}x9x{how}")
        recruitment.enter(stage.fresh(), other, None)
    recruitment.end_other(stage.project, mine)


def under_way(stage: Stage, number: int) -> int:
    return one_of(Visit.objects.under_way().filter(recruit__project=stage.project), number).pk


def give_a_try(stage: Stage, who: int, what: int, how: int) -> None:
    """There may have to be something known first that the person never had."""
    member = one_of(stage.members().filter(is_let_through=False), who)
    if how % 2:
        had = Assignment.objects.filter(annotator=member.user).values("item")
        new = one_of(Item.objects.present().filter(project=stage.project, kind="trace").exclude(pk__in=had), what)
        set_gold(stage.fresh(), new, "outcome", {"": OUTCOMES[0]}, user=stage.boss)
    membership.give_try(member, stage.boss, stage.now)


def take_back_a_try(stage: Stage, who: int, what: int, how: int) -> None:
    if how % 2:
        give_a_try(stage, who, what, how)
    membership.take_back_try(one_of(stage.members().filter(is_let_through=False), who), stage.boss)


def give_code(stage: Stage, who: int, what: int, how: int) -> None:
    """Often while they have an item in hand, which goes back."""
    visit = Visit.objects.select_related("recruit__user").get(pk=under_way(stage, what))
    if how % 2:
        hand_out(stage.fresh(), visit.recruit.user, stage.now)
    recruitment.give_code(stage.fresh(), visit.pk, stage.boss)


def join(stage: Stage, who: int, what: int, how: int) -> None:
    user = User.objects.create_user(f"new{who}-{what}-{how}-{User.objects.count()}")
    mine = Membership.objects.create(project=stage.project, user=user, role="annotator", source="admin")
    membership.let_in(mine, user)


def forget(stage: Stage, who: int, what: int, how: int) -> None:
    """Seldom: there are others to work with."""
    if how % 3:
        raise Http404
    forgetting.forget(stage.person(who), who="boss", with_exports=False)


ACTS: dict[str, Act] = {
    "come": come,
    "ask for more": ask_for_more,
    "not me": not_me,
    "give the code": give_code,
    "end a visit": lambda stage, who, what, how: recruitment.end_visit(
        stage.fresh(), under_way(stage, what), stage.boss
    ),
    "let through": lambda stage, who, what, how: membership.let_through(stage.member(who), stage.boss, how % 3 > 0),
    "give a try": give_a_try,
    "take back a try": take_back_a_try,
    "join": join,
    "forget": forget,
}
