"""What a page or a program would send by an unsafe request, by the route's name. Other routes get an empty form."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

from tests import factory
from tests.two_projects import Site


class Json(dict[str, Any]):
    """A body that goes as ``application/json``."""


def _submission(_: Site) -> dict[str, Any]:
    return {"payload": json.dumps({"op_id": uuid.uuid4().hex, "tab": "tab", "version": 0, "ops": _ops()})}


def _ops() -> list[dict[str, Any]]:
    return [factory.op(scheme, changes) for scheme, changes in factory.answers().items()]


BODIES: dict[str, Callable[[Site], dict[str, Any]]] = {
    "label-ops": lambda _: {"ops": json.dumps(_ops())},
    "label-submit": _submission,
    "label-seen": lambda _: {"signal": json.dumps({"seq": 1, "delta_ms": 1000, "steps": {}})},
    "label-skip": lambda _: {"reason": "too long"},
    "manage-exports": lambda _: {"format": "prm"},
    "manage-schedule": lambda _: {"format": "prm", "every_n": "50"},
    "manage-schedules": lambda _: {"format": "prm", "every_n": "100"},
    "invitation-answer": lambda _: {"answer": "accept"},
    "manage-people-link": lambda _: {"role": "annotator"},
    "manage-person": lambda _: {"action": "pause"},
}


def request_of(site: Site, name: str) -> dict[str, Any]:
    """The keyword arguments of a test client's request."""
    body = BODIES[name](site) if name in BODIES else {}
    if isinstance(body, Json):
        return {"data": json.dumps(body), "content_type": "application/json"}
    return {"data": body}
