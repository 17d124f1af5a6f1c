"""Ports for the servers of tests."""

from __future__ import annotations

import random
import socket

# Below the range from which systems give ports to outgoing connections: nobody gets one by chance between the choice
# and the server's start, which takes seconds on a busy machine.
FIRST, LAST = 20000, 32000
_chance = random.SystemRandom()
_given: set[int] = set()


def free_port() -> int:
    while True:
        port = _chance.randint(FIRST, LAST)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
