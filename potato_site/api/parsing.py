"""Bodies: JSON, read exactly as the pages read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from potato_site.canonical import loads


class Json(BaseParser):
    """Integers of any width stay integers; NaN and bottomless nesting are refused."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            return loads(stream.read())
        except (ValueError, RecursionError):
            raise ParseError("The body is not JSON.") from None


class Text(BaseParser):
    """The body as it is: bytes."""

    media_type = "application/yaml"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        return stream.read()


class PlainText(Text):
    media_type = "text/*"
