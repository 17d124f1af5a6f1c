"""The stylesheet a project's configuration makes: label colours, the height of terminals, the looks of its layout.

The policy of every page forbids inline styles, so what a configuration chooses reaches the browser from here. Only
values of a known form are written; a label's text never is.
"""

from __future__ import annotations

import re

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from annotation import access
from annotation.models import Revision
from annotation.projects.config import ProjectConfig
from annotation.projects.revisions import config_of
from potato_site.accounts.decorators import signed_in
from traces import layout

COLOR = re.compile(r"#[0-9A-Fa-f]{6}")
YEAR = 365 * 24 * 3600


@require_safe
@signed_in
def project_style(request: HttpRequest, slug: str, revision_id: int) -> HttpResponse:
    """Immutable: another configuration is another revision, so another address."""
    project = access.visible_project(request.user, slug)
    if not Revision.objects.filter(pk=revision_id, project=project).exists():
        raise Http404
    response = HttpResponse(stylesheet(config_of(revision_id)), content_type="text/css; charset=utf-8")
    response["Cache-Control"] = f"private, immutable, max-age={YEAR}"
    return response


def stylesheet(config: ProjectConfig) -> str:
    """Rules ``.c-<scheme>-<n>`` for the n-th colour of a scheme, terminals' height, and a layout's rules."""
    rules = [
        f".c-{scheme.name}-{place} {{ --label-color: {style.color}; }}"
        for scheme in config.annotation_schemes
        for place, style in enumerate(scheme.styles())
        if COLOR.fullmatch(style.color)
    ]
    height = int(config.coding_agent.display.max_terminal_height)
    laid_out = layout.stylesheet(config.html_layout)
    return "\n".join([f":root {{ --max-terminal-height: {height}px; }}", *rules, *laid_out, ""])
