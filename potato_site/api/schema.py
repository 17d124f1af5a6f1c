"""The OpenAPI description, made from the endpoints: what is the same for all of them is said here once."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

from potato_site.api.idempotency import HEADER
from potato_site.api.problems import MEDIA_TYPE

UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
KEY_PARAMETER = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[\\x21-\\x7e]+$"},
    OpenApiParameter.HEADER,
    description="Any text of your own for this call. The same key and body again: the same answer, no second effect.",
)
PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "errors"],
    "properties": {
        "type": {"type": "string", "description": "Which kind of problem, as an address of the documentation."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong with this very call; may be empty."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                "required": ["field", "message"],
            },
        },
    },
}


class Bearer(OpenApiAuthenticationExtension):
    target_class = "potato_site.api.authentication.BearerToken"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "An API token: `potato token NAME --scope read`."}


class EndpointSchema(AutoSchema):
    """An endpoint's operation: its group, its scope, and the idempotency header."""

    def get_tags(self) -> list[str]:
        return [self.view.tag] if getattr(self.view, "tag", "") else super().get_tags()

    def get_override_parameters(self) -> list[Any]:
        given = list(super().get_override_parameters())
        is_remembered = self.method in UNSAFE and getattr(self.view, "remembers", True)
        return [*given, KEY_PARAMETER] if is_remembered else given

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        """With the scope behind whatever the endpoint says of itself."""
        operation = super().get_operation(*args, **kwargs)
        scope = getattr(self.view, "scopes", {}).get(self.method, "")
        if operation is not None and scope:
            said = operation.get("description", "")
            operation["description"] = f"{said}\n\nScope: `{scope}`.".strip()
        return operation


def complete(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Every operation may answer with a problem document."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    answer = {
        "description": "A problem document",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for operations in result["paths"].values():
        for operation in operations.values():
            if isinstance(operation, dict) and "responses" in operation:
                operation["responses"].setdefault("default", answer)
    return result


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """The whole description. The endpoints do not change while the process runs."""
    return SchemaGenerator().get_schema(request=None, public=True)
