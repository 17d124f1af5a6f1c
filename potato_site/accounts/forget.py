"""What an account knows of its person, and how it is left without any of it. What the person did in projects is the
business of ``annotation.projects.forgetting``."""

from __future__ import annotations

import re
from hashlib import sha256

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db.models import F, Q

from potato_site.accounts.models import ApiToken, Attempt, User, name_key
from potato_site.api.models import IdempotencyKey

AT_ONCE = 200
# What is not part of a longer name or address.
BEFORE, BEHIND = r"(?<![\w.@+-])", r"(?![\w@+-])"


def neutral_name(user: User) -> str:
    """The name that says nothing: always the same, so that what was begun is gone on with."""
    name, number = f"person-{user.pk}", 1
    while User.objects.filter(name_key=name_key(name)).exclude(pk=user.pk).exists():
        number += 1
        name = f"person-{user.pk}-{number}"
    return name


def close(user: User) -> None:
    """Nobody signs in with this account any more, by whatever way: in the caller's transaction."""
    user.set_unusable_password()
    User.objects.filter(pk=user.pk).update(
        is_active=False,
        is_staff=False,
        is_superuser=False,
        password=user.password,
        password_is_from_file=False,
        last_login=None,
        session_generation=F("session_generation") + 1,
    )
    ApiToken.objects.filter(user=user).delete()


def forget_traces_of_use(user: User) -> None:
    """Where the person signed in from, tried to, and what programs sent in their name."""
    IdempotencyKey.objects.filter(user=user).delete()
    _forget_answers(user)
    for session in Session.objects.iterator():
        if session.get_decoded().get(SESSION_KEY) == str(user.pk):
            session.delete()
    by_name = Q(username=user.name_key) | Q(username=user.username)
    for model in (AccessAttempt, AccessFailureLog, AccessLog):
        model.objects.filter(by_name).delete()
    if user.email:
        Attempt.objects.filter(who=sha256(user.email.casefold().encode()).hexdigest()).delete()


def _forget_answers(user: User) -> None:
    """What others' programs were answered, where it quotes the person: such a call, repeated, is a new one."""
    quotes = quoting(user)
    held = Q(body__icontains=user.username) | (Q(body__icontains=user.email) if user.email else Q())
    rows = IdempotencyKey.objects.filter(held).values_list("pk", "body")
    found = [pk for pk, body in rows.iterator() if quotes.search(body)]
    for start in range(0, len(found), AT_ONCE):
        IdempotencyKey.objects.filter(pk__in=found[start : start + AT_ONCE]).delete()


def quoting(user: User) -> re.Pattern[str]:
    """Finds the person's name and address in a text, but not in a longer name or address."""
    words = [re.escape(word) for word in (user.username, user.email) if word]
    return re.compile(rf"{BEFORE}(?:{'|'.join(words)}){BEHIND}", re.IGNORECASE)


def make_neutral(user: User, name: str) -> None:
    """The account keeps its number, by which what it did is its own, and nothing else of the person."""
    user.username = name
    user.first_name = user.last_name = user.email = ""
    user.preferences = {}
    user.created_by_project = None
    user.save(
        update_fields=["username", "name_key", "first_name", "last_name", "email", "preferences", "created_by_project"]
    )
    user.groups.clear()
    user.user_permissions.clear()
