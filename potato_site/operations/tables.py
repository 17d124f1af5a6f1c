"""Rows as lines of JSON that mean the same on SQLite and Postgres: read, written and digested as streams.

A line is the list of a row's columns, in the order of ``columns_of``. What is stored as text JSON travels as its text,
so that not one byte of an answer changes. Memory stays flat: nothing holds more than a handful of rows.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.apps import apps
from django.core.management.color import no_style
from django.db import connections, models
from django.db.models.functions import Cast, Collate

from potato_site.canonical import canonical, loads
from potato_site.textjson import TextJSONField

Model = type[models.Model]

# What is made again when it is missed. Who is signed in signs in again, and who tried to counts from the beginning: no
# backup holds their addresses.
LEFT_OUT = {
    "sessions.Session", "traces.Chunk", "traces.Rendering", "accounts.Attempt", "axes.AccessAttempt",
    "axes.AccessAttemptExpiration", "axes.AccessFailureLog", "axes.AccessLog",
}  # fmt: skip
# What `migrate` itself puts into an empty database; a restore replaces it.
MADE_BY_MIGRATE = {"contenttypes.ContentType", "auth.Permission"}
ROWS_AT_ONCE = 500
# Rows with bodies are large.
BODIES_AT_ONCE = 20
BYTES_AT_ONCE = 4 * 1024 * 1024


def tables() -> list[Model]:
    """Every table that is carried, in a fixed order. Foreign keys are checked at the commit, so the order is free."""
    found = [m for m in apps.get_models(include_auto_created=True) if m._meta.managed and not m._meta.proxy]
    return sorted((model for model in found if label_of(model) not in LEFT_OUT), key=label_of)


def label_of(model: Model) -> str:
    return f"{model._meta.app_label}.{model._meta.object_name}"


@dataclass(frozen=True)
class Column:
    """One column: how its value becomes JSON and back."""

    field: models.Field[Any, Any]

    @property
    def name(self) -> str:
        return self.field.attname

    @property
    def stored(self) -> models.Field[Any, Any]:
        """The field that says how the value is stored: of a foreign key, what it points to."""
        found: Any = self.field
        while found.is_relation:
            found = found.target_field
        return found

    @property
    def is_text_json(self) -> bool:
        return isinstance(self.field, TextJSONField)

    def encode(self, value: Any) -> Any:
        if value is None or isinstance(value, (str, bool, int, float)):
            return value
        for kind, encode in ENCODERS:
            if isinstance(value, kind):
                return encode(value)
        if isinstance(self.stored, models.JSONField):
            return value
        raise TypeError(f"{self.field} holds a {type(value).__name__}, which no backup can carry")

    def decode(self, value: Any, connection: Any) -> Any:
        """What the database driver takes."""
        if value is None or self.is_text_json:
            return value
        for kind, decode in DECODERS:
            if isinstance(self.stored, kind):
                value = decode(value)
                break
        return self.field.get_db_prep_save(value, connection)


ENCODERS: list[tuple[Any, Callable[[Any], Any]]] = [
    (datetime, lambda value: value.astimezone(UTC).isoformat()),
    ((date, time), lambda value: value.isoformat()),
    (timedelta, lambda value: value // timedelta(microseconds=1)),
    ((UUID, Decimal), str),
    ((bytes, memoryview), lambda value: base64.b64encode(value).decode()),
]
DECODERS: list[tuple[Any, Callable[[Any], Any]]] = [
    (models.DateTimeField, datetime.fromisoformat),
    (models.DateField, date.fromisoformat),
    (models.TimeField, time.fromisoformat),
    (models.DurationField, lambda value: timedelta(microseconds=value)),
    (models.UUIDField, UUID),
    (models.DecimalField, Decimal),
    (models.BinaryField, base64.b64decode),
]


def columns_of(model: Model) -> list[Column]:
    return [Column(item) for item in model._meta.local_concrete_fields if not getattr(item, "generated", False)]


def lines(model: Model, using: str) -> Iterator[bytes]:
    """Every row, by primary key. Inside a transaction, so that Postgres streams and all rows are of one moment."""
    columns = columns_of(model)
    texts = {f"text_of_{c.name}": Cast(c.name, models.TextField()) for c in columns if c.is_text_json}
    names = [f"text_of_{c.name}" if c.is_text_json else c.name for c in columns]
    rows = model._base_manager.using(using).annotate(**texts).order_by(_by_key(model, using)).values_list(*names)
    has_body = any(isinstance(c.field, models.BinaryField) for c in columns)
    for values in rows.iterator(chunk_size=BODIES_AT_ONCE if has_body else ROWS_AT_ONCE):
        pairs = zip(columns, values, strict=True)
        yield canonical([column.encode(value) for column, value in pairs]) + b"\n"


def _by_key(model: Model, using: str) -> Any:
    key = model._meta.pk
    assert key is not None
    if isinstance(Column(key).stored, (models.CharField, models.TextField)):
        # Both databases must agree on the order of texts.
        return Collate(models.F(key.attname), "C" if connections[using].vendor == "postgresql" else "BINARY")
    return models.F(key.attname)


@dataclass
class Digest:
    """How many lines, and SHA-256 over all of them."""

    rows: int = 0
    sha: Any = field(default_factory=hashlib.sha256)

    def through(self, stream: Iterable[bytes]) -> Iterator[bytes]:
        for line in stream:
            self.rows += 1
            self.sha.update(line)
            yield line

    @property
    def sha256(self) -> str:
        return self.sha.hexdigest()


def digest_of(model: Model, using: str) -> Digest:
    found = Digest()
    for _ in found.through(lines(model, using)):
        pass
    return found


def insert(model: Model, stream: Iterable[bytes], using: str) -> None:
    """Write lines as rows, as they are: no default, no time of now. Raises ValueError for a line that is no row."""
    connection, columns = connections[using], columns_of(model)
    quote = connection.ops.quote_name
    names = ", ".join(quote(str(column.field.column)) for column in columns)
    places = ", ".join(["%s"] * len(columns))
    statement = f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES ({places})"  # noqa: S608  quoted names
    with connection.cursor() as cursor:
        for batch in _batches(stream):
            cursor.executemany(statement, [_row(line, columns, connection, model) for line in batch])


def _row(line: bytes, columns: list[Column], connection: Any, model: Model) -> list[Any]:
    values = loads(line)
    if not isinstance(values, list) or len(values) != len(columns):
        raise ValueError(f"{label_of(model)}: a row has not the columns of its table")
    return [column.decode(value, connection) for column, value in zip(columns, values, strict=True)]


def _batches(stream: Iterable[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for line in stream:
        batch.append(line)
        size += len(line)
        if len(batch) >= ROWS_AT_ONCE or size >= BYTES_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


# --- the database that receives ------------------------------------------------------------------------------


def first_filled(using: str) -> str | None:
    """A table of ours that has rows, if any: then nothing may be put into this database."""
    existing = set(connections[using].introspection.table_names())
    for model in tables():
        is_ours = label_of(model) not in MADE_BY_MIGRATE and model._meta.db_table in existing
        if is_ours and model._base_manager.using(using).exists():
            return label_of(model)
    return None


def clear_what_migrate_made(using: str) -> None:
    for model in tables():
        if label_of(model) in MADE_BY_MIGRATE:
            model._base_manager.using(using).all()._raw_delete(using)


def reset_sequences(using: str) -> None:
    """The next row gets the number after the highest."""
    connection = connections[using]
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), tables()):
            cursor.execute(statement)
