"""What people from a crowd platform are shown of their share, on the page of their project."""

from __future__ import annotations

from typing import Any

from annotation.assignments import shares
from annotation.models import Project
from annotation.projects.platforms import PLATFORMS
from annotation.projects.revisions import current


def shown(project: Project, user: Any) -> dict[str, Any]:
    """The template's context; empty for everybody else. The code is the one that the visit was finished with."""
    standing = shares.standing_of(project, user.pk)
    if standing is None:
        return {}
    platform = PLATFORMS[standing.visit.recruit.platform]
    return {
        "standing": standing,
        "platform": platform,
        "back": platform.back_to(standing.visit.code),
        "return_code": current(project).recruitment.return_code,
    }


def without_item(project: Project, user: Any, reason: str) -> str:
    """What to say to somebody who gets no item, for this reason. "": their visit is finished, and the page says so."""
    if shares.settle(project, user):
        return ""
    standing = shares.standing_of(project, user.pk)
    if standing is None or standing.done or not standing.visit.is_under_way:
        return reason
    code, platform = current(project).recruitment.return_code, PLATFORMS[standing.visit.recruit.platform]
    return f"{reason} Return the task on {platform.title}{f' with the code {code}' if code else ''}."
