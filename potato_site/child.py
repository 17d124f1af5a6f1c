"""The processes that ``potato start`` keeps running: ``python -m potato_site.child web|worker …``."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import warnings

# With SQLite one process must do all the writing of pages; threads are enough for a laptop and a lab.
WEB_THREADS = 8
GRACE_SECONDS = 10.0


def main(kind: str, *arguments: str) -> None:
    _end_with(int(os.environ.pop("POTATO_LIFELINE")))
    if kind == "web":
        web(arguments[0], int(arguments[1]))
    else:
        worker(arguments[0])


def web(host: str, port: int) -> None:
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server import Server

    Server(
        "potato_site.child_wsgi:application",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=WEB_THREADS,
        websockets=False,
        log_level=LogLevels.error,
    ).serve()


def worker(queue: str) -> None:
    """One job at a time, in this process itself: killing it kills the job, nothing is left behind.

    The worker of the queue ``fast`` also keeps the clock, as a thread: a second process would outlive a kill -9.
    """
    # Celery objects to root; in a container that is who we are.
    warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")
    from celery.beat import EmbeddedService

    from potato_site.celery import app
    from potato_site.operations.processes import let_others_go_first

    let_others_go_first(queue)
    if queue == "fast":
        EmbeddedService(app, thread=True, scheduler_cls="celery.beat:Scheduler").start()
    options = ["--pool=solo", "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=WARNING"]
    app.worker_main(["--quiet", "worker", "-Q", queue, "-n", f"{queue}-{os.getpid()}@%h", *options])


def _end_with(lifeline: int) -> None:
    """End this process when the parent's end of the pipe closes: when the parent has ended, in whatever way."""

    def watch() -> None:
        os.read(lifeline, 1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_SECONDS)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
