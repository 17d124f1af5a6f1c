"""What of a source format arrives in a document: declared by each converter, shown in docs, compared with its samples.

A name says that the format records it and that the converter keeps it. Plain Python.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Keeps:
    """Names, separated by spaces.

    ``document``: keys of the document, those of ``metrics`` as ``metrics.cost``. ``steps``: step types. ``fields``:
    keys of steps; ``exact_diff`` is a ``diff`` with true line numbers, ``diff`` one that may be ``approximate``.
    """

    document: str = ""
    steps: str = ""
    fields: str = ""
