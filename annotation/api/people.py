"""The people of a project: who they are in it, and inviting more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import access
from annotation.api import lookup
from annotation.assignments import screening, shares
from annotation.models import Invitation, Membership
from annotation.models.projects import GROUP_LENGTH
from annotation.projects import invitations, membership
from potato_site.accounts.decorators import person_of
from potato_site.api import pages, query
from potato_site.api.addresses import absolute
from potato_site.api.endpoint import Endpoint, Strict, read

MOST = 500
TAG = "People"


class RecruitShown(serializers.Serializer):
    platform = serializers.CharField()
    person_id = serializers.CharField(help_text="What the platform calls the person.")
    study_id = serializers.CharField(help_text="Of the latest visit, as all that follows.")
    session_id = serializers.CharField()
    came_at = serializers.DateTimeField()
    state = serializers.ChoiceField(
        choices=["working", "waiting", "finished", "left"],
        help_text="`waiting`: there was no item for them, and a manager has to give the code or end the visit.",
    )
    items_done = serializers.IntegerField()
    share = serializers.IntegerField(allow_null=True, help_text="Null: as many items as there are.")
    finished_at = serializers.DateTimeField(allow_null=True, help_text="When the code was shown.")
    code = serializers.CharField(allow_blank=True)


class ScreeningShown(serializers.Serializer):
    state = serializers.ChoiceField(
        choices=["exempt", "let_through", "passed", "due", "under_way", "failed", "lacking"],
        help_text="`exempt`: had work before anybody was screened. `lacking`: too few items to begin.",
    )
    items = serializers.IntegerField(help_text="Of the latest try, or of the first one to come.")
    needed = serializers.IntegerField(help_text="The points that pass.")
    answered = serializers.IntegerField(help_text="Items of the try under way that are done.")
    points = serializers.FloatField(allow_null=True, help_text="Of the latest try, once it has ended.")
    ended_at = serializers.DateTimeField(allow_null=True)
    again_at = serializers.DateTimeField(allow_null=True, help_text="From when on who failed may try again.")


class PersonShown(serializers.Serializer):
    id = serializers.IntegerField(help_text="Of the membership: one per role.")
    username = serializers.CharField()
    role = serializers.ChoiceField(choices=Membership.Role.choices)
    stage = serializers.ChoiceField(choices=Membership.Stage.choices)
    state = serializers.ChoiceField(choices=Membership.State.choices)
    source = serializers.ChoiceField(choices=Membership.Source.choices)
    group = serializers.CharField(allow_blank=True, help_text="Gets the items that are kept for it.")
    is_excluded = serializers.BooleanField(help_text="Their labels are left out of exports and agreement.")
    screening = ScreeningShown(
        allow_null=True, help_text="Null where nobody is screened, of who does not label, and for who is no manager."
    )
    recruit = RecruitShown(
        allow_null=True, help_text="Who came from a crowd platform. Null for others, and for who is no manager."
    )


class PersonInvited(Strict):
    username = serializers.CharField(required=False, default="", allow_blank=True, max_length=64)
    email = serializers.CharField(required=False, default="", allow_blank=True, max_length=254)
    role = serializers.ChoiceField(choices=Membership.Role.choices, required=False, default=Membership.Role.ANNOTATOR)


class GroupGiven(Strict):
    group = serializers.CharField(allow_blank=True, max_length=GROUP_LENGTH, help_text="Empty: in no group.")


class PeopleInvited(Strict):
    people = PersonInvited(many=True, allow_empty=False, max_length=MOST)


class OutcomeShown(serializers.Serializer):
    username = serializers.CharField(allow_blank=True)
    email = serializers.CharField(allow_blank=True)
    role = serializers.CharField()
    outcome = serializers.ChoiceField(choices=["joined", "asked", "link", "already", "problem"])
    text = serializers.CharField()
    invitation = serializers.IntegerField(allow_null=True, help_text="Where there is a link: see the invitations.")


class OutcomesShown(serializers.Serializer):
    people = OutcomeShown(many=True)


class InvitationShown(serializers.Serializer):
    id = serializers.IntegerField()
    username = serializers.CharField(allow_blank=True)
    email = serializers.CharField(allow_blank=True)
    role = serializers.ChoiceField(choices=Membership.Role.choices)
    expires_at = serializers.DateTimeField()
    url = serializers.CharField(allow_blank=True, help_text="Works once. Empty: the link has ended.")


class JoinedShown(serializers.Serializer):
    roles = serializers.ListField(child=serializers.ChoiceField(choices=Membership.Role.choices))


class People(Endpoint):
    tag = TAG
    scopes = {"GET": "read", "POST": "manage"}

    @extend_schema(
        operation_id="people", summary="People of a project", parameters=pages.PARAMETERS,
        responses=pages.of(PersonShown),
    )  # fmt: skip
    def get(self, request: Request, slug: str) -> Response:
        query.only(request, paged=True)
        project = lookup.administered_project(request, slug)
        rows = Membership.objects.filter(project=project).select_related("user")
        if not access.manages(request.user, project):
            return pages.page(request, rows, person)
        came: dict[int, shares.Standing] = {}
        screened: dict[int, screening.Standing] = {}

        def look_up(shown: Sequence[Membership]) -> None:
            came.update(shares.standings(project, [one.user_id for one in shown]))
            screened.update(screening.standings(project, shown))

        def told(one: Membership) -> dict[str, Any]:
            return person(one, came.get(one.user_id), screened.get(one.pk))

        return pages.page(request, rows, told, before=look_up)

    @extend_schema(
        operation_id="people_invite", summary="Invite people", request=PeopleInvited, responses=OutcomesShown
    )
    def post(self, request: Request, slug: str) -> Response:
        """Who has an account is asked to join, a newcomer gets a link; `outcome` says which, for each."""
        project = lookup.managed_project(request, slug)
        entries = [invitations.Entry(**entry) for entry in read(PeopleInvited, request)["people"]]
        done = invitations.invite_names(project, entries, person_of(request))
        return Response({"people": [outcome(one) for one in done]})


class _Person(Endpoint):
    tag = TAG
    scopes = {"POST": "manage"}

    def found(self, request: Request, slug: str, membership_id: int) -> Membership:
        people = Membership.objects.filter(project=lookup.managed_project(request, slug))
        return get_object_or_404(people.select_related("user"), pk=membership_id)


class Pause(_Person):
    @extend_schema(operation_id="person_pause", summary="Pause a person", request=None, responses=PersonShown)
    def post(self, request: Request, slug: str, membership_id: int) -> Response:
        """No new items; what they have open they may finish. Sent again it changes nothing."""
        membership.pause(self.found(request, slug, membership_id), person_of(request))
        return Response(_person(self.found(request, slug, membership_id)))


class Resume(_Person):
    @extend_schema(operation_id="person_resume", summary="Resume a person", request=None, responses=PersonShown)
    def post(self, request: Request, slug: str, membership_id: int) -> Response:
        """Items again."""
        membership.resume(self.found(request, slug, membership_id), person_of(request))
        return Response(_person(self.found(request, slug, membership_id)))


class Group(_Person):
    @extend_schema(
        operation_id="person_group", summary="Put a person into a group", request=GroupGiven, responses=PersonShown
    )
    def post(self, request: Request, slug: str, membership_id: int) -> Response:
        """They get the items that are kept for it, and those that are for everybody."""
        found, group = self.found(request, slug, membership_id), read(GroupGiven, request)["group"]
        membership.set_group(found, person_of(request), group)
        return Response(_person(self.found(request, slug, membership_id)))


class Invitations(Endpoint):
    tag = TAG
    scopes = {"GET": "manage"}

    @extend_schema(
        operation_id="invitations", summary="Links nobody has used yet", parameters=pages.PARAMETERS,
        responses=pages.of(InvitationShown),
    )  # fmt: skip
    def get(self, request: Request, slug: str) -> Response:
        query.only(request, paged=True)
        project = lookup.managed_project(request, slug)
        waiting = invitations.waiting(project).select_related("project", "made_by")
        backed = invitations.backed(project, waiting.values("made_by"))
        return pages.page(request, waiting, lambda row: invitation(request, row, backed))


class Join(Endpoint):
    tag = TAG
    scopes = {"POST": "annotate"}

    @extend_schema(operation_id="people_join", summary="Accept an invitation", request=None, responses=JoinedShown)
    def post(self, request: Request, slug: str) -> Response:
        """The token's person joins a project that asked them to. Sent again it changes nothing. Where another
        project made the account, tokens that are bound to none end with it, this one too."""
        for asked in lookup.invitations(request, slug):
            membership.accept(asked)
        _, memberships = lookup.labeled_project(request, slug)
        return Response({"roles": sorted({one.role for one in memberships})})


def _person(one: Membership) -> dict[str, Any]:
    """To a manager."""
    return person(one, shares.standing_of(one.project, one.user_id), screening.standing_of(one))


def person(
    one: Membership, standing: shares.Standing | None = None, screened: screening.Standing | None = None
) -> dict[str, Any]:
    return {
        "id": one.pk,
        "username": one.user.get_username(),
        "role": one.role,
        "stage": one.stage,
        "state": one.state,
        "source": one.source,
        "group": one.group,
        "is_excluded": one.is_excluded,
        "screening": _screening(screened) if screened else None,
        "recruit": _recruit(standing) if standing else None,
    }


def _screening(standing: screening.Standing) -> dict[str, Any]:
    latest = standing.latest
    rules = latest or standing
    return {
        "state": standing.state,
        "items": rules.items,
        "needed": rules.needed,
        "answered": standing.answered,
        "points": latest.points if latest else None,
        "ended_at": latest.ended_at if latest else None,
        "again_at": standing.again_at,
    }


def _recruit(standing: shares.Standing) -> dict[str, Any]:
    visit = standing.visit
    return {
        "platform": visit.recruit.platform,
        "person_id": visit.recruit.external_id,
        "study_id": visit.study_id,
        "session_id": visit.session_id,
        "came_at": visit.came_at,
        "state": standing.state,
        "items_done": standing.done,
        "share": standing.share,
        "finished_at": visit.finished_at,
        "code": visit.code,
    }


def outcome(done: invitations.Outcome) -> dict[str, Any]:
    """Without the link itself: answers may be kept, a link never is."""
    return {
        "username": done.entry.username,
        "email": done.entry.email,
        "role": done.entry.role,
        "outcome": done.kind,
        "text": done.text,
        "invitation": done.invitation.pk if done.invitation else None,
    }


def invitation(request: Request, row: Invitation, backed: set[int]) -> dict[str, Any]:
    path = invitations.path_of(row, backed)
    return {
        "id": row.pk,
        "username": row.username,
        "email": row.email,
        "role": row.role,
        "expires_at": row.expires_at,
        "url": absolute(request, path) if path else "",
    }
