"""Mail. Sent by jobs only, so that no page waits for a mail server; links in it start with the site's own address."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string


def is_configured() -> bool:
    """Whether mail can be sent: a server (``EMAIL_HOST``) and the address of this site (``POTATO_URL``) are set."""
    return bool(settings.EMAIL_HOST and settings.SITE_URL)


def address(path: str) -> str:
    """The whole address of a path of this site. Never taken from a request, whose host may be a stranger's."""
    return settings.SITE_URL.rstrip("/") + path


def send(to: str, subject: str, template: str, context: dict[str, Any]) -> None:
    """One plain-text mail. Raises OSError when the mail server cannot be reached: the job then tries again."""
    one_line = " ".join(subject.split())
    send_mail(one_line, render_to_string(template, context), None, [to])
