"""People for the tests of the API."""

from __future__ import annotations

from typing import Any

from annotation.models import Membership
from potato_site.accounts.models import User


def member(name: str, project: Any, role: str = "manager", *, with_dataset: bool = True) -> User:
    """Somebody with a role in ``project``; a manager has its dataset as well."""
    user, _ = User.objects.get_or_create(username=name)
    Membership.objects.create(project=project, user=user, role=role, source=Membership.Source.ADMIN)
    if role == "manager" and with_dataset:
        project.dataset.managers.add(user)
    return user
