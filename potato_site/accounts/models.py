"""Who may come in: people, API tokens, and the record of what was changed by whom."""

import re
import unicodedata
from collections.abc import Iterator
from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from potato_site.textjson import TextJSONField

# A name is also a folder of the deliverables, hence the narrow alphabet and the reserved words.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
RESERVED_NAMES = {"exports", "con", "nul", "prn", "aux", "potato", "system", "anonymous"}


def name_key(name: str) -> str:
    """The form in which two names are the same person: NFKC, case folded."""
    return unicodedata.normalize("NFKC", name).casefold()


def validate_username(name: str) -> None:
    """Raises ValidationError unless ``name`` may be an account and a folder."""
    if not NAME.fullmatch(name) or name.endswith(".") or name_key(name) in RESERVED_NAMES:
        raise ValidationError(
            f"{name!r} cannot be a user name: letters, digits and . _ @ + - only, at most 64, no reserved word"
        )


class UserManager(DjangoUserManager["User"]):
    def named(self, name: str) -> "User | None":
        """The user of this name, whatever its case, or None."""
        return self.filter(name_key=name_key(name)).first()


class User(AbstractUser):
    """A person. One set of users per installation; what they may do is in their memberships."""

    username = models.CharField(max_length=64, unique=True, validators=[validate_username])
    name_key = models.CharField(max_length=255, unique=True, editable=False)
    preferences = TextJSONField(default=dict)
    created_by_project = models.ForeignKey("annotation.Project", models.SET_NULL, null=True, related_name="+")
    password_is_from_file = models.BooleanField(default=False)
    # Raised to end every session of this person.
    session_generation = models.PositiveIntegerField(default=0)

    objects: ClassVar[UserManager] = UserManager()

    def save(self, *args, **kwargs) -> None:
        self.name_key = name_key(self.username)
        super().save(*args, **kwargs)

    def get_session_auth_hash(self) -> str:
        """Django compares it at every request: what changes it ends the sessions begun before."""
        return self._of_generation(super().get_session_auth_hash())

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """The same under secret keys that were replaced."""
        for by_password in super().get_session_auth_fallback_hash():
            yield self._of_generation(by_password)

    def _of_generation(self, by_password: str) -> str:
        return f"{by_password}.{self.session_generation}" if self.session_generation else by_password


class ApiToken(models.Model):
    """A key for programs. Only its SHA-256 is kept; ``prefix`` lets a person recognise it."""

    user = models.ForeignKey(User, models.CASCADE, related_name="api_tokens")
    project = models.ForeignKey("annotation.Project", models.CASCADE, null=True, related_name="+")
    # What it is for, in its owner's words.
    name = models.CharField(max_length=100, blank=True)
    # Names of scopes with spaces between; see potato_site.api.tokens.
    scope = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64, unique=True)
    prefix = models.CharField(max_length=12)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)
    # The last change made with it, to the minute. Reads leave no trace: they must not wait for the write lock.
    last_used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.scope})"


class AuditEntry(models.Model):
    """Who changed what, when. Append-only; values are redacted before they come here."""

    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    project = models.ForeignKey("annotation.Project", models.CASCADE, null=True, related_name="+")
    action = models.CharField(max_length=64)
    object = models.CharField(max_length=200)
    before = TextJSONField(null=True)
    after = TextJSONField(null=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name, verbose_name_plural = "change", "changes"
        indexes = [
            models.Index(fields=["project", "at"], name="audit_project_at"),
            models.Index(fields=["project", "object"], name="audit_project_object"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object}"


class Attempt(models.Model):
    """One try of something that is limited per hour. Rows go after a day; see accounts.limits."""

    kind = models.CharField(max_length=16)
    # Whom it is counted for: a network, or the digest of an address.
    who = models.CharField(max_length=64)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            models.Index(fields=["kind", "who", "at"], name="attempt_of_whom"),
            models.Index(fields=["at"], name="attempt_at"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.who}"
