"""Mail about projects. The link is made when the mail is sent, so that no job row holds it."""

from __future__ import annotations

from annotation.models import Invitation
from annotation.projects import invitations
from potato_site.accounts import mail
from potato_site.jobs import JobHandle, handler


@handler("annotation.invitation_mail", queue="fast", title="Mail of an invitation")
def invitation_mail(job: JobHandle) -> object:
    """Send an invitation's link to its address, unless it has ended meanwhile."""
    rows = Invitation.objects.select_related("project", "made_by")
    invitation = rows.filter(pk=job.params["invitation"]).first()
    path = invitations.path_of(invitation) if invitation else ""
    if invitation is None or not path or not mail.is_configured():
        return {"sent": 0}
    job.check()
    mail.send(
        invitation.email,
        f"Invitation to {invitation.project.name}",
        "accounts/mail/invitation.txt",
        {
            "maker": invitation.made_by,
            "project": invitation.project.name,
            "role": invitation.get_role_display().lower(),
            "expires_at": invitation.expires_at,
            "link": mail.address(path),
        },
    )
    return {"sent": 1}
