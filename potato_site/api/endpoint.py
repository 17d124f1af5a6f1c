"""The base of every endpoint: token, scope, limit, body, idempotency, problems.

::

    class ProjectList(Endpoint):
        tag = "Projects"
        scopes = {"GET": "read", "POST": "manage"}

        @extend_schema(summary="…", request=NewProject, responses=Project)
        def get(self, request: Request) -> Response: ...

An object is looked up by its app's access functions, for ``request.user`` and within ``request.auth``
(:func:`potato_site.api.tokens.within`); no rule exists only here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from drf_spectacular.plumbing import get_lib_doc_excludes
from rest_framework import serializers
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from potato_site.accounts.models import ApiToken
from potato_site.api import idempotency
from potato_site.api.authentication import SAFE, BearerToken, HasScope
from potato_site.api.parsing import Json
from potato_site.api.problems import Problem
from potato_site.api.throttling import PerPerson

Answer = HttpResponse


class OneRenderer(BaseContentNegotiation):
    """The API speaks JSON, whatever ``Accept`` says."""

    def select_parser(self, request: Request, parsers: Any) -> BaseParser | None:
        kind = request.content_type.partition(";")[0].strip().lower()
        return next((parser for parser in parsers if _matches(parser.media_type, kind)), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        renderer: BaseRenderer = renderers[0]
        return renderer, renderer.media_type


def _matches(pattern: str, kind: str) -> bool:
    return kind.startswith(pattern[:-1]) if pattern.endswith("*") else kind == pattern


class Endpoint(APIView):
    """One address. ``scopes`` says which scope each method asks for; a method without one is a 405."""

    scopes: ClassVar[dict[str, str]] = {}
    # The group of the documentation it stands in.
    tag: ClassVar[str] = ""
    # False where a call is repeatable by what it carries (uploads): its body is not read here and nothing is kept.
    remembers: ClassVar[bool] = True

    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    authentication_classes = [BearerToken]
    permission_classes: list[type[BasePermission]] = [HasScope]
    throttle_classes = [PerPerson]
    parser_classes: list[type[BaseParser]] = [Json]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = OneRenderer

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """As the framework's, with the answer of an unsafe call remembered under its key."""
        self.args, self.kwargs = args, kwargs
        self.request = framed = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        response: Answer
        try:
            self.initial(framed, *args, **kwargs)
            response = self._answer(framed, lambda: self._handle(framed, *args, **kwargs))
        except Exception as exc:
            response = self.handle_exception(exc)
        self.response = self.finalize_response(framed, response, *args, **kwargs)
        return self.response

    def _answer(self, request: Request, run: Callable[[], Answer]) -> Answer:
        if request.method in SAFE:
            return run()
        key = idempotency.key_of(request)
        if not self.remembers:
            return run()
        # Read at once, and with it refused when too large: parsers would read any amount.
        request._request.body  # noqa: B018
        return run() if key is None else idempotency.once(request, key, run, JSONRenderer().render)

    def _handle(self, request: Request, *args: Any, **kwargs: Any) -> Answer:
        try:
            # Of these names only: a method called DISPATCH or ARGS is none of ours, though an attribute is.
            name = str(request.method).lower()
            is_ours = name in self.http_method_names and hasattr(self, name)
            handler: Any = getattr(self, name) if is_ours else self.http_method_not_allowed
            return handler(request, *args, **kwargs)
        except Exception as exc:
            return self.handle_exception(exc)


class Strict(serializers.Serializer):
    """Input: a key it does not know is an error, not silence."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = sorted(str(key)[:100] for key in set(data) - set(self.fields))
            if unknown:
                raise serializers.ValidationError({key: ["There is no such key here."] for key in unknown})
        return super().to_internal_value(data)


def undescribed() -> list[type]:
    """Classes whose docstrings are for who reads the code: the API's description does not show them."""
    return [*get_lib_doc_excludes(), Endpoint, Strict]


def read(serializer: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    """The body's values by ``serializer``. Raises ValidationError (422)."""
    form = serializer(data=request.data)
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


def token_of(request: Request) -> ApiToken:
    assert isinstance(request.auth, ApiToken)
    return request.auth


def unbound(request: Request) -> None:
    """Refuse a token that is bound to a project where something outside of projects is changed. Raises Problem."""
    if token_of(request).project_id is not None:
        raise Problem("forbidden", "This token is bound to one project.")
