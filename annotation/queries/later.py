"""Documents and answers that are read when somebody looks into them: for whoever mostly does not."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from annotation.queries.snapshot import SNAPSHOT
from annotation.schemes.base import Answers, ItemContext, Scheme
from traces.changes import Changes
from traces.store import Opened, iter_documents, iter_opened


class LaterDocument(Mapping[str, Any]):
    """The document of a trace version with so many steps. ``outside``: equal for versions with equal tasks and steps,
    and known without reading it."""

    def __init__(
        self, version_id: int, n_steps: int, outside: Hashable, using: str, opened: Opened | None = None
    ) -> None:
        """``opened``: where it is at hand. Its steps are read when somebody looks into them."""
        self.version_id, self.n_steps, self.outside = version_id, n_steps, outside
        self._using, self._opened = using, opened

    @property
    def is_read(self) -> bool:
        """Whether it is in memory, because somebody looked into it."""
        return "_read" in self.__dict__

    @cached_property
    def _read(self) -> dict[str, Any]:
        return self._opened.whole() if self._opened else next(iter_documents([self.version_id], using=self._using))

    def __getitem__(self, key: str) -> Any:
        return self._where(key)[key]

    def get(self, key: str, default: Any = None) -> Any:
        """Quicker than to find out by an exception."""
        return self._where(key).get(key, default)

    def _where(self, key: str) -> dict[str, Any]:
        """The part of the document that ``key`` is in, if it is there."""
        head = self._opened.head if self._opened and key < "structured_turns" else None
        return self._read if head is None else head

    def __iter__(self) -> Iterator[str]:
        return iter(self._read)

    def __len__(self) -> int:
        return len(self._read)


def at_hand(documents: Iterable[Mapping[str, Any]], *, using: str = SNAPSHOT) -> Iterator[LaterDocument]:
    """Each of these ``LaterDocument``, now at hand: read in batches, and let go of when the caller does."""
    each = [document for document in documents if isinstance(document, LaterDocument)]
    opened = iter_opened([document.version_id for document in each], using=using)
    for document, one in zip(each, opened, strict=True):
        yield LaterDocument(document.version_id, document.n_steps, document.outside, using, one)


class LaterValues(Mapping[str, Any]):
    """What one person answered to each of the schemes, by name, as exports carry it."""

    def __init__(self, schemes: Mapping[str, Scheme], answers: Mapping[str, Answers], context: ItemContext) -> None:
        self._schemes, self._answers, self._context = schemes, answers, context
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self._schemes[name].export(self._answers.get(name, {}), self._context)
        return self._made[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Without the exception for what is not there."""
        return self[name] if name in self._schemes else default

    def __iter__(self) -> Iterator[str]:
        return iter(self._schemes)

    def __len__(self) -> int:
        return len(self._schemes)


class LaterContext(ItemContext):
    """What schemes may know of a document with so many steps. Only one that looks at types of steps, or at changes, has
    it looked into."""

    _document: Mapping[str, Any]
    _n_steps: int

    def __init__(self, document: Mapping[str, Any], n_steps: int) -> None:
        # The base class is frozen, so that contexts can be shared.
        object.__setattr__(self, "_document", document)
        object.__setattr__(self, "_n_steps", n_steps)
        object.__setattr__(self, "asked", None)

    @property
    def n_steps(self) -> int:
        return self._n_steps

    @cached_property
    def step_types(self) -> tuple[str, ...]:
        return tuple(step["type"] for step in self._document.get("structured_turns") or ())

    @property
    def suggestions(self) -> Mapping[str, Any] | None:
        found = self._document.get("suggestions")
        return found if isinstance(found, dict) else None

    @cached_property
    def changes(self) -> Changes:
        return Changes(dict(self._document))
