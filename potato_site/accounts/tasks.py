"""What workers do for accounts."""

from __future__ import annotations

from potato_site.accounts import limits, mail, sessions
from potato_site.accounts.reset import send_reset_mails
from potato_site.jobs import JobHandle, handler, on_tick


@handler("accounts.mail", queue="fast", title="Mail to set a password")
def reset_mail(job: JobHandle) -> object:
    """Param ``email``: whoever has this address gets a link to set a password. Made here, so that no row holds it."""
    if mail.is_configured():
        send_reset_mails(job.params["email"])
    # Not how many: the row would tell who has an account.
    return None


@on_tick
def forget_attempts() -> None:
    """Counted tries nobody looks at any more."""
    limits.forget_old()


@on_tick
def forget_sessions() -> None:
    """Sessions that have ended."""
    sessions.forget_over()
