"""One small table of plug-ins: converters, displays, schemes, export formats, job handlers.

A plug-in lives in a module of its package and registers itself when that module is imported::

    converters = Registry("potato_site.converters", package="traces.converters")

    @converters.register("openai_chat")
    class OpenAIChat: ...

Looking something up imports every module of the package once, then the entry points of the group, so that a
third-party package adds a plug-in without a list to edit here.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from threading import RLock
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_tables: dict[str, Registry[Any]] = {}


def names_in(group: str) -> list[str]:
    """The names in a group, for a lower layer that reads them in a file and must not import who has them.

    Nothing where no installed app has made that table.
    """
    return _tables[group].names() if group in _tables else []


class UnknownPlugin(LookupError):
    """No plug-in has this name. ``str()`` is a sentence that lists the known names."""


class Registry(Generic[T]):
    """Names to plug-ins of one kind. ``group`` is also the entry-point group of third-party packages."""

    def __init__(self, group: str, *, package: str | None = None, kind: type | None = None) -> None:
        """``kind``: what a plug-in must be an instance of."""
        self.group = group
        self.kind = kind
        self.package = package
        self._items: dict[str, T] = {}
        self._loaded = False
        self._lock = RLock()
        _tables[group] = self

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator: put the object under ``name``. Raises ValueError if another object has it, and TypeError for one
        that is not of the registry's kind."""

        def add(item: T) -> T:
            if self.kind is not None and not isinstance(item, self.kind):
                raise TypeError(f"{name!r} of {type(item).__module__} is no {self.kind.__name__} of {self.group}")
            if self._items.setdefault(name, item) is not item:
                raise ValueError(f"two plug-ins called {name!r} in {self.group}")
            return item

        return add

    def get(self, name: str) -> T:
        """The plug-in called ``name``. Raises UnknownPlugin."""
        self._load()
        try:
            return self._items[name]
        except KeyError:
            raise UnknownPlugin(f"no {name!r} in {self.group}; known: {', '.join(self.names())}") from None

    def names(self) -> list[str]:
        self._load()
        return sorted(self._items)

    def items(self) -> Iterator[tuple[str, T]]:
        """All (name, plug-in) pairs, sorted by name."""
        for name in self.names():
            yield name, self._items[name]

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._items

    def _load(self) -> None:
        with self._lock:
            if self._loaded:
                return
            if self.package:
                package = importlib.import_module(self.package)
                for module in pkgutil.iter_modules(package.__path__, prefix=f"{self.package}."):
                    importlib.import_module(module.name)
            for point in entry_points(group=self.group):
                point.load()
            self._loaded = True
