"""One label saved by the whole protocol, and ten operations in one request."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from annotation.assignments.handout import hand_out
from tests.benchmarks.measure import Browser, Row, in_empty_views
from tests.factory import PER_STEP, make_project, make_traces, op, person


def saver(folder: Path, name: str = "Save") -> tuple[Any, Callable[[int], None]]:
    """A person, and a function that saves so many labels of theirs in one request."""
    project = make_project(folder, name=name, schemes=[PER_STEP], traces=make_traces(2, steps=300), people=["saver"])
    user = person("saver")
    assignment = hand_out(project, user).assignment
    assert assignment is not None
    browser, address, version = Browser(user), f"/label/{assignment.public_id}/ops", 0
    labels = ("correct", "neutral")

    def save(count: int) -> None:
        nonlocal version
        operations = [
            op("per_step", {str((version + k) % 300): {"label": labels[(version // 300) % 2]}}, base=version)
            for k in range(count)
        ]
        status, reply = browser.post_json(address, {"ops": json.dumps(operations)})
        assert status == 200, (status, reply)
        assert len(reply["acked"]) == count, reply
        version = reply["version"]

    return user, save


def run(folder: Path) -> Iterator[Row]:
    user, save = saver(folder)
    one, empty = in_empty_views(user, lambda: save(1), 300)
    yield Row("save of one label", one, "E", 5, f"E = {empty:.2f} ms")
    ten, empty = in_empty_views(user, lambda: save(10), 200)
    yield Row("ten operations in one request", ten, "E", 6, f"E = {empty:.2f} ms")
