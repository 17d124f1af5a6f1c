"""Postgres databases and Redis servers that belong to one test."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.conf import settings
from psycopg import sql

from tests.deploy.installation import until
from tests.ports import free_port


@contextmanager
def database(name: str) -> Iterator[str]:
    """The address of an empty database on the server of this run, dropped at the end."""
    told = settings.DATABASES["default"]
    server = {"host": told["HOST"], "user": told["USER"], "password": told["PASSWORD"], "port": told["PORT"] or 5432}
    with psycopg.connect(dbname="postgres", autocommit=True, **server) as link:
        link.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        link.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield f"postgres://{server['user']}:{server['password']}@{server['host']}:{server['port']}/{name}"
        finally:
            link.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


class Redis:
    """A server of our own, to be killed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL)
        until(self.answers, what="the start of Redis")

    def answers(self) -> bool:
        asked = ["redis-cli", "-h", "127.0.0.1", "-p", str(self.port), "ping"]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() == "PONG"

    def kill(self) -> None:
        """kill -9; what it held is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class Postgres:
    """A cluster of our own, to be stopped and killed. Postgres refuses to run as root: then it runs as ``postgres``."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="potato-postgres-"))
        self.user = "postgres" if os.getuid() == 0 else None
        if self.user:
            shutil.chown(self.folder, self.user)
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", str(self.folder / "data"), "-U", "postgres", "-A", "trust", "--no-sync")

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start and wait until it takes connections; after a kill its old processes may still hold its memory."""

        def is_up() -> bool:
            if self.process is None or self.process.poll() is not None:
                own = ["-D", str(self.folder / "data"), "-p", str(self.port), "-k", str(self.folder), "-h", "127.0.0.1"]
                self.process = subprocess.Popen(
                    [_binary("postgres"), *own], user=self.user, cwd=self.folder, stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )  # fmt: skip
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
            except psycopg.OperationalError:
                return False
            return True

        until(is_up, what="the start of Postgres")

    def stop(self, number: signal.Signals) -> None:
        """SIGINT ends all sessions and stops in good order; SIGKILL is a crash."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(timeout=60)

    def remove(self) -> None:
        self.stop(signal.SIGINT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, name: str, *arguments: str) -> None:
        subprocess.run([_binary(name), *arguments], user=self.user, cwd=self.folder, check=True, capture_output=True)


def _binary(name: str) -> str:
    """Debian keeps the server's programs off the path."""
    found = [shutil.which(name), *sorted(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), reverse=True)]
    return next(path for path in found if path)
