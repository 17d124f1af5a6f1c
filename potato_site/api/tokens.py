"""API tokens: who a program acts for, and how much of that person's rights it has.

A token never gives more than its user's memberships; its scopes and its project only take away. Only the SHA-256 of
the secret is stored (256 random bits need no slow hash); the secret itself is shown once.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import timedelta
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from potato_site.accounts.models import ApiToken, AuditEntry, User

Row = TypeVar("Row", bound=Model)

START = "pts_"
SCOPES = {
    "read": "Projects, their configuration and people, items, submissions, agreement, datasets and imports.",
    "annotate": "Take items, save answers, submit, skip.",
    "import": "Create datasets and upload traces.",
    "export": "Start exports and download their files.",
    "manage": "Create projects, change their configuration, state, people and gold answers.",
}
MAX_DAYS = 366
USED_EVERY = timedelta(minutes=1)


def make(
    user: User,
    *,
    scopes: Collection[str],
    project: Any = None,
    days: int = 90,
    name: str = "",
    made_by: User | None = None,
) -> tuple[ApiToken, str]:
    """A new token and its secret, which is stored nowhere. ``project`` limits it to one project.

    Raises ValueError, with a sentence, for no or unknown scopes and for more than MAX_DAYS days.
    """
    unknown = set(scopes) - set(SCOPES)
    if unknown or not scopes:
        raise ValueError(f"a token needs one or more of these scopes: {', '.join(SCOPES)}")
    if not 1 <= days <= MAX_DAYS:
        raise ValueError(f"a token lives 1 to {MAX_DAYS} days")
    secret = START + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user,
        project=project,
        scope=" ".join(scope for scope in SCOPES if scope in scopes),
        sha256=digest_of(secret),
        prefix=secret[:12],
        name=name.strip()[:100],
        expires_at=timezone.now() + timedelta(days=days),
    )
    _audit("token.make", token, made_by or user)
    return token, secret


def revoke(token: ApiToken, by: User | None) -> None:
    """End a token at once. The record of it stays in the audit."""
    _audit("token.revoke", token, by)
    token.delete()


def unbound_of(user: User) -> QuerySet[ApiToken]:
    """A person's tokens that no project limits: they open whatever the person joins."""
    return ApiToken.objects.filter(user=user, project=None).order_by("pk")


def authenticate(secret: str) -> ApiToken | None:
    """The living token with this secret, its user fetched along; None if there is none, it expired or its user left."""
    if not secret.startswith(START) or len(secret) > 100:
        return None
    found = ApiToken.objects.select_related("user").filter(sha256=digest_of(secret)).first()
    if found is None or not found.user.is_active:
        return None
    if found.expires_at is not None and found.expires_at <= timezone.now():
        return None
    return found


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def scopes_of(token: ApiToken) -> set[str]:
    return set(token.scope.split())


def note_use(token: ApiToken) -> None:
    """Remember, at most once a minute, that a token was used to change something.

    Only calls that write anyway come here: a read must not wait for the write lock.
    """
    now = timezone.now()
    if token.last_used_at is not None and now - token.last_used_at < USED_EVERY:
        return
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - USED_EVERY)
    ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)


def within(token: Any, rows: QuerySet[Row], project: str = "pk") -> QuerySet[Row]:
    """Those of ``rows`` that a token's project leaves; ``project`` is the look-up from a row to its project."""
    limit = getattr(token, "project_id", None)
    return rows if limit is None else rows.filter(**{project: limit})


def _audit(action: str, token: ApiToken, by: User | None) -> None:
    about = {"user": token.user.username, "scope": token.scope, "name": token.name}
    AuditEntry.objects.create(
        user=by, project_id=token.project_id, action=action, object=f"token {token.prefix}…", after=about
    )
