"""What a manager is asked before many rows change, what they are told after, and how far the job is meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from annotation import access
from annotation.admin.known import told_of_invalidated
from annotation.assignments import groups
from annotation.assignments.queue import PRIORITY_LIMIT
from annotation.models import Membership
from annotation.models.projects import GROUP_LENGTH
from annotation.projects import bulk
from potato_site.accounts.decorators import signed_in
from potato_site.jobs.models import Job
from potato_site.number_fields import WholeNumberField

PEOPLE_SHOWN = 1000
GROUPS_SHOWN = 20


class ActForm(forms.Form):
    """The page before an act. ``says`` is what will happen; ``is_dangerous`` colours its button."""

    title = ""
    says = ""
    is_dangerous = False

    def __init__(self, *args: Any, projects: list[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.projects = projects

    def options(self) -> dict[str, Any]:
        return dict(self.cleaned_data)

    def told(self, rows: Sequence[int]) -> list[str]:
        """What happens besides because of what the chosen rows are, in sentences."""
        return []


class _Reason(ActForm):
    reason = forms.CharField(max_length=200, required=False, help_text="Kept in the history. Optional.")


class Release(_Reason):
    title = "Release"
    says = (
        "The work is taken out of people's hands. Answers given so far are kept, the places are free for somebody "
        "else. What was submitted already is not touched."
    )


class Reopen(ActForm):
    title = "Reopen"
    says = (
        "Each person can change what they submitted, for seven days, and finds it under “To change” on the project's "
        "page. The submission counts as it is until they submit again; after seven days it stays as it was. They "
        "are asked what they were asked then, unless you ask the questions as they are now."
    )
    anew = forms.BooleanField(
        label="Ask the questions as they are now",
        required=False,
        help_text="Answers to questions that are the same still are kept, the others are given again.",
    )
    reason = forms.CharField(
        max_length=200, required=False, help_text="Shown to each person, and kept in the history. Optional."
    )


class Invalidate(_Reason):
    title = "Invalidate"
    says = (
        "The submissions count in no export and no agreement any more, and the items are labeled again by somebody "
        "else. Nothing is deleted, but this cannot be undone."
    )
    is_dangerous = True

    def told(self, rows: Sequence[int]) -> list[str]:
        return told_of_invalidated(rows)


class Reassign(ActForm):
    title = "Reassign"
    says = (
        "The item is kept for this person, who gets it next; after seven days it returns to the queue. Open work is "
        "taken back, what was submitted is invalidated. One item at a time can be kept for a person."
    )
    is_dangerous = True
    to = forms.TypedChoiceField(label="Person", coerce=int)

    def __init__(self, *args: Any, projects: list[int], **kwargs: Any) -> None:
        super().__init__(*args, projects=projects, **kwargs)
        people = Membership.objects.filter(
            project__in=projects, role=Membership.Role.ANNOTATOR, state=Membership.State.ACTIVE, user__is_active=True
        ).exclude(Q(stage=Membership.Stage.PAUSED) | Q(is_excluded=True))
        rows = people.order_by("user__username").values_list("user", "user__username").distinct()[:PEOPLE_SHOWN]
        self.fields["to"].choices = [("", "Choose a person"), *rows]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        if len(self.projects) > 1:
            raise forms.ValidationError("These are of several projects. Choose work of one project.")
        return self.cleaned_data


class SetPriority(ActForm):
    title = "Change priority"
    says = "Items above 0 are handed out before all others, the highest first; items below 0 after all others."
    priority = WholeNumberField(min_value=1 - PRIORITY_LIMIT, max_value=PRIORITY_LIMIT - 1, initial=1)


class _Group(ActForm):
    group = forms.CharField(max_length=GROUP_LENGTH, required=False)

    def __init__(self, *args: Any, projects: list[int], **kwargs: Any) -> None:
        super().__init__(*args, projects=projects, **kwargs)
        there = ", ".join(groups.names(projects)[:GROUPS_SHOWN])
        known = f"Groups there are: {there}." if there else "Any name: a group is there when something is in it."
        self.fields["group"].help_text = f"{self.empty} {known}"

    empty = ""


class KeepFor(_Group):
    title = "Keep for a group"
    says = (
        "The items are handed out only to annotators of this group (the list of people sets it). Who has one in hand "
        "keeps it, and you can still give it to anybody. In the calibration set everybody labels them."
    )
    empty = "Empty: for everybody."


class Requeue(ActForm):
    title = "Put back into the queue"
    says = (
        "Labels that are left out give up their places on these items, which are handed out to others. The labels "
        "stay: when you include them again they come back into places that are free then, and are surplus where none "
        "is."
    )


class Withdraw(ActForm):
    title = "Withdraw"
    says = (
        "The items are handed out to nobody and left out of exports and agreement. What people have open they can "
        "still finish. Nothing is deleted; restoring brings everything back."
    )
    is_dangerous = True


class Restore(ActForm):
    title = "Restore"
    says = "The items are handed out again, and their labels count again."


class Calibrate(ActForm):
    title = "Everybody labels them first"
    says = (
        "The items become the calibration set: every annotator labels them before anything else, so that you can talk "
        "over where they differ. None of that is a label: it is in no export and no agreement. Labels that the items "
        "have already stay."
    )


class EndCalibration(ActForm):
    title = "Take out of the calibration set"
    says = (
        "The items are handed out like all others, to those who have not labeled them yet. What was said of them stays "
        "on their pages, and is no label."
    )


class Pause(ActForm):
    title = "Pause"
    says = "These annotators get no new items and are told so. What they have open they can finish."


class Resume(ActForm):
    title = "Resume"
    says = "These annotators get items again."


class SetLimit(ActForm):
    title = "Set a limit"
    says = (
        "These annotators get no further item once they have had so many, whatever the project's own limit is. What "
        "they have open they can finish."
    )
    items = WholeNumberField(
        required=False, min_value=0, max_value=1_000_000, help_text="Empty: the project's limit, if it has one."
    )


class SetGroup(_Group):
    title = "Set the group"
    says = "These annotators get the items that are kept for this group, and those that are for everybody."
    empty = "Empty: in no group."


class LetThrough(ActForm):
    title = "Let through the screening"
    says = "These annotators label, whatever came of a screening. It can be taken back."


class Screen(ActForm):
    title = "Screen after all"
    says = "For these annotators the screening holds again: who has not passed gets no other items before they have."


class GiveTry(ActForm):
    title = "Give a try to pass the screening"
    says = (
        "These annotators are screened now, before anything else: who failed, passed or was never screened. What they "
        "have open they finish first."
    )


class Remove(ActForm):
    title = "Remove from the project"
    says = (
        "These people can no longer open the project. What they have open is given back with its answers, what they "
        "submitted stays and counts."
    )
    is_dangerous = True


class Exclude(ActForm):
    title = "Exclude labels"
    says = (
        "Everything these people submitted is left out of exports, agreement and what is finished; it stays in their "
        "own files, and can be taken in again. They get no new items; one that is kept for them goes to others. They "
        "read that their work here is paused. The items that they labeled go to nobody else until you put them back "
        "into the queue, in the list of items."
    )
    is_dangerous = True


class Include(ActForm):
    title = "Include labels again"
    says = (
        "What these people submitted counts again in exports and agreement, and they get items again. Labels whose "
        "places others have taken meanwhile are surplus."
    )


FORMS: dict[str, type[ActForm]] = {
    "release": Release,
    "reassign": Reassign,
    "reopen": Reopen,
    "invalidate": Invalidate,
    "set_priority": SetPriority,
    "keep_for": KeepFor,
    "requeue": Requeue,
    "withdraw": Withdraw,
    "restore": Restore,
    "calibrate": Calibrate,
    "end_calibration": EndCalibration,
    "pause": Pause,
    "resume": Resume,
    "set_limit": SetLimit,
    "set_group": SetGroup,
    "let_through": LetThrough,
    "screen": Screen,
    "give_try": GiveTry,
    "remove": Remove,
    "exclude": Exclude,
    "include": Include,
}


def things(name: str, count: int) -> str:
    """``1 item``, ``3 people``: what an act is done to."""
    opts = bulk.ACTS[name].model._meta
    return f"{count:,} {opts.verbose_name if count == 1 else opts.verbose_name_plural}"


def tell(request: HttpRequest, name: str, outcome: dict[str, Any]) -> None:
    """Say how many were changed, and which were not and why."""
    if outcome["done"]:
        messages.success(request, f"{things(name, outcome['done'])} {bulk.ACTS[name].done}.")
    for refused in outcome["refused"]:
        messages.warning(request, f"{things(name, refused['count'])} not changed: {sentence(refused)}")


def sentence(refused: dict[str, Any]) -> str:
    """Why, and the names of the first few."""
    more = refused["count"] - len(refused["names"])
    names = ", ".join(refused["names"]) + (f" and {more:,} more" if more > 0 else "")
    return f"{refused['reason']} ({names})"


@require_safe
@signed_in
@never_cache
def act(request: HttpRequest, job_id: int) -> HttpResponse:
    """How far an act on many rows is, for the person who started it."""
    if not access.administers_something(request.user):
        raise Http404
    job = Job.objects.filter(pk=job_id, kind=bulk.JOB).first()
    if job is None or (job.params["by"] != request.user.pk and not request.user.is_superuser):
        raise Http404
    name = job.params["act"]
    result = job.progress.get("result") or {}
    context = {
        **admin.site.each_context(request),
        "title": FORMS[name].title,
        "job": job,
        "is_live": job.state in Job.LIVE,
        "done": job.progress.get("done", 0) or 0,
        "total": len(job.params["pks"]),
        "counted": f"{things(name, result['done'])} {bulk.ACTS[name].done}." if result else "",
        "refused": [f"{things(name, r['count'])} not changed: {sentence(r)}" for r in result.get("refused", ())],
        "back": job.params.get("back")
        or reverse(f"admin:annotation_{bulk.ACTS[name].model._meta.model_name}_changelist"),
    }
    template = "admin/act.html#progress" if getattr(request, "htmx", False) else "admin/act.html"
    return render(request, template, context)
