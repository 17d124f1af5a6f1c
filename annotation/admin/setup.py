"""The set-up page: the configuration as a form with the YAML beside it, what a change means, and every revision."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from annotation import access
from annotation.admin import config_draft
from annotation.admin.attention import told_of_stepless
from annotation.admin.config_draft import Draft
from annotation.admin.frame import project_context
from annotation.assignments.reach import told_of_depth
from annotation.assignments.screening_notices import told_of_pool
from annotation.models import Membership, Project, Revision
from annotation.projects.apply import Applied, apply_text
from annotation.projects.dump import to_yaml
from annotation.projects.revisions import config_of
from annotation.schemes import schemes
from potato_site.accounts.decorators import person_of, signed_in
from potato_site.accounts.models import AuditEntry
from potato_site.numbers import whole_number
from potato_site.safe_yaml import MAX_BYTES

PER_PAGE = 20
# Tells the page's script that it need not keep what was typed any longer.
SAVED = "#saved"
SHOWN = 300


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@never_cache
def setup(request: HttpRequest, slug: str) -> HttpResponse:
    if request.method == "POST":
        return _changed(request, _configured(access.managed_project(request.user, slug)))
    project = _configured(access.administered_project(request.user, slug))
    return _page(request, project, config_draft.of_config(_config(project)))


@require_safe
@signed_in
@never_cache
def config_file(request: HttpRequest, slug: str) -> HttpResponse:
    """The configuration as a file, with the names of those who label. Loaded or uploaded, it is the same project."""
    project = _configured(access.administered_project(request.user, slug))
    members = Membership.objects.filter(project=project, role=Membership.Role.ANNOTATOR, state=Membership.State.ACTIVE)
    names = members.order_by("user__name_key").values_list("user__username", flat=True)
    response = HttpResponse(to_yaml(_config(project), names), content_type="application/yaml; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{project.slug}.yaml"'
    return response


def _configured(project: Project) -> Project:
    if project.revision_id is None:
        raise Http404
    return project


def _config(project: Project) -> Any:
    assert project.revision_id is not None
    return config_of(project.revision_id)


# --- changing ----------------------------------------------------------------------------------------------


def _changed(request: HttpRequest, project: Project) -> HttpResponse:
    """One button of the page, or htmx after a change of the form."""
    do = request.POST.get("do", "")
    if do == "upload":
        return _uploaded(request, project)
    if do == "restore":
        return _restored(request, project)
    try:
        draft = config_draft.posted(request.POST)
    except config_draft.Incomplete:
        messages.error(request, "The form did not arrive as a whole. Nothing was changed; here is what is saved.")
        return redirect("manage-setup", slug=project.slug)
    if do == "refresh":
        return render(request, "admin/setup.html#setup-yaml", {"draft": draft, "may_change": True, "project": project})
    if do == "save" and draft.is_good:
        return _saved(request, project, draft)
    return _page(request, project, draft, is_refused=do == "save")


def _saved(request: HttpRequest, project: Project, draft: Draft) -> HttpResponse:
    keep = _kept(request, project)
    done = apply_text(
        project,
        draft.text,
        person_of(request),
        base_revision=whole_number(request.POST.get("base", "")),
        keep_theirs=[key for key, choice in keep.items() if choice == "theirs"],
        keep_mine=[key for key, choice in keep.items() if choice == "mine"],
        agreement=request.POST.get("agreement", ""),
    )
    if not done.is_saved:
        draft.tell(done.errors, done.warnings)
        return _page(request, project, draft, done, is_refused=True)
    _say(request, done)
    return redirect(reverse("manage-setup", args=[project.slug]) + SAVED)


def _kept(request: HttpRequest, project: Project) -> dict[str, str]:
    """Key of a conflict → whose value stays, if the choice was made about the revision that is still current."""
    assert project.revision_id is not None
    number = Revision.objects.values_list("number", flat=True).get(pk=project.revision_id)
    if request.POST.get("seen") != str(number):
        return {}
    return {key.removeprefix("keep:"): str(value) for key, value in request.POST.items() if key.startswith("keep:")}


def _say(request: HttpRequest, done: Applied) -> None:
    number = done.revision.number if done.revision else 0
    if done.changed:
        messages.success(request, f"Saved as revision {number}: {_and_more(done.changed)}.")
    else:
        messages.info(request, "Nothing differs from what is saved.")
    for outcome in done.people:
        messages.info(request, f"{outcome.entry.username or outcome.entry.email}: {outcome.text}.")
    for note in done.warnings:
        messages.warning(request, f"{note.path}: {note.message}" if note.path else note.message)


def _and_more(keys: list[str], limit: int = 5) -> str:
    more = len(keys) - limit
    return ", ".join(keys[:limit]) + (f" and {more} more" if more > 0 else "")


def _uploaded(request: HttpRequest, project: Project) -> HttpResponse:
    """A file takes the place of what the page shows. Nothing is saved yet."""
    file = request.FILES.get("file")
    data = file.read(MAX_BYTES + 1) if file is not None and not isinstance(file, list) else b""
    if not data or len(data) > MAX_BYTES:
        wrong = f"has more than {MAX_BYTES:,} bytes" if data else "is empty"
        messages.error(request, f"Choose a YAML file. This one {wrong}." if file else "Choose a YAML file.")
        return redirect("manage-setup", slug=project.slug)
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n")
    draft = config_draft.of_file(text, to_yaml(_config(project)))
    return _page(request, project, draft, is_new=True)


def _restored(request: HttpRequest, project: Project) -> HttpResponse:
    """An older revision becomes the current one: saved at once, unless it means something for answers."""
    number = whole_number(request.POST.get("number", "")) or 0
    found = Revision.objects.filter(project=project, number=number).first()
    if found is None:
        raise Http404
    draft = config_draft.of_config(config_of(found.pk))
    done = apply_text(project, draft.text, person_of(request), agreement="")
    if not done.is_saved:
        draft.tell(done.errors, done.warnings)
        return _page(request, project, draft, done, is_new=True)
    _say(request, done)
    return redirect("manage-setup", slug=project.slug)


# --- showing -----------------------------------------------------------------------------------------------


def _page(
    request: HttpRequest,
    project: Project,
    draft: Draft,
    done: Applied | None = None,
    *,
    is_refused: bool = False,
    is_new: bool = False,
) -> HttpResponse:
    """``is_new``: what is shown was not typed against an older revision, but put here now."""
    assert project.revision_id is not None
    number = Revision.objects.values_list("number", flat=True).get(pk=project.revision_id)
    base = whole_number(request.POST.get("base", "")) if request.method == "POST" and not is_new else None
    context = {
        **project_context(request, project, "setup"),
        "draft": draft,
        "done": done,
        "conflicts": [_shown(conflict.key, conflict.theirs, conflict.mine) for conflict in done.conflicts]
        if done
        else [],
        "is_refused": is_refused,
        "is_unsaved": request.method == "POST",
        "base": number if base is None else base,
        "number": number,
        "told": [*told_of_pool(project), *told_of_stepless(project), *filter(None, [told_of_depth(project)])],
        "scheme_types": [(name, _first_line(model)) for name, model in schemes.items()],
        **_history(request, project),
    }
    if request.headers.get("HX-Request"):
        return render(request, "admin/setup.html#setup", context)
    return render(request, "admin/setup.html", context)


def _first_line(model: type[Any]) -> str:
    return (model.__doc__ or "").strip().split("\n")[0]


def _history(request: HttpRequest, project: Project) -> dict[str, Any]:
    """The newest revisions, or those before ``?before=``, each with who made it and what it changed."""
    revisions = Revision.objects.filter(project=project).select_related("made_by").order_by("-number")
    before = whole_number(request.GET.get("before", ""))
    if before is not None:
        revisions = revisions.filter(number__lt=before)
    rows = list(revisions.defer("config")[: PER_PAGE + 1])
    entries = AuditEntry.objects.filter(
        project=project, action="config.change", object__in=[f"{project.slug} r{row.number}" for row in rows]
    )
    changes = {entry.object: entry for entry in entries}
    return {
        "revisions": [(row, _changes(changes.get(f"{project.slug} r{row.number}"))) for row in rows[:PER_PAGE]],
        "older": rows[PER_PAGE - 1].number if len(rows) > PER_PAGE else None,
    }


def _changes(entry: AuditEntry | None) -> list[dict[str, str]]:
    if entry is None:
        return []
    before, after = entry.before or {}, entry.after or {}
    return [_shown(key, before.get(key), after.get(key)) for key in dict.fromkeys([*before, *after])]


def _shown(key: str, before: Any, after: Any) -> dict[str, str]:
    return {"key": key, "before": _brief(before), "after": _brief(after)}


def _brief(value: Any) -> str:
    """A value in a line; “not there” for None."""
    if value is None:
        return "not there"
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return f"{text[:SHOWN]}…" if len(text) > SHOWN else text
