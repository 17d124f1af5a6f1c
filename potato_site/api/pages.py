"""Lists in pages that cost the same wherever they begin: ``?after=<cursor>&limit=``.

A cursor names the last row that was seen; the next page is what comes behind it, however many rows were added or
removed before it meanwhile.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, IntegerField, Model, Q, QuerySet
from drf_spectacular.utils import OpenApiParameter, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from potato_site.api.addresses import absolute
from potato_site.api.problems import Problem
from potato_site.canonical import canonical, loads
from potato_site.numbers import whole_number

Row = TypeVar("Row", bound=Model)

DEFAULT = 100
MOST = 500
PARAMETERS = [
    OpenApiParameter("after", str, description="The cursor in `next` of the page before."),
    OpenApiParameter(
        "limit", {"type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT}, description="Rows per page."
    ),
]


def of(row: type[serializers.Serializer]) -> serializers.Serializer:
    """The shape of a page of such rows, for the schema."""
    shape = {"results": row(many=True), "next": serializers.URLField(allow_null=True)}
    return inline_serializer(f"PageOf{row.__name__.removesuffix('Shown')}", shape)


def page(
    request: Request,
    rows: QuerySet[Row],
    show: Callable[[Row], Any],
    *,
    by: Sequence[str] = ("pk",),
    before: Callable[[Sequence[Row]], None] = lambda rows: None,
) -> Response:
    """One page of ``rows`` in the order ``by`` (columns that together are unique): ``{"results", "next"}``.

    ``before`` is called with the rows of the page, so that what ``show`` needs besides is looked up for all at once.
    """
    limit = number_of(request, "limit", 1, MOST, DEFAULT)
    cursor = request.query_params.get("after", "")
    found = list(_behind(rows, by, cursor).order_by(*by)[: limit + 1])
    more = len(found) > limit
    shown = found[:limit]
    before(shown)
    following = _address(request, [getattr(shown[-1], name) for name in by]) if more else None
    return Response({"results": [show(row) for row in shown], "next": following})


def number_of(request: Request, name: str, least: int, most: int, default: int) -> int:
    """A whole number of the query string. Raises Problem."""
    text = request.query_params.get(name, "")
    if not text:
        return default
    number = whole_number(text)
    if number is None or not least <= number <= most:
        raise Problem("malformed", f"{name} must be a whole number from {least} to {most}.")
    return number


def _behind(rows: QuerySet[Row], by: Sequence[str], cursor: str) -> QuerySet[Row]:
    if not cursor:
        return rows
    values = _read(cursor, [_column(rows.model, name) for name in by])
    condition = Q()
    for place in reversed(range(len(by))):
        name, value = by[place], values[place]
        later = Q(**{f"{name}__gt": value})
        # "a >= x" stands alone, so that an index is entered at x and not read from its start.
        is_last = place == len(by) - 1
        condition = later if is_last else Q(**{f"{name}__gte": value}) & (later | condition)
    return rows.filter(condition)


def _column(model: type[Model], name: str) -> Field:
    try:
        found = model._meta.pk if name == "pk" else model._meta.get_field(name)
    except FieldDoesNotExist:
        raise LookupError(f"{model.__name__} has no column {name}") from None
    assert isinstance(found, Field)
    return found


def _read(cursor: str, columns: Sequence[Field]) -> list[Any]:
    try:
        values = loads(base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        values = None
    kinds = [int if isinstance(column, IntegerField) else str for column in columns]
    fits = isinstance(values, list) and len(values) == len(kinds)
    if not fits or not all(_is(value, kind) for value, kind in zip(values, kinds, strict=True)):
        raise Problem("malformed", "after is no cursor of this list.")
    return values


def _is(value: Any, kind: type) -> bool:
    if kind is int:
        return type(value) is int and -(2**63) <= value < 2**63
    return isinstance(value, str) and "\x00" not in value and value.isprintable()


def _address(request: Request, values: list[Any]) -> str:
    query = request.query_params.copy()
    query["after"] = base64.urlsafe_b64encode(canonical(values)).decode()
    return absolute(request, f"{request.path}?{query.urlencode()}")
