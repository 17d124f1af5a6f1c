"""An edited file meets a project that was edited elsewhere: only what the file says differently is applied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from potato_site.safe_yaml import KeyPath

SCHEMES = "annotation_schemes"
GONE = object()


def apply_changes(base: dict[str, Any], file: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """``ours`` with every key that differs between ``base`` (the file as last loaded) and ``file`` set as in ``file``.

    Configurations as they come out of the database (``unpaired``). Schemes are matched by name; any other list is one
    value. The order of a mapping's keys counts: it is the order of labels that a person sees.
    """
    merged = _merge(_by_name(base), _by_name(file), _by_name(ours))
    return {**merged, SCHEMES: list(merged[SCHEMES].values())}


@dataclass(frozen=True)
class Conflict:
    """A key that two people changed in different ways. None stands for a key that is not there."""

    key: str
    base: Any
    mine: Any
    theirs: Any


def conflicts(base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]) -> list[Conflict]:
    """Where ``apply_changes(base, mine, theirs)`` would overwrite what ``theirs`` changed."""
    return list(_conflicts(_by_name(base), _by_name(mine), _by_name(theirs), ()))


def take(config: dict[str, Any], key: str, other: dict[str, Any]) -> dict[str, Any]:
    """``config`` with the key of a conflict as it is in ``other``."""
    taken = _take(_by_name(config), _by_name(other), key, ())
    return {**taken, SCHEMES: list(taken[SCHEMES].values())}


def differing(before: Any, after: Any, path: KeyPath = ()) -> dict[str, tuple[Any, Any]]:
    """Dotted key → (before, after) of every leaf that differs; None stands for a key that is not there."""
    if not path:
        before, after = _by_name(before), _by_name(after)
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return {} if _same(before, after) else {".".join(map(str, path)): (before, after)}
    found: dict[str, tuple[Any, Any]] = {}
    for key in [*before, *(key for key in after if key not in before)]:
        found |= differing(before.get(key), after.get(key), (*path, key))
    if not found and list(before) != list(after):
        found[".".join(map(str, path))] = (list(before), list(after))
    return found


def _by_name(config: dict[str, Any]) -> dict[str, Any]:
    return {**config, SCHEMES: {scheme["name"]: scheme for scheme in config.get(SCHEMES, [])}}


def _same(a: Any, b: Any) -> bool:
    """Equal, and mappings in the same order: the order of labels is what a person sees."""
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(_same(a[key], b[key]) for key in a)
    return bool(a == b)


def _merge(base: Any, file: Any, ours: Any) -> Any:
    if _same(base, file):
        return ours
    if not all(isinstance(value, dict) for value in (base, file, ours)):
        return file
    merged = {key: ours[key] for key in ours if key not in base or key in file}
    for key in file:
        value = _merge(base.get(key, GONE), file[key], ours.get(key, GONE))
        if value is not GONE:
            merged[key] = value
    return _ordered(merged, list(base), list(file), list(ours))


def _ordered(merged: dict[str, Any], base: list[str], file: list[str], ours: list[str]) -> dict[str, Any]:
    """In the order of the file where it moved something, else in ours, with the file's new keys behind those before."""
    if _moved(base, file):
        return {key: merged[key] for key in [*file, *merged] if key in merged}
    order = [key for key in ours if key in merged]
    for place, key in enumerate(file):
        if key in merged and key not in order:
            before = [order.index(other) for other in file[:place] if other in order]
            order.insert(before[-1] + 1 if before else 0, key)
    return {key: merged[key] for key in order}


def _moved(before: list[str], after: list[str]) -> bool:
    """Whether the keys that both have stand in another order."""
    return [key for key in before if key in after] != [key for key in after if key in before]


ORDER = "(order)"


def _conflicts(base: Any, mine: Any, theirs: Any, path: KeyPath) -> Iterator[Conflict]:
    if _same(base, mine) or _same(base, theirs) or _same(mine, theirs):
        return
    if not all(isinstance(value, dict) for value in (base, mine, theirs)):
        yield Conflict(_key(path), *(None if value is GONE else value for value in (base, mine, theirs)))
        return
    for key in dict.fromkeys([*base, *mine, *theirs]):
        yield from _conflicts(base.get(key, GONE), mine.get(key, GONE), theirs.get(key, GONE), (*path, key))
    if _moved(list(base), list(mine)) and _moved(list(base), list(theirs)) and _moved(list(mine), list(theirs)):
        yield Conflict(_key((*path, ORDER)), list(base), list(mine), list(theirs))


def _take(config: Any, other: Any, key: str, path: KeyPath) -> Any:
    """What stands at ``key`` taken from ``other``, at any depth; a key that is not there is taken away."""
    if not isinstance(config, dict) or not isinstance(other, dict):
        return config
    if key == _key((*path, ORDER)):
        return {name: config[name] for name in [*other, *config] if name in config}
    taken: dict[str, Any] = {}
    for name in [*config, *(name for name in other if name not in config)]:
        here = (*path, name)
        if key == _key(here):
            taken |= {name: other[name]} if name in other else {}
        elif name in config:
            taken[name] = _take(config[name], other.get(name), key, here)
    return taken


def _key(path: KeyPath) -> str:
    return ".".join(map(str, path))
