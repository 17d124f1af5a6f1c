"""A project's configuration: read as YAML or JSON, replaced by either. What the set-up page does, for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api import lookup
from annotation.assignments.screening_notices import told_of_pool
from annotation.models import Project
from annotation.projects import apply, dump
from annotation.projects.notes import Note
from annotation.projects.revisions import current
from potato_site.accounts.decorators import person_of
from potato_site.api import query
from potato_site.api.endpoint import Answer, Endpoint
from potato_site.api.parsing import Json, PlainText, Text
from potato_site.api.problems import Problem
from potato_site.canonical import canonical

YAML = "application/yaml"
TAG = "Configuration"


class NoteShown(serializers.Serializer):
    line = serializers.IntegerField(allow_null=True)
    path = serializers.CharField(help_text="The key it is about.")
    message = serializers.CharField()
    kind = serializers.CharField()


class ConsequenceShown(serializers.Serializer):
    key = serializers.CharField()
    text = serializers.CharField()
    asks = serializers.BooleanField(help_text="Saved only with `agree`.")


class AppliedShown(serializers.Serializer):
    is_saved = serializers.BooleanField()
    revision = serializers.IntegerField(help_text="The project's afterwards.")
    changed = serializers.ListField(child=serializers.CharField(), help_text="Keys that differ.")
    warnings = NoteShown(many=True)
    consequences = ConsequenceShown(many=True)
    agreement = serializers.CharField(allow_blank=True, help_text="What to send as `agree`, where one is asked for.")


class Config(Endpoint):
    tag = TAG
    scopes = {"GET": "read", "PUT": "manage"}
    parser_classes = [Json, Text, PlainText]

    @extend_schema(
        operation_id="config",
        summary="The configuration",
        parameters=[OpenApiParameter("format", str, enum=["json", "yaml"], description="Or by `Accept`.")],
        responses={(200, "application/json"): OpenApiTypes.OBJECT, (200, YAML): OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, slug: str) -> Answer:
        """Without people and passwords. `ETag` names the revision: send it as `If-Match` with a change."""
        query.only(request, "format")
        project = lookup.administered_project(request, slug)
        if project.revision_id is None:
            raise Problem("conflict", "The project has no configuration yet.")
        wanted = query.choice(request, "format", ("json", "yaml")) or request.headers.get("Accept", "")
        config = current(project)
        headers = {"ETag": etag(project)}
        if "yaml" in wanted:
            return HttpResponse(dump.to_yaml(config), content_type=f"{YAML}; charset=utf-8", headers=headers)
        return HttpResponse(canonical(config.plain()), content_type="application/json", headers=headers)

    @extend_schema(
        operation_id="config_put",
        summary="Replace the configuration",
        parameters=[
            OpenApiParameter(
                "If-Match", str, OpenApiParameter.HEADER, required=True, description="The ETag of what you changed."
            ),
            OpenApiParameter("agree", str, description="The `agreement` of a refusal that asked for one, or `anyway`."),
            OpenApiParameter("dry_run", bool, description="Only say what it would do."),
        ],
        request={"application/json": OpenApiTypes.OBJECT, YAML: OpenApiTypes.OBJECT, "text/plain": OpenApiTypes.STR},
        responses={200: OpenApiResponse(AppliedShown)},
    )
    def put(self, request: Request, slug: str) -> Response:
        """The whole of it, as a file would say it. Paths of the server and passwords in it are ignored, with a
        warning. Where answers exist, a change that means something for them is refused once (409), and saved when
        sent again with `agree`. Among the warnings is what the screening has too few items for."""
        query.only(request, "agree", "dry_run")
        project = lookup.managed_project(request, slug)
        base = base_of(request, project)
        text, agreed = body(request), query.text(request, "agree") or ""
        if query.flag(request, "dry_run"):
            done = apply.propose(project, text, base_revision=base)
        else:
            done = apply.apply_text(project, text, person_of(request), base_revision=base, agreement=agreed)
        refuse(done)
        if not done.is_saved and not query.flag(request, "dry_run"):
            raise Problem("conflict", "Answers exist: read the consequences, then send it with agree.", **shown(done))
        number = done.revision.number if done.revision else 0
        told = told_of_pool(project) if done.is_saved else []
        about = [{"line": None, "path": "quality_control.screening", "message": one, "kind": "advice"} for one in told]
        said = shown(done)
        return Response({**said, "warnings": said["warnings"] + about}, headers={"ETag": f'"r{number}"'})


def etag(project: Project) -> str:
    assert project.revision is not None
    return f'"r{project.revision.number}"'


def base_of(request: Request, project: Project) -> int | None:
    """The revision the sender has seen. Raises Problem."""
    given = request.headers.get("If-Match")
    if given is None:
        raise Problem("base-needed")
    if given.strip() == "*":
        return None
    # A proxy that compresses makes the tag a weak one (W/"r1"); it names the same revision.
    if project.revision is None or given.strip().removeprefix("W/") != etag(project):
        raise Problem("changed", "Read the configuration again, and change that.")
    return project.revision.number


def body(request: Request) -> str | bytes:
    """The configuration as text. JSON is said again as YAML, so that both are read by one reader."""
    data = request.data
    if isinstance(data, bytes):
        return data
    if not isinstance(data, dict):
        raise Problem("invalid", "The configuration must be an object.")
    try:
        return dump.text_of(data)
    except RecursionError:
        raise Problem("malformed", "The body is nested too deeply.") from None


def refuse(done: apply.Applied) -> None:
    """Raises Problem for errors, and for keys that somebody else has changed at this very moment."""
    if done.errors:
        raise Problem("invalid", errors=[note(one) for one in done.errors], warnings=notes(done.warnings))
    if done.conflicts:
        raise Problem(
            "conflict", "Somebody else has changed the same keys.", conflicts=[asdict(c) for c in done.conflicts]
        )


def shown(done: apply.Applied) -> dict[str, Any]:
    return {
        "is_saved": done.is_saved,
        "revision": done.revision.number if done.revision else 0,
        "changed": done.changed,
        "warnings": notes(done.warnings),
        "consequences": [asdict(one) for one in done.consequences],
        "agreement": done.agreement if done.asks and not done.is_saved else "",
    }


def notes(found: list[Note]) -> list[dict[str, Any]]:
    return [{"line": one.line, "path": one.path, "message": one.message, "kind": one.kind} for one in found]


def note(one: Note) -> dict[str, Any]:
    """An error as problem documents have them."""
    return {"field": one.path, "message": one.message, "line": one.line}
