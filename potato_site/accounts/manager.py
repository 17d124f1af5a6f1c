"""The person who runs an installation."""

from __future__ import annotations

from django.db import transaction

from potato_site.accounts.models import User

MANAGER = "manager"


@transaction.atomic
def ensure_manager() -> User:
    """The first superuser; made as ``manager`` with an unusable password (a log-in link lets in) if there is none."""
    first = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if first:
        return first
    # ``manager`` may be somebody else's name already: never make that person a superuser.
    name = next(n for n in (MANAGER, *(f"{MANAGER}{i}" for i in range(2, 1000))) if not User.objects.named(n))
    return User.objects.create_superuser(name, password=None)
