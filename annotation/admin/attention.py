"""What a manager should look at first, in sentences: the worst stands first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from django.utils import timezone

from annotation.admin.figures import RELIABLE, Figures
from annotation.admin.links import Links
from annotation.assignments import screening
from annotation.assignments.screening_notices import told_of_pool
from annotation.assignments.stepless import in_vain, left_out
from annotation.models import Project
from annotation.projects import invitations
from annotation.quality.live import Live
from annotation.templatetags.figures import alpha, percent
from potato_site.counts import plural

# A person is named when at least so many submissions, and this share of theirs, came too fast.
HASTY_SUBMISSIONS, HASTY_SHARE = 3, 0.1
# And when they skipped so many of the items they got, and more than this share of them.
SKIPPED_ITEMS, SKIPPED_SHARE = 3, 0.1
NAMED = 3
# What is kept of one (statistics.PROGRESS).
Person = dict[str, Any]
SILENT_DAYS = 3
# And when so many of their answers could be compared with known ones, and come no nearer to them than this.
CHECKED_SUBMISSIONS, LOW_LIKENESS = 10, 0.7


@dataclass(frozen=True)
class Notice:
    """``level`` is "bad", "warn" or "good"; ``url`` is where to look, or empty, ``link`` the words that lead there."""

    level: str
    text: str
    url: str = ""
    link: str = ""


def notices(
    project: Project, figures: Figures, live: Live, links: Links, *, decides: bool, manages: bool = False
) -> list[Notice]:
    """``decides``: who looks may adjudicate; ``manages``: and may know what is known."""
    of_numbers = _of_numbers(project, figures, live.at, links, manages=manages)
    found = [*_of_work(live, links), *_of_screening(project, links), *of_numbers]
    if figures.to_decide:
        differ = f"{plural(figures.to_decide, 'item')} to adjudicate: the annotators differ."
        found.append(Notice("warn", differ, links.adjudicate if decides else "", "Decide"))
    return sorted(found, key=lambda notice: ("bad", "warn", "good").index(notice.level))


def _of_work(live: Live, links: Links) -> Iterator[Notice]:
    if live.is_waiting:
        yield Notice("bad", "Jobs are waiting and no worker takes them. Is a worker running?", "#jobs", "See jobs")
    if live.failed:
        yield Notice("bad", f"{plural(live.failed, 'job')} failed in the last 7 days.", "#jobs", "See jobs")
    if live.overdue:
        text = f"{plural(live.overdue, 'item')} {'is' if live.overdue == 1 else 'are'} past the end of the lease."
        yield Notice("warn", text, links.overdue, "Show assignments")
    yield from _stranded(live, links)


def _of_screening(project: Project, links: Links) -> Iterator[Notice]:
    yield from (Notice("warn", text, links.setup, "See the set-up") for text in told_of_pool(project))
    if failed := screening.n_failed_for_good(project):
        people = "1 person" if failed == 1 else f"{failed:,} people"
        yield Notice("warn", f"{people} did not pass the screening and cannot try again.", links.people, "See people")


def _stranded(live: Live, links: Links) -> Iterator[Notice]:
    if live.stranded:
        people = "1 person" if live.stranded == 1 else f"{live.stranded:,} people"
        get = "gets" if live.stranded == 1 else "get"
        labeled = f"{people} from a crowd platform labeled something, {get} no further item and got no code"
        text = f"{labeled}: give it to them, or end the visit."
        yield Notice("warn", text, links.stranded, "See people")


def _of_numbers(project: Project, figures: Figures, now: datetime, links: Links, *, manages: bool) -> Iterator[Notice]:
    yield from _hasty(figures, links)
    yield from _unread(figures, links)
    yield from _wrong(figures, links)
    yield from _skipping(figures, links)
    yield from _straight(figures, links)
    weakest = figures.weakest
    if weakest is not None and weakest.band.key == "poor" and weakest.at_best < RELIABLE:
        assert weakest.value is not None
        what = f"Agreement on “{weakest.scheme}” ({weakest.measure.lower()}) is too low: α {alpha(weakest.value)}."
        yield Notice("warn", what, "#agreement", "See agreement")
    if figures.progress and (count := figures.progress.get("without_steps")):
        yield Notice("warn", _told_of_left_out(count), links.traces, "Show traces")
    if figures.progress and (count := figures.progress.get("in_vain")):
        yield Notice("warn", _told_of_in_vain(count), links.free, "Show items")
    if figures.progress and (count := figures.progress.get("often_skipped")):
        was, them = ("was", "it") if count == 1 else ("were", "them")
        text = f"{plural(count, 'item')} {was} skipped by several people: is something wrong with {them}?"
        yield Notice("warn", text, links.often_skipped, "Show items")
    if figures.progress and (count := figures.progress.get("filled_in_vain")):
        has, it = ("has", "it") if count == 1 else ("have", "them")
        text = f"{plural(count, 'item')} {has} labels that are left out, in places that nobody else is given"
        yield Notice("warn", f"{text}: put {it} back into the queue.", links.filled_in_vain, "Show items")
    if manages and figures.progress and (count := figures.progress.get("known_void")):
        text = (
            "1 known answer comes from a submission that was"
            if count == 1
            else (f"{count:,} known answers come from submissions that were")
        )
        yield Notice(
            "warn", f"{text} invalidated, and people are still compared with it.", links.known_void, "Show them"
        )
    for group, count in (figures.progress or {}).get("for_nobody", {}).items():
        are = "is" if count == 1 else "are"
        text = f"{plural(count, 'item')} {are} kept for the group “{group}”, in which nobody is at work."
        yield Notice("warn", text, f"{links.free}&{urlencode({'group': group})}", "Show items")
    if figures.progress is None or project.state != Project.State.OPEN:
        return
    if (beyond := figures.progress.get("out_of_reach")) and beyond["labels"]:
        yield Notice("warn", _told_of_reach(beyond, invitations.awaited(project)), links.people, "See people")
    items = figures.progress["items"]
    if items["total"] and not items["open"]:
        yield Notice("good", "Every item has all its labels.")
    elif figures.day_rows and (silent := _days_since(figures.day_rows[0][0], now)) >= SILENT_DAYS:
        yield Notice("warn", f"Nobody has submitted anything for {plural(silent, 'day')}.", links.people, "See people")


def _told_of_reach(beyond: dict[str, Any], awaited: int) -> str:
    """``awaited``: so many are invited, and may be all that is needed."""
    are = "is" if beyond["labels"] == 1 else "are"
    text = f"{plural(beyond['labels'], 'label')} {are} asked for that nobody at work can give"
    ways = []
    # An earlier version kept less.
    groups = [f"“{group}”" for group in beyond.get("for_groups", ())]
    if not groups or beyond["for_all"] or beyond["is_limited"]:
        if awaited:
            people = "1 person who is" if awaited == 1 else f"{awaited:,} people who are"
            ways.append(f"wait for {people} invited")
        ways.append("invite more people" if awaited else "invite people")
    if groups:
        named = " and ".join(groups) if len(groups) <= NAMED else f"{', '.join(groups[:NAMED])} and others"
        ways.append(f"put more people into the group{'' if len(groups) == 1 else 's'} {named}")
    if beyond["is_limited"]:
        ways.append("raise the limits")
    if beyond.get("is_overlap") and beyond["at_work"]:
        ways.append("lower the overlap")
    return f"{text}: {', '.join(ways[:-1])}{', or ' if ways[1:] else ''}{ways[-1]}."


def told_of_stepless(project: Project) -> list[str]:
    """Sentences on traces without steps where every question is about steps; counted now."""
    counted = ((_told_of_left_out, left_out(project).count()), (_told_of_in_vain, in_vain(project).count()))
    return [told(count) for told, count in counted if count]


def _told_of_left_out(count: int) -> str:
    has, is_ = ("has", "is") if count == 1 else ("have", "are")
    return f"{plural(count, 'trace')} {has} no steps and {is_} not handed out: every question is about steps."


def _told_of_in_vain(count: int) -> str:
    has, its = ("has", "its trace has") if count == 1 else ("have", "their traces have")
    return f"{plural(count, 'item')} {has} nothing to label: {its} no steps, and every question is about steps."


def _most(figures: Figures, is_meant: Callable[[Person], bool], by: Callable[[Person], float]) -> list[Person]:
    """The few people that are named, of those that are meant."""
    people = figures.progress["people"] if figures.progress else []
    return sorted(filter(is_meant, people), key=by, reverse=True)[:NAMED]


def _hasty(figures: Figures, links: Links) -> Iterator[Notice]:
    for one in _most(figures, lambda one: is_hasty(one["too_fast"], one["submitted"]), lambda one: one["too_fast"]):
        text = f"{one['username']}: {one['too_fast']} of {one['submitted']} submissions came too fast"
        yield Notice("warn", f"{text} to have been read.", _of_person(links.too_fast, one), "Show them")


def _unread(figures: Figures, links: Links) -> Iterator[Notice]:
    for one in _most(figures, lambda one: is_hasty(one.get("unread", 0), one["submitted"]), lambda one: one["unread"]):
        text = (
            f"{one['username']}: {one['unread']} of {one['submitted']} submissions judge steps that were never in view."
        )
        yield Notice("warn", text, _of_person(links.unread, one), "Show them")


def is_hasty(too_fast: int, submitted: int) -> bool:
    return too_fast >= HASTY_SUBMISSIONS and too_fast >= HASTY_SHARE * submitted


def _skipping(figures: Figures, links: Links) -> Iterator[Notice]:
    for one in _most(figures, lambda one: is_skipping(one["skipped"], one["submitted"]), lambda one: one["skipped"]):
        text = f"{one['username']} skipped {one['skipped']} of {plural(one['skipped'] + one['submitted'], 'item')}."
        yield Notice("warn", text, links.skipped, "Show them")


def is_skipping(skipped: int, submitted: int) -> bool:
    return skipped >= SKIPPED_ITEMS and skipped > SKIPPED_SHARE * (skipped + submitted)


def _wrong(figures: Figures, links: Links) -> Iterator[Notice]:
    for one in _most(figures, lambda one: is_wrong(one.get("checked")), lambda one: -one["checked"]["likeness"]):
        checked = one["checked"]
        share, items = percent(checked["likeness"]), plural(checked["submissions"], "item")
        text = f"{one['username']}: {share} right on the latest {items} whose answer is known."
        yield Notice("warn", text, _of_person(links.submissions, one), "Show submissions")


def _of_person(address: str, one: dict[str, Any]) -> str:
    """Their rows of a list, which is searched for them where an earlier version kept numbers that tell names alone."""
    whose = {"person": one["user"]} if one.get("user") else {"q": one["username"]}
    return f"{address}&{urlencode(whose)}"


def is_wrong(checked: dict[str, Any] | None) -> bool:
    if not checked:
        return False
    return bool(checked["submissions"] >= CHECKED_SUBMISSIONS and checked["likeness"] < LOW_LIKENESS)


def _straight(figures: Figures, links: Links) -> Iterator[Notice]:
    worst = _most(
        figures,
        lambda one: bool(one.get("straight")),
        lambda one: max(one["straight"]["alike"], one["straight"]["row"]),
    )
    for one in worst:
        text = f"{one['username']} {told_of_straight(one['straight'])}, unlike the others."
        yield Notice("warn", text, _of_person(links.submissions, one), "Show submissions")


def told_of_straight(straight: dict[str, Any]) -> str:
    """What was the same again and again, as the end of a sentence about the person."""
    if straight["row"]:
        return f"said “{straight['said']}” {straight['row']} times in a row"
    return f"gave all steps one label in {straight['alike']} of {straight['long']} long traces"


def _days_since(day: date, now: datetime) -> int:
    return (timezone.localdate(now) - day).days
