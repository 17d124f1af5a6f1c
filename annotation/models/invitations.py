"""Invitation links to a project."""

from django.conf import settings
from django.db import models

from annotation.models.projects import Membership, Project


class Invitation(models.Model):
    """A link that makes its holder a member: one project, one role, one use. The link itself is never stored."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=12, choices=Membership.Role.choices)
    # Whom it is meant for. The name a newcomer gets; empty: they choose one.
    username = models.CharField(max_length=64, blank=True)
    email = models.EmailField(blank=True)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    made_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    # The link's token is derived from the secret key and this; only its digest is looked up.
    nonce = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64, unique=True)
    used_at = models.DateTimeField(null=True)
    used_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["project", "-made_at"], name="invitation_project_made")]

    def __str__(self) -> str:
        return f"invitation {self.pk} of {self.username or 'anybody'} ({self.role})"
