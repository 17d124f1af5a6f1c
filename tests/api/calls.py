"""A program's side of the API: calls with a token."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse
from django.test import Client

from potato_site.accounts.models import User
from potato_site.api import tokens

ALL = tuple(tokens.SCOPES)


class Caller:
    """Calls below /api/v1/ with one token, as JSON."""

    def __init__(self, secret: str = "") -> None:
        self.client, self.secret = Client(), secret

    def __call__(
        self, method: str, path: str, body: Any = None, *, kind: str = "application/json", **headers: str
    ) -> HttpResponse:
        data = body if isinstance(body, str | bytes) else b"" if body is None else json.dumps(body)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.secret:
            sent["Authorization"] = f"Bearer {self.secret}"
        address = path if path.startswith(("/", "http")) else f"/api/v1/{path}"
        return self.client.generic(method, address, data, content_type=kind, headers=sent)

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self("POST", path, {} if body is None else body, **headers)


def caller(who: str | User, *scopes: str, project: Any = None, days: int = 90) -> Caller:
    """Somebody's program, with all scopes unless some are named."""
    user = User.objects.get(username=who) if isinstance(who, str) else who
    return Caller(tokens.make(user, scopes=scopes or ALL, project=project, days=days)[1])


def problem(response: HttpResponse, status: int, kind: str) -> dict[str, Any]:
    """The problem document of an answer, which must be one of this kind."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    document = response.json()
    assert document["type"] == f"/api/docs/#problem-{kind}"
    assert document["status"] == status
    return document
