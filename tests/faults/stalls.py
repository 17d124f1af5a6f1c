"""A worker that comes to a place in the code and goes no further, to be killed there.

``POTATO_TEST_STALL=module:function:before`` (or ``after``) and ``POTATO_TEST_STALL_MARK``, the file it makes when it is
there. Only workers of these tests import this.
"""

from __future__ import annotations

import functools
import importlib
import os
import time
from pathlib import Path
from typing import Any


def stall() -> None:
    Path(os.environ["POTATO_TEST_STALL_MARK"]).touch()
    while True:
        time.sleep(1)


def stall_at(place: str) -> None:
    module, path, moment = place.split(":")
    *owners, name = path.split(".")
    owner = functools.reduce(getattr, owners, importlib.import_module(module))
    function = getattr(owner, name)

    @functools.wraps(function)
    def stalled(*args: Any, **keys: Any) -> Any:
        if moment == "before":
            stall()
        result = function(*args, **keys)
        stall()
        return result

    setattr(owner, name, stalled)


if os.environ.get("POTATO_TEST_STALL"):
    stall_at(os.environ["POTATO_TEST_STALL"])
