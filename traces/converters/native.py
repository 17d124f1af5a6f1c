"""The trace document itself: JSON lines, a JSON list, or one object."""

from __future__ import annotations

from collections.abc import Iterator

from traces.converters import Converter, converters
from traces.jsonl import Problem, Record
from traces.source import Source


class Native(Converter):
    name = "native"
    version = "1"
    ids_are_given = True  # a second document with one id is a mistake

    def detect(self, source: Source) -> bool:
        """A record with ``structured_turns``. Records without steps have no mark: they need ``--format native``."""
        return any("structured_turns" in record for record in source.first_records)

    def convert(self, source: Source) -> Iterator[Record | Problem]:
        return source.records()


converters.register("native")(Native())
