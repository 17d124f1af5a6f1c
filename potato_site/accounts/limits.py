"""At most so many tries an hour: guessing passwords over many names, asking for mails, making accounts.

Counted in the database, so that every web process counts the same and a restart forgets nothing. Saving labels never
comes here.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

from axes.models import AccessAttempt, AccessLog
from django.utils import timezone

from potato_site.accounts.models import Attempt

WINDOW = timedelta(hours=1)
KEPT = timedelta(days=1)
# Kind → tries an hour. A class of students behind one address must be able to register.
LIMITS = {"login": 100, "reset-network": 20, "reset-address": 3, "register": 100, "recruit": 100}


def reached(kind: str, who: str) -> bool:
    """Whether the tries of this hour are used up."""
    since = timezone.now() - WINDOW
    # No more rows are counted than matter.
    rows = Attempt.objects.filter(kind=kind, who=_short(who), at__gt=since).values_list("pk")
    return len(rows[: LIMITS[kind]]) >= LIMITS[kind]


def count(kind: str, who: str) -> None:
    """One more try."""
    Attempt.objects.create(kind=kind, who=_short(who))


def take(kind: str, who: str) -> bool:
    """Count one more try, unless the hour's are used up. Whether there was one left."""
    if reached(kind, who):
        return False
    count(kind, who)
    return True


def forget_old() -> int:
    """Delete what no limit and no lock looks at any more."""
    before = timezone.now() - KEPT
    # Of log-ins that went well there are rows of earlier versions.
    for model in (AccessAttempt, AccessLog):
        model.objects.filter(attempt_time__lt=before).delete()
    return Attempt.objects.filter(at__lt=before).delete()[0]


def _short(who: str) -> str:
    return who if len(who) <= 64 else sha256(who.encode(errors="replace")).hexdigest()
