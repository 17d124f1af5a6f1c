"""The application as ``potato start`` serves it: its process ends with the server's main process, even a killed one."""

from __future__ import annotations

import os
import threading
import time

from potato_site.wsgi import application

__all__ = ["application"]

POLL_SECONDS = 1.0


def _end_with_parent(parent: int) -> None:
    # The server forks this process, so it has no pipe of its own to its parent.
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    os._exit(1)


threading.Thread(target=_end_with_parent, args=[os.getppid()], name="parent watch", daemon=True).start()
