"""A real worker process on the test's own database, to be killed or stopped."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing

from django.db import OperationalError, connection, transaction

from potato_site.jobs.models import Job
from tests.faults.server import database_url

LEASE_SECONDS = 2


class Worker:
    """One worker of both queues, with a short lease. Its first act is a tick, as of any worker."""

    def __init__(self, broker_url: str, **more: str) -> None:
        """``more``: environment variables."""
        environment = os.environ | {
            "DATABASE_URL": database_url(),
            "CELERY_BROKER_URL": broker_url,
            "POTATO_JOB_LEASE_SECONDS": str(LEASE_SECONDS),
            **more,
        }
        celery = [sys.executable, "-m", "celery", "-A", "potato_site", "--quiet", "worker", "--loglevel=ERROR"]
        alone = ["--pool=solo", "--without-gossip", "--without-mingle", "--without-heartbeat"]
        name = f"test-{os.getpid()}-{id(self)}@%h"
        self.process = subprocess.Popen(
            [*celery, *alone, "-Q", "fast,bulk", "-I", "tests.faults.job_kinds,tests.faults.stalls", "-n", name],
            env=environment,
            stderr=subprocess.DEVNULL,
        )

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stall(self) -> None:
        """Freeze it between two writes: frozen inside one, it would keep everybody else from writing."""
        while True:
            self.signal(signal.SIGSTOP)
            os.waitpid(self.process.pid, os.WUNTRACED)
            if _anybody_can_write():
                return
            self.signal(signal.SIGCONT)
            time.sleep(0.05)

    def kill(self) -> None:
        """kill -9, also of a stopped process."""
        self.process.kill()
        self.process.wait()


def _anybody_can_write() -> bool:
    if connection.vendor == "sqlite":
        with closing(sqlite3.connect(connection.settings_dict["NAME"], timeout=0)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
        return True
    try:
        with transaction.atomic():
            list(Job.objects.select_for_update(nowait=True))
    except OperationalError:
        return False
    return True


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Wait for it. Raises AssertionError when it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"nothing happened in {seconds:.0f} s"
        time.sleep(0.05)
