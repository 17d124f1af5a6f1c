"""What stands in the addresses of pages about people: links, invitations, tokens. Made where there is none."""

from __future__ import annotations

from typing import Any

from annotation.models import Invitation, Membership, Project
from annotation.projects import invitations
from potato_site.accounts import reset
from potato_site.accounts.models import ApiToken, User
from potato_site.api import tokens


def membership_of(user: User, project: Project) -> dict[str, Any]:
    return {"membership_id": Membership.objects.get(user=user, project=project, role="annotator").pk}


def asked(user: User, elsewhere: Project) -> dict[str, Any]:
    """Somebody is asked to join another project."""
    found, _ = Membership.objects.get_or_create(
        user=user, project=elsewhere, role="viewer", defaults={"source": "admin", "state": "invited"}
    )
    return {"membership_id": found.pk}


def invitation_to(project: Project) -> Invitation:
    found = Invitation.objects.filter(project=project).first()
    return found or invitations.invite(project, "adjudicator", User.objects.get(username="superuser"))[0]


def link_to(project: Project) -> dict[str, Any]:
    return {"invitation": invitations.path_of(invitation_to(project)).strip("/").split("/")[-1]}


def token_of(user: User) -> dict[str, Any]:
    found = ApiToken.objects.filter(user=user).first() or tokens.make(user, scopes=["read"])[0]
    return {"token_id": found.pk}


def reset_link_of(user: User) -> dict[str, Any]:
    person, token = reset.reset_path(user).strip("/").split("/")[-2:]
    return {"person": person, "reset_token": token}
