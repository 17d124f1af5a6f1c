"""Known answers on the page of an item: what they are, somebody's submission kept as such, one forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from annotation import access
from annotation.answers.context import OF_A_PAIR, context_of_version, is_pair
from annotation.answers.words import words_of
from annotation.models import Assignment, Gold, Item, Project, Submission
from annotation.projects.config import ProjectConfig
from annotation.projects.revisions import current, meaning_key
from annotation.quality.gold import NotGold, among, delete_gold, keep_submission
from annotation.schemes.base import Scheme
from potato_site.accounts.decorators import person_of, signed_in


@dataclass(frozen=True)
class Known:
    """``words`` say the answer to the question ``title``; ``is_current``: to what it means now, so it is compared."""

    pk: int
    title: str
    is_current: bool
    words: list[str]
    # Whose submission it was, where it was somebody's, and whether that was invalidated since.
    source: str = ""
    is_void: bool = False


def known_of(item: Item, config: ProjectConfig) -> list[Known]:
    """What is known of an item."""
    schemes = {scheme.name: scheme for scheme in config.annotation_schemes}
    context = OF_A_PAIR if item.kind == Item.Kind.PAIR else context_of_version(item.a_id)
    found = []
    for gold in Gold.objects.filter(item=item).select_related("scheme", "taken_from__annotator").order_by("pk"):
        scheme = schemes.get(gold.scheme.name)
        if scheme is not None and meaning_key(scheme) == gold.scheme.digest:
            words = words_of(scheme.told(gold.value, context))
            found.append(Known(gold.pk, scheme.title, True, words, *_source(gold)))
        else:
            found.append(Known(gold.pk, scheme.title if scheme else gold.scheme.name, False, [], *_source(gold)))
    return found


def _source(gold: Gold) -> tuple[str, bool]:
    if gold.taken_from is None:
        return "", False
    return gold.taken_from.annotator.get_username(), gold.taken_from.state == Assignment.State.VOID


def told_of_invalidated(assignments: Sequence[int]) -> list[str]:
    """What becomes of known answers when these are invalidated, in sentences; none where they have nothing to do with
    any."""
    found = among(assignments)
    told = []
    if found.taken:
        known = "1 known answer was" if found.taken == 1 else f"{found.taken:,} known answers were"
        stays = "It stays" if found.taken == 1 else "They stay"
        told.append(
            f"{known} taken from {found.sources:,} of them. {stays} known, and people are compared with "
            f"{'it' if found.taken == 1 else 'them'}, until you forget {'it' if found.taken == 1 else 'them'} on the "
            "pages of the items; the overview leads there."
        )
    if found.checks:
        told.append(
            f"{found.checks:,} of them {'was' if found.checks == 1 else 'were'} made to check the person alone, by a "
            "known answer: they are compared with it no more, and nobody labels the item in their stead."
        )
    return told


@require_POST
@signed_in
@never_cache
def keep(request: HttpRequest, slug: str, submission_id: int) -> HttpResponse:
    """What this submission says becomes the known answer to each of its questions."""
    project = access.managed_project(request.user, slug)
    current = Submission.objects.filter(project=project, is_current=True)
    found = get_object_or_404(current.select_related("assignment__item"), pk=submission_id)
    try:
        kept = keep_submission(project, found, person_of(request))
        titles = ", ".join(f"“{scheme.title}”" for scheme in kept)
        messages.success(request, f"Kept as known answers: {titles}.{_told_of_others(project, found, kept)}")
    except NotGold as refused:
        messages.error(request, str(refused))
    return redirect("manage-item", slug=slug, item_id=found.assignment.item_id)


def _told_of_others(project: Project, submission: Submission, kept: list[Scheme]) -> str:
    """A sentence on what it answers besides."""
    asked = current(project).asked_of(pair=is_pair(submission.assignment.item_id))
    others = [scheme for scheme in asked if submission.values.get(scheme.name) and scheme not in kept]
    if not others:
        return ""
    titles = ", ".join(f"“{scheme.title}”" for scheme in others)
    return f" Left out, as such answers cannot be compared: {titles}."


@require_POST
@signed_in
@never_cache
def forget(request: HttpRequest, slug: str, gold_id: int) -> HttpResponse:
    """The answer to this question is not known any more. Submissions stay what they are."""
    project = access.managed_project(request.user, slug)
    gold = get_object_or_404(Gold.objects.filter(item__project=project), pk=gold_id)
    delete_gold(project, gold, person_of(request))
    messages.success(request, "The known answer is forgotten.")
    return redirect("manage-item", slug=slug, item_id=gold.item_id)
