"""Objects by a call: what the person may see (:mod:`annotation.access`), within the token's project. Raises Http404."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from rest_framework.request import Request

from annotation import access
from annotation.models import Assignment, Item, Membership, Project
from potato_site.api.endpoint import token_of
from potato_site.api.tokens import within


def projects(request: Request) -> QuerySet[Project]:
    """The projects this call may list: those the person labels in and those they look into as a whole."""
    return within(token_of(request), access.visible(request.user))


def visible_project(request: Request, slug: str) -> Project:
    """A project the person has anything to do with."""
    found = projects(request).select_related("dataset", "revision").filter(slug=slug).first()
    if found is None:
        raise Http404
    return found


def administered_project(request: Request, slug: str) -> Project:
    """A project the person may look into as a whole."""
    return _within(request, access.administered_project(request.user, slug))


def managed_project(request: Request, slug: str) -> Project:
    """A project the person may change."""
    return _within(request, access.managed_project(request.user, slug))


def adjudicated_project(request: Request, slug: str) -> Project:
    """A project in which the person decides where annotators differ."""
    return _within(request, access.adjudicated_project(request.user, slug))


def labeled_project(request: Request, slug: str) -> tuple[Project, list[Membership]]:
    """A project the person is an active member of."""
    project, memberships = access.project_of(request.user, slug)
    return _within(request, project), memberships


def invitations(request: Request, slug: str) -> QuerySet[Membership]:
    """What the person was asked to be in a project, and has not answered."""
    return within(token_of(request), access.invitations_of(request.user).filter(project__slug=slug), "project")


def assignment(request: Request, public_id: uuid.UUID) -> Assignment:
    """The person's own assignment."""
    found = access.assignment_of(request.user, public_id)
    _within(request, found.project)
    return found


def in_bounds(request: Request, public_id: uuid.UUID) -> None:
    """Whether the token's project, if it has one, is that of the assignment. Whose it is, the domain asks itself."""
    limit = token_of(request).project_id
    if limit is not None and not Assignment.objects.filter(public_id=public_id, project=limit).exists():
        raise Http404


def traces_of(item: Item) -> dict[str, Any]:
    """How an item's traces are named in an answer."""
    return {"trace": item.trace_a.external_id, "trace_b": item.trace_b and item.trace_b.external_id}


def _within(request: Request, project: Project) -> Project:
    limit = token_of(request).project_id
    if limit is not None and limit != project.pk:
        raise Http404
    return project
