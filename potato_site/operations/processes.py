"""The processes of a server, one command each: what ``potato serve`` becomes.

``potato start`` keeps all of them on a laptop by itself; on a server a supervisor (compose, systemd) keeps one
``potato serve`` per process. The command is replaced by the process it names, so that signals reach it directly.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from tempfile import gettempdir

ROLES = ("web", "worker-fast", "worker-bulk", "beat", "migrate")
# A person's request takes milliseconds; an upload may hold a thread for as long as its line is slow.
THREADS = 16
# Then a process that does not end by SIGTERM is killed. Supervisors must wait longer.
GRACE_SECONDS = 25
# How far the bulk worker stands back. Where the processor is short, an export may take longer; a label may not.
NICENESS = 10


def web(host: str, port: int, workers: int = 1, threads: int = THREADS) -> list[str]:
    """The web server. It respawns a worker that dies; SIGTERM lets requests under way end."""
    return [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", host, "--port", str(port),
        "--workers", str(workers), "--blocking-threads", str(threads), "--no-ws", "--respawn-failed-workers",
        "--workers-kill-timeout", str(GRACE_SECONDS), "--log-level", "error", "potato_site.wsgi:application",
    ]  # fmt: skip


def worker(queue: str) -> list[str]:
    """A worker of one queue: one job at a time, in this process itself. More of them side by side do more."""
    return [
        sys.executable, "-m", "celery", "-A", "potato_site", "--quiet", "worker", "-Q", queue,
        "-n", f"{queue}-{os.getpid()}@%h", "--pool=solo", "--without-gossip", "--without-mingle",
        "--without-heartbeat", "--loglevel=WARNING",
    ]  # fmt: skip


def let_others_go_first(queue: str) -> None:
    """This process, and what it becomes or starts, works for nobody who waits: where the queue is that of long jobs."""
    if queue == "bulk":
        os.nice(NICENESS)


def beat() -> list[str]:
    """The clock. It keeps no file: what is due is in the database."""
    return [
        sys.executable, "-m", "celery", "-A", "potato_site", "--quiet", "beat",
        "--scheduler", "celery.beat:Scheduler", "--loglevel=WARNING",
    ]  # fmt: skip


def shared_counters() -> Path:
    """A fresh folder in which the workers of this web server count requests together. Removes those of ended ones."""
    parent = Path(gettempdir())
    for left in parent.glob(f"potato-metrics-{os.getuid()}-*"):
        pid = left.name.rsplit("-", 1)[1]
        if pid == str(os.getpid()) or not Path("/proc", pid).exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = parent / f"potato-metrics-{os.getuid()}-{os.getpid()}"
    folder.mkdir(mode=0o700)
    return folder
