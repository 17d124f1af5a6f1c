"""The options of an export as a serializer, field by field from ``exports.options.Options``: none is written twice."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from exports.options import Kind, Options, kind_of
from potato_site.api.endpoint import Strict

# What is within a range or a length the model itself checks, once. A time is read by it, too.
FIELDS: dict[str, type[serializers.Field]] = {
    "flag": serializers.BooleanField,
    "whole": serializers.IntegerField,
    "number": serializers.FloatField,
    "text": serializers.CharField,
    "time": serializers.CharField,
}


def _field(name: str) -> serializers.Field:
    kind = kind_of(name)
    more: dict[str, Any] = {"required": False, "help_text": Options.model_fields[name].description}
    if kind.is_nullable:
        more["allow_null"] = True
    if kind.shape == "list":
        return serializers.ListField(child=_one(kind, {}), **more)
    if kind.shape == "map":
        return serializers.DictField(child=_one(kind, {}), **more)
    return _one(kind, more)


def _one(kind: Kind, more: dict[str, Any]) -> serializers.Field:
    if kind.base == "choice":
        return serializers.ChoiceField(choices=list(kind.choices), **more)
    return FIELDS[kind.base](**more)


OptionsGiven: type[Strict] = type("OptionsGiven", (Strict,), {name: _field(name) for name in Options.model_fields})
