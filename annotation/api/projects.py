"""Projects: list, look, make, open, pause, close."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import access
from annotation.api import config, lookup
from annotation.api.people import PersonInvited
from annotation.models import Membership, Project
from annotation.projects import apply, invitations
from annotation.projects.create import create_project, name_of
from annotation.projects.lifecycle import set_state
from potato_site.accounts.decorators import person_of
from potato_site.api import pages
from potato_site.api.addresses import address
from potato_site.api.endpoint import Endpoint, Strict, read, unbound
from potato_site.api.problems import Problem
from traces.api import lookup as datasets


class ProjectShown(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=[one for one in Project.State.choices if one[0] != Project.State.PURGING])
    roles = serializers.ListField(
        child=serializers.ChoiceField(choices=Membership.Role.choices), help_text="What the token's person is in it."
    )
    dataset = serializers.IntegerField(allow_null=True, help_text="Null for who only labels here, as the next two.")
    revision = serializers.IntegerField(allow_null=True, help_text="Number of the current configuration.")
    seq = serializers.IntegerField(allow_null=True, help_text="Counts everything that changes an export.")
    created_at = serializers.DateTimeField()


def shown(project: Project, request: Request) -> dict[str, Any]:
    """A project (of :func:`with_mine`) as a program sees it."""
    memberships: list[Membership] = project.mine  # type: ignore[attr-defined]
    roles = sorted({membership.role for membership in memberships})
    is_whole = person_of(request).is_superuser or any(role != Membership.Role.ANNOTATOR for role in roles)
    return {
        "slug": project.slug,
        "name": project.name,
        "state": project.state,
        "roles": roles,
        "dataset": project.dataset_id if is_whole else None,
        "revision": project.revision.number if is_whole and project.revision else None,
        "seq": project.seq if is_whole else None,
        "created_at": project.created_at,
    }


def with_mine(request: Request) -> Any:
    """The projects of a call with the person's memberships: three queries for any number of them."""
    mine = Membership.objects.filter(user=request.user, state=Membership.State.ACTIVE)
    found = lookup.projects(request).select_related("revision")
    return found.prefetch_related(Prefetch("memberships", mine, to_attr="mine"))


def one(request: Request, slug: str) -> dict[str, Any]:
    project = lookup.visible_project(request, slug)
    return shown(with_mine(request).get(pk=project.pk), request)


class ProjectGiven(Strict):
    name = serializers.CharField(max_length=200)
    dataset = serializers.IntegerField(
        required=False, min_value=1, help_text="One that you manage. Left out: a new, empty one of the same name."
    )
    config = serializers.CharField(
        max_length=256_000,
        trim_whitespace=False,
        help_text="The configuration as YAML; its name is replaced by `name`.",
    )
    people = PersonInvited(many=True, required=False, default=list, max_length=500)

    def validate_name(self, value: str) -> str:
        """Judged here too, so that the mistake stands at its field."""
        return name_of(value)


class StateGiven(Strict):
    state = serializers.ChoiceField(choices=[Project.State.OPEN, Project.State.PAUSED, Project.State.CLOSED])


class ProjectList(Endpoint):
    tag = "Projects"
    scopes = {"GET": "read", "POST": "manage"}

    @extend_schema(
        operation_id="projects_list",
        summary="List projects",
        parameters=pages.PARAMETERS,
        responses=pages.of(ProjectShown),
    )
    def get(self, request: Request) -> Response:
        """Those the token's person labels in or looks into."""
        return pages.page(request, with_mine(request), lambda project: shown(project, request))

    @extend_schema(
        operation_id="projects_create",
        summary="Create a project",
        request=ProjectGiven,
        responses={201: OpenApiResponse(ProjectShown, description="A draft; the token's person manages it.")},
    )
    def post(self, request: Request) -> Response:
        """Nobody labels it before it is opened."""
        unbound(request)
        if not access.manages_something(request.user):
            raise PermissionDenied("Only people who manage a project may make another one.")
        given = read(ProjectGiven, request)
        dataset = datasets.dataset(request, given["dataset"]) if "dataset" in given else given["name"]
        parsed = apply.read(given["config"])
        if parsed.config is None:
            raise Problem("invalid", errors=[config.note(one) for one in parsed.errors])
        people = [invitations.Entry(**person) for person in given["people"]]
        project = create_project(given["name"], dataset, parsed.config, people, person_of(request))
        made_at = address(request, "api-project", project.slug)
        return Response(one(request, project.slug), status=201, headers={"Location": made_at})


class ProjectOne(Endpoint):
    tag = "Projects"
    scopes = {"GET": "read", "PATCH": "manage"}

    @extend_schema(operation_id="projects_get", summary="One project", responses=ProjectShown)
    def get(self, request: Request, slug: str) -> Response:
        return Response(one(request, slug))

    @extend_schema(
        operation_id="projects_state", summary="Open, pause or close", request=StateGiven, responses=ProjectShown
    )
    def patch(self, request: Request, slug: str) -> Response:
        """Pausing and closing stop new items; what somebody has open can be finished."""
        project = lookup.managed_project(request, slug)
        set_state(project, read(StateGiven, request)["state"], person_of(request))
        return Response(one(request, slug))
