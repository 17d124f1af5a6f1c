"""The model field that keeps JSON as text.

Postgres ``jsonb`` rewrites numbers and key order, so what is hashed or exported byte for byte is stored as text.
"""

from __future__ import annotations

from typing import Any

from django.db import models

from potato_site.canonical import canonical, digest, loads

__all__ = ["TextJSONField", "canonical", "digest", "loads"]


class TextJSONField(models.TextField):
    """A JSON value kept as canonical text. Python side: dict, list, str, number, bool or None."""

    # For the type checker: what may be assigned, and what is read
    _pyi_private_set_type: Any
    _pyi_private_get_type: Any

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        return None if value is None else loads(value)

    def to_python(self, value: Any) -> Any:
        return value

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else canonical(value).decode()

    def value_to_string(self, obj: models.Model) -> str:
        return canonical(self.value_from_object(obj)).decode()
