"""The OpenAPI description as the page for people shows it: groups of calls with parameters, bodies and an example."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.utils.text import slugify

from potato_site.api.idempotency import HEADER

METHODS = ("get", "post", "put", "patch", "delete")
MAX_DEPTH = 6
# In the order in which a program needs them; others follow.
ORDER = (
    "Projects", "Datasets", "Configuration", "People", "Items", "Labeling", "Submissions", "Numbers", "Exports", "Gold",
)  # fmt: skip
# What stands in an address of an example.
SAMPLES = {
    "slug": "code-review", "public_id": "0b6f5e5c-3b1c-4f0e-9a4e-2f8d7c1a9b10", "scheme": "step_reward",
    "name": "prm_labels.jsonl",
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    name: str
    place: str
    type: str
    required: bool
    description: str


@dataclass(frozen=True)
class Reply:
    status: str
    description: str
    example: str


@dataclass(frozen=True)
class Call:
    anchor: str
    method: str
    path: str
    summary: str
    description: str
    scope: str
    parameters: list[Field]
    body: list[Field]
    replies: list[Reply]
    curl: str


@dataclass(frozen=True)
class Group:
    name: str
    anchor: str
    calls: list[Call]


def groups(document: Mapping[str, Any], base: str) -> list[Group]:
    """The calls of the API by group, in the order of the description. ``base`` begins the examples' addresses."""
    book = _Book(document, base)
    found: dict[str, list[Call]] = {}
    for path, operations in document["paths"].items():
        for method in METHODS:
            if method in operations:
                call = book.call(path, method, operations[method])
                found.setdefault((operations[method].get("tags") or ["Other"])[0], []).append(call)
    names = sorted(found, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))
    return [Group(name, f"{slugify(name)}-calls", found[name]) for name in names]


class _Book:
    def __init__(self, document: Mapping[str, Any], base: str) -> None:
        self.schemas = document.get("components", {}).get("schemas", {})
        self.base = base

    def call(self, path: str, method: str, operation: Mapping[str, Any]) -> Call:
        description, scope = _scope(operation.get("description", ""))
        kind, body = self._body(operation)
        return Call(
            anchor=slugify(operation["operationId"].replace("_", "-")),
            method=method.upper(),
            path=path,
            summary=operation.get("summary") or operation["operationId"].replace("_", " "),
            description=description,
            scope=scope,
            parameters=[self._parameter(one) for one in operation.get("parameters", [])],
            body=self._fields(body),
            replies=[self._reply(status, one) for status, one in operation["responses"].items()],
            curl=self._curl(path, method, kind, body, {one["name"] for one in operation.get("parameters", [])}),
        )

    def _parameter(self, raw: Mapping[str, Any]) -> Field:
        schema = raw.get("schema", {})
        return Field(raw["name"], raw["in"], _type(schema), raw.get("required", False), raw.get("description", ""))

    def _body(self, operation: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        content = operation.get("requestBody", {}).get("content", {})
        kind = next(iter(content), "")
        return kind, self._resolve(content[kind].get("schema", {})) if kind else {}

    def _fields(self, schema: Mapping[str, Any]) -> list[Field]:
        """The members of a body, and those of the objects in its lists (``people[].role``)."""
        found = []
        required = schema.get("required", [])
        for name, raw in schema.get("properties", {}).items():
            inner = self._resolve(raw)
            found.append(Field(name, "body", _type(inner), name in required, _words(raw, inner)))
            for part in self._fields(self._resolve(inner.get("items", {}))):
                found.append(replace(part, name=f"{name}[].{part.name}"))
        return found

    def _reply(self, status: str, raw: Mapping[str, Any]) -> Reply:
        content = raw.get("content", {})
        kind = next(iter(content), "")
        example = ""
        if kind == "application/json":
            example = json.dumps(self.example(content[kind].get("schema", {})), indent=2, ensure_ascii=False)
        return Reply("other" if status == "default" else status, raw.get("description") or kind, example)

    def _curl(self, path: str, method: str, kind: str, body: Mapping[str, Any], parameters: set[str]) -> str:
        address = re.sub(r"\{(\w+)\}", lambda match: SAMPLES.get(match[1], "1"), path)
        lines = [f"curl -X {method.upper()} {self.base}{address}", '-H "Authorization: Bearer $TOKEN"']
        if HEADER in parameters:
            lines.append(f'-H "{HEADER}: $(uuidgen)"')
        if kind == "application/json":
            lines += [
                "-H 'Content-Type: application/json'",
                f"-d '{json.dumps(self.example(body), ensure_ascii=False)}'",
            ]
        elif kind:
            lines += [f"-H 'Content-Type: {kind}'", "--data-binary @file"]
        return " \\\n  ".join(lines)

    def _resolve(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        for _ in range(MAX_DEPTH):
            parts = schema.get("allOf", [])
            reference = schema.get("$ref") or (parts[0].get("$ref") if len(parts) == 1 else None)
            if not reference:
                return schema
            schema = self.schemas[reference.rpartition("/")[2]]
        return schema

    def example(self, raw: Mapping[str, Any], depth: int = 0) -> Any:
        """A value that fits a schema."""
        schema = self._resolve(raw)
        if "example" in schema:
            return schema["example"]
        if schema.get("enum"):
            # Not the first one where another is the usual one: examples are sent as they stand.
            return raw.get("default", schema["enum"][0])
        for several in ("oneOf", "anyOf"):
            if several in schema:
                return self.example(schema[several][0], depth + 1)
        return self._plain_example(schema, depth)

    def _plain_example(self, schema: Mapping[str, Any], depth: int) -> Any:
        kind = schema.get("type")
        if kind == "object" or "properties" in schema:
            if depth >= MAX_DEPTH:
                return {}
            return {name: self.example(raw, depth + 1) for name, raw in schema.get("properties", {}).items()}
        if kind == "array":
            return [self.example(schema.get("items", {}), depth + 1)] if depth < MAX_DEPTH else []
        formats = {"date-time": "2026-01-31T12:00:00Z", "uuid": SAMPLES["public_id"], "uri": "https://…"}
        samples = {"integer": 1, "number": 0.8, "boolean": True, "string": formats.get(schema.get("format", ""), "…")}
        return samples.get(str(kind))


def _type(schema: Mapping[str, Any]) -> str:
    if schema.get("enum"):
        return " | ".join(str(value) for value in schema["enum"] if value is not None)
    kind = schema.get("type", "any")
    if kind == "array":
        inner = schema.get("items", {}).get("type", "object")
        return f"list of {inner}s"
    return f"{kind} ({schema['format']})" if schema.get("format") in ("date-time", "uuid") else str(kind)


def _words(raw: Mapping[str, Any], resolved: Mapping[str, Any]) -> str:
    return str(raw.get("description") or resolved.get("description") or "")


def _scope(description: str) -> tuple[str, str]:
    """The text without its last sentence about the scope, and the scope."""
    match = re.search(r"\s*Scope: `(\w+)`\.\s*$", description)
    return (description[: match.start()].strip(), match[1]) if match else (description, "")
