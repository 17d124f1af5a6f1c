"""Settings that work and are wrong on a server: ``manage.py check --deploy``, and ``potato serve`` at every start."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection

from potato_site.logs import safe_message

MOST_SKEW_SECONDS = 5.0
LOCAL = {"localhost", "127.0.0.1", "::1", ""}

Check = Callable[[], Iterator[CheckMessage]]


def deployment(check: Check) -> Check:
    """Decorator: one of the checks for a server."""

    def run(app_configs: Any, **_: Any) -> list[CheckMessage]:
        return list(check())

    register(run, Tags.security, deploy=True)
    return check


@deployment
def secrets() -> Iterator[CheckMessage]:
    try:
        settings.SECRET_KEY  # noqa: B018  Django refuses to give an empty one
    except ImproperlyConfigured:
        yield Error("there is no secret key.", hint="Set SECRET_KEY, or serve a home that has one.", id="potato.E001")
    token = settings.METRICS_TOKEN
    if token and len(token) < 16:
        yield Warning("POTATO_METRICS_TOKEN is shorter than 16 characters: it can be guessed.", id="potato.W002")
    for network in settings.METRICS_FROM:
        try:
            ip_network(network, strict=False)
        except ValueError:
            yield Error(f"POTATO_METRICS_FROM: {network!r} is no network.", id="potato.E003")


@deployment
def addresses() -> Iterator[CheckMessage]:
    if not settings.HTTPS:
        yield Warning(
            "people's passwords and sessions travel unencrypted.",
            hint="Serve by HTTPS and set POTATO_HTTPS=1.", id="potato.W004",
        )  # fmt: skip
    elif not settings.TRUSTED_PROXIES:
        yield Warning(
            "with HTTPS a proxy stands before the site, and nobody says so: one person's failed log-ins lock all out.",
            hint="Set POTATO_PROXIES to how many there are.", id="potato.W005",
        )  # fmt: skip
    if "*" in settings.ALLOWED_HOSTS:
        yield Warning("ALLOWED_HOSTS lets anybody choose the site's name.", id="potato.W006")
    if not os.environ.get("ALLOWED_HOSTS"):
        yield Warning("ALLOWED_HOSTS is not set: only this machine may ask.", id="potato.W007")


@deployment
def broker() -> Iterator[CheckMessage]:
    is_redis = bool(os.environ.get("CELERY_BROKER_URL"))
    if connection.vendor == "postgresql" and not is_redis:
        yield Warning(
            "the broker is a folder of this machine: workers elsewhere hear nothing until the next tick.",
            hint="Set CELERY_BROKER_URL=redis://…", id="potato.W010",
        )  # fmt: skip
    if connection.vendor == "sqlite" and is_redis:
        yield Warning(
            "SQLite serves one machine, and a broker of several is set.",
            hint="Set DATABASE_URL=postgres://…", id="potato.W011",
        )  # fmt: skip
    address = urlsplit(os.environ.get("CELERY_BROKER_URL", ""))
    if is_redis and address.hostname not in LOCAL and not address.password:
        yield Warning("Redis is on another machine and asks for no password.", id="potato.W012")


@deployment
def database() -> Iterator[CheckMessage]:
    try:
        yield from _postgres() if connection.vendor == "postgresql" else _sqlite()
    except DatabaseError as problem:
        yield Error(f"the database does not answer: {safe_message(problem)}", id="potato.E020")


def _postgres() -> Iterator[CheckMessage]:
    with connection.cursor() as cursor:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            cursor.execute(f"SHOW {name}")
            (value,) = cursor.fetchone()
            if value in {"off", "local"} and not (name == "synchronous_commit" and value == "local"):
                yield Error(
                    f"Postgres has {name}={value}: a label that was shown as saved can be lost.",
                    hint=f"Set {name}=on.", id="potato.E021",
                )  # fmt: skip
        cursor.execute("SELECT clock_timestamp()")
        (theirs,) = cursor.fetchone()
    skew = abs((datetime.now(UTC) - theirs).total_seconds())
    if skew > MOST_SKEW_SECONDS:
        yield Warning(f"this clock and the database's differ by {skew:.0f} s: leases end wrongly.", id="potato.W022")


def _sqlite() -> Iterator[CheckMessage]:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        (mode,) = cursor.fetchone()
        cursor.execute("PRAGMA synchronous")
        (synchronous,) = cursor.fetchone()
    if mode not in {"wal", "memory"}:
        yield Error(
            f"SQLite's journal mode is {mode}, not wal: its file is on a disk that cannot do it (a network's?).",
            id="potato.E023",
        )
    if synchronous < 2:
        yield Error("SQLite does not sync every commit: a saved label can be lost.", id="potato.E024")


@deployment
def folders() -> Iterator[CheckMessage]:
    home = Path(settings.POTATO_HOME)
    if not home.is_dir() or not os.access(home, os.W_OK | os.X_OK):
        yield Error(f"the home {home} is missing, or this user may not write there.", id="potato.E030")
    else:
        mode = home.stat().st_mode & 0o077
        if mode:
            yield Warning(f"others on this machine can look into the home {home}.", hint="chmod 700", id="potato.W031")
        disk = shutil.disk_usage(home)
        if disk.free < max(2 * 1024**3, disk.total * 0.05):
            yield Warning(f"the disk of {home} is nearly full: uploads and exports are refused.", id="potato.W032")
    root = settings.STATIC_ROOT
    if root and not Path(root, "potato", "site.css").is_file():
        yield Warning(f"{root} has no static files.", hint="Run `potato serve migrate`.", id="potato.W033")
    if not root:
        yield Info("static files are sent by this program; with POTATO_STATIC_ROOT nginx can.", id="potato.I034")


@deployment
def mail() -> Iterator[CheckMessage]:
    if settings.EMAIL_HOST and not settings.SITE_URL:
        yield Warning("mail is sent, but its links have no address.", hint="Set POTATO_URL.", id="potato.W040")
    if settings.SITE_URL and urlsplit(settings.SITE_URL).scheme not in {"http", "https"}:
        yield Error("POTATO_URL is no address: https://… is wanted.", id="potato.E041")
    if settings.HTTPS and settings.SITE_URL.startswith("http://"):
        yield Warning("POTATO_URL is http://, the site is served by HTTPS.", id="potato.W042")
    if os.environ.get("EMAIL_TLS", "starttls") not in {"starttls", "ssl", "off"}:
        yield Error("EMAIL_TLS: use starttls, ssl or off.", id="potato.E043")
