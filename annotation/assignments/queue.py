"""The order in which free places are handed out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from annotation.models import Item
from annotation.projects.revisions import config_of

# Keys of an item with a priority stand before, or behind, all keys of items without one (which are digits and a-f).
PRIORITY_LIMIT = 1000
FIRST, ORDINARY, LAST, END = "", "0", "z", "zz"
# How long the keys of each order are, by which they are told apart, and what a priority puts before them.
LENGTHS = {"in_order": 12, "random": 32, "fewest_first": 17}
BEFORE = len("!0997-")


def queue_key(order: str, seed: str, item: Item, number: int) -> str:
    """What the queue is sorted by: text of at most 64 characters, the same whenever it is computed."""
    if item.priority > 0:
        return f"!{PRIORITY_LIMIT - item.priority:04d}-{_key(order, seed, item, number)}"
    if item.priority < 0:
        return f"{LAST}{-item.priority:04d}-{_key(order, seed, item, number)}"
    return _key(order, seed, item, number)


def present_key(item: Item, number: int) -> str:
    """The same in the order that the item's project has now."""
    project = item.project
    order = config_of(project.revision_id).hand_out.order if project.revision_id else "in_order"
    return queue_key(order, project.slug, item, number)


def lengths(order: str) -> tuple[int, int]:
    """Of the keys of this order: without a priority, and with one."""
    return LENGTHS[order], BEFORE + LENGTHS[order]


def _key(order: str, seed: str, item: Item, number: int) -> str:
    position = f"{item.position:012d}"
    rules: dict[str, Callable[[], str]] = {
        "in_order": lambda: position,
        "random": lambda: hashlib.sha256(f"{seed}\x00{_traces(item)}".encode()).hexdigest()[:32],
        "fewest_first": lambda: f"{number:04d}-{position}",
    }
    return rules[order]()


def _traces(item: Item) -> str:
    return f"{item.trace_a_id}" if item.trace_b_id is None else f"{item.trace_a_id}-{item.trace_b_id}"
