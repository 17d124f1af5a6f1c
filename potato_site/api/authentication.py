"""Who a call comes from, and whether its token is good for it."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, MethodNotAllowed, NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from potato_site.accounts.models import ApiToken, User
from potato_site.api import tokens

SAFE = ("GET", "HEAD")


class BearerToken(BaseAuthentication):
    """``Authorization: Bearer pts_…``. A browser's session means nothing here, so there is nothing to forge."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None
        token = tokens.authenticate(words[1].decode("latin-1")) if len(words) == 2 else None
        if token is None:
            raise AuthenticationFailed("This token is unknown, has expired or was revoked.")
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="potato"'


class HasScope(BasePermission):
    """The token has the scope that the endpoint asks for this method."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, ApiToken):
            raise NotAuthenticated("Send a token: Authorization: Bearer pts_…")
        scopes: dict[str, str] = view.scopes
        wanted = scopes.get("GET" if request.method == "HEAD" else str(request.method))
        if wanted is None:
            raise MethodNotAllowed(str(request.method))
        if wanted not in tokens.scopes_of(request.auth):
            raise PermissionDenied(f"This token lacks the scope “{wanted}”.")
        if request.method not in SAFE:
            tokens.note_use(request.auth)
        return True
