"""``potato serve web|worker-fast|worker-bulk|beat|migrate``: one process of a server."""

from __future__ import annotations

import os
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, connections

from potato_site.accounts.manager import ensure_manager
from potato_site.operations import processes
from potato_site.static_files import forget_old
from potato_site.supervise import Address, CannotServe, child_environment, hold_for_exec, port_number

# What `migrate` is about to put right.
MADE_BY_MIGRATE = {"potato.W033"}


class Command(BaseCommand):
    help = "Run one process of a server: web, worker-fast, worker-bulk, beat; or migrate, which prepares and ends."
    # They run below, with those for deployments.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("role", choices=processes.ROLES)
        parser.add_argument("--host", default="127.0.0.1", help="web: address to listen on (default: %(default)s)")
        parser.add_argument("-p", "--port", type=port_number, default=8000, help="web: port (default: %(default)s)")
        parser.add_argument(
            "--workers", type=_from_one, default=1, help="web: processes that share the port (default: %(default)s)"
        )

    def handle(self, **options: Any) -> None:
        self._check(unless=MADE_BY_MIGRATE if options["role"] == "migrate" else set())
        if options["role"] == "migrate":
            self._migrate()
            return
        try:
            hold_for_exec(Path(settings.POTATO_HOME))
            command, environment = self._process(options), child_environment()
        except CannotServe as problem:
            raise CommandError(str(problem)) from None
        if options["role"] == "web":
            environment["PROMETHEUS_MULTIPROC_DIR"] = str(processes.shared_counters())
        connections.close_all()
        os.execve(command[0], command, environment)  # noqa: S606  our own interpreter

    def _process(self, options: dict[str, Any]) -> list[str]:
        role = options["role"]
        if role == "web":
            if options["workers"] > 1 and connection.vendor == "sqlite":
                raise CommandError("SQLite is for one web process; Postgres (DATABASE_URL) serves more")
            address = Address(options["host"], options["port"])
            address.require_free()
            return processes.web(address.number, address.port, options["workers"])
        if role == "beat":
            return processes.beat()
        queue = role.removeprefix("worker-")
        processes.let_others_go_first(queue)
        return processes.worker(queue)

    def _check(self, unless: set[str]) -> None:
        """Say what is set wrongly; refuse to serve with an error."""
        messages = checks.run_checks(tags=[checks.Tags.security], include_deployment_checks=True)
        found = [message for message in messages if not message.is_silenced() and message.id not in unless]
        for message in found:
            if message.level >= checks.WARNING:
                kind = "error" if message.is_serious() else "warning"
                self.stderr.write(f"{kind}: {message.id}: {message.msg}" + (f" {message.hint}" if message.hint else ""))
        if any(message.is_serious() for message in found):
            raise CommandError("not served: see the errors above")

    def _migrate(self) -> None:
        call_command("migrate", interactive=False, verbosity=1, stdout=self.stdout)
        if settings.STATIC_ROOT:
            call_command("collectstatic", interactive=False, verbosity=0)
            if settings.STATIC_VERSION:
                forget_old(Path(settings.STATIC_ROOT))
        manager = ensure_manager()
        if not manager.has_usable_password():
            self.stdout.write(f"`potato login-link {manager.username}` prints the first manager's way in.")


def _from_one(text: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise ArgumentTypeError(f"{text!r} is no whole number from 1 on")
