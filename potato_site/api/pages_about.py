"""The API about itself: its description, the page made from it, and the answer for addresses that do not exist."""

from __future__ import annotations

import json
from typing import Any

import yaml
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import ResolverMatch, is_valid_path, resolve
from django.views.decorators.http import require_safe
from rest_framework.request import Request

from potato_site.api import reference
from potato_site.api.endpoint import Endpoint
from potato_site.api.problems import KINDS, Problem
from potato_site.api.schema import document
from potato_site.api.tokens import SCOPES


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """The OpenAPI description, as JSON or (``?format=yaml``, ``Accept: application/yaml``) as YAML."""
    wanted = request.GET.get("format") or request.headers.get("Accept", "")
    if "yaml" in wanted:
        text = yaml.safe_dump(document(), sort_keys=False, allow_unicode=True)
        return HttpResponse(text, content_type="application/vnd.oai.openapi; charset=utf-8")
    return HttpResponse(json.dumps(document()), content_type="application/vnd.oai.openapi+json")


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """The same description for people."""
    context = {
        "groups": reference.groups(document(), request.build_absolute_uri("/").rstrip("/")),
        "scopes": SCOPES,
        "problems": KINDS,
        "about": document()["info"],
    }
    return render(request, "api/docs.html", context)


class Unknown(Endpoint):
    """Everything below /api/ that is no address of ours, by any method, for anybody."""

    authentication_classes = []
    permission_classes = []
    throttle_classes = []
    schema = None
    remembers = False

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        found = _without_slash(request)
        if found is None:
            return super().dispatch(request, *args, **kwargs)
        # What is measured and logged is the address that answers.
        request.resolver_match = found
        return found.func(request, *found.args, **found.kwargs)

    def http_method_not_allowed(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        raise Problem("not-found", "There is no such address. GET /api/schema/ lists those there are.")


def _without_slash(request: HttpRequest) -> ResolverMatch | None:
    """The endpoint that is meant by an address with a slash at its end: many frameworks write theirs so."""
    path, _, rest = request.path_info.rpartition("/")
    if rest or not is_valid_path(path):
        return None
    found = resolve(path)
    endpoint = getattr(found.func, "cls", None)
    return found if endpoint and endpoint is not Unknown else None
