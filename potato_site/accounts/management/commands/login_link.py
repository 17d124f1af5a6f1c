"""``potato login-link NAME``: print a fresh one-time log-in link."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from potato_site.accounts.links import link_path
from potato_site.accounts.models import User
from potato_site.supervise import served_at

USUAL = "http://127.0.0.1:8000"


def address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ArgumentTypeError(f"{text!r} is no address; one is https://labels.example.org")
    return text


class Command(BaseCommand):
    help = "Print a log-in link for a person: good for 72 hours and one use."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", help="the person's user name")
        parser.add_argument(
            "--url",
            type=address,
            help=f"address of the site (default: POTATO_URL, else where it is served now, else {USUAL})",
        )

    def handle(self, *args: Any, **options: Any) -> str:
        user = User.objects.named(options["username"])
        if user is None or not user.is_active:
            raise CommandError(f"There is no active user called {options['username']!r}.")
        url = options["url"] or settings.SITE_URL or served_at(settings.POTATO_HOME) or USUAL
        return url.rstrip("/") + link_path(user)
