"""Paths found by how they end: one names a file of the machine (``/testbed/src/a.py``), one of the repository
(``src/a.py``), one of a folder in it (``a.py``). Plain Python.

Names are a stranger's: a look-up costs the logarithm of their number, not each of them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable


class PathEnds:
    """Some paths. A backslash parts folders, too."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = {_key(path): path for path in paths}
        self._keys = sorted(self._paths)
        # Whatever ends in one of the others ends in one of these: none of them ends in another.
        self._shortest: list[str] = []
        for key in self._keys:
            if not (self._shortest and key.startswith(self._shortest[-1])):
                self._shortest.append(key)

    def only_one_ending_in(self, end: str) -> str | None:
        """The path that ends in ``end``; None where there is none, or several."""
        key = _key(end)
        at = bisect_left(self._keys, key)
        found = [one for one in self._keys[at : at + 2] if one.startswith(key)]
        return self._paths[found[0]] if len(found) == 1 else None

    def may_hold(self, path: str) -> bool:
        """Whether one of them may be the file ``path``: one of the two names is the end of the other."""
        key = _key(path)
        at = bisect_left(self._keys, key)
        if at < len(self._keys) and self._keys[at].startswith(key):
            return True
        before = bisect_right(self._shortest, key)
        return before > 0 and key.startswith(self._shortest[before - 1])


def _key(path: str) -> str:
    """Of paths with equal ends the keys begin alike."""
    return f"/{path}".replace("\\", "/")[::-1]
