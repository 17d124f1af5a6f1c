"""What of a source format arrives in a document: declared by each converter, shown in docs, compared with its samples.

A name says that the format records it and that the converter keeps it. Plain Python.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from traces.document import TraceDocument

# What every document has, or what the conversion adds.
ALWAYS = frozenset({"id", "source", "structured_turns"})
ALWAYS_OF_A_STEP = frozenset({"type", "step_idx"})
EMPTY: tuple[object, ...] = (None, "", [], {})


@dataclass(frozen=True)
class Keeps:
    """Names, separated by spaces.

    ``document``: keys of the document, those of ``metrics`` as ``metrics.cost``. ``steps``: step types. ``fields``:
    keys of steps; ``exact_diff`` is a ``diff`` with true line numbers, ``diff`` one that may be ``approximate``.
    """

    document: str = ""
    steps: str = ""
    fields: str = ""

    def as_sets(self) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
        return frozenset(self.document.split()), frozenset(self.steps.split()), frozenset(self.fields.split())


def found_in(docs: Iterable[TraceDocument]) -> Keeps:
    """What the documents hold between them; what is null or empty in all of them is not held."""
    document: set[str] = set()
    steps: set[str] = set()
    fields: set[str] = set()
    for doc in docs:
        document |= {key for key, value in doc.items() if key not in ALWAYS and value not in EMPTY}
        if "metrics" in document and isinstance(doc.get("metrics"), dict):
            document |= {f"metrics.{key}" for key, value in doc["metrics"].items() if value is not None}
        for step in doc.get("structured_turns", ()):
            steps.add(step["type"])
            for key, value in step.items():
                if key not in ALWAYS_OF_A_STEP and value not in EMPTY:
                    is_exact = key == "diff" and not step.get("approximate")
                    fields.add("exact_diff" if is_exact else key)
    document.discard("metrics")
    return Keeps(*(" ".join(sorted(names)) for names in (document, steps, fields)))
