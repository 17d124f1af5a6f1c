"""Work that outlives a request. See docs/architecture.md, "Jobs", for the contract.

What needs the database is imported when first asked for, because Django imports this package before the models.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from potato_site.jobs.registry import handler, on_tick

if TYPE_CHECKING:
    from potato_site.jobs.handle import JobHandle, LostJob
    from potato_site.jobs.queue import cancel, enqueue
    from potato_site.jobs.runner import run_now

__all__ = ["JobHandle", "LostJob", "cancel", "enqueue", "handler", "on_tick", "run_now"]

HOMES = {"JobHandle": "handle", "LostJob": "handle", "cancel": "queue", "enqueue": "queue", "run_now": "runner"}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)
