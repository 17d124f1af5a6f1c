"""Types of steps that a configuration names."""

from __future__ import annotations

from pydantic import ValidationInfo

# The context of a validation of what was checked when it came in: the display of a type may be gone since.
TRUSTED = "trusted"


def known_types(value: list[str], known: frozenset[str], info: ValidationInfo) -> list[str]:
    """``value``, the names of types of steps. Raises ValueError for one that is not ``known``."""
    unknown = [] if info.context == TRUSTED else [name for name in value if name not in known]
    if unknown:
        raise ValueError(f"there is no step type {unknown[0]!r}; known: {', '.join(sorted(known))}")
    return value
