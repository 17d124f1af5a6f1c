"""What a change of the configuration means once people have answered: said before it is saved.

A scheme version is one *meaning*; every submission keeps the configuration it was given under. So nothing that was
answered is ever lost or re-read: the sentences say what is compared, what is asked again and what is not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from django.db.models import Count, Q

from annotation.assignments.overlap import quota
from annotation.assignments.reach import of_depth
from annotation.assignments.room import at_work, comes_from_outside
from annotation.models import Assignment, Item, Project, Slot, Submission
from annotation.models.querysets import DELIVERED, NOT_WORK
from annotation.projects.config import ProjectConfig
from annotation.projects.revisions import config_of
from annotation.projects.sections import QualityControl, Screening
from annotation.schemes.base import Scheme
from potato_site.canonical import digest
from potato_site.counts import plural

IN_HAND = (Assignment.State.OPEN, Assignment.State.REOPENED)
PLANNED = Slot.Purpose.PLANNED


@dataclass(frozen=True)
class Consequence:
    """One sentence about one key. ``asks``: somebody should agree before it is saved."""

    key: str
    text: str
    asks: bool = True


@dataclass(frozen=True)
class Counts:
    """What a project holds: current submissions, by meaning too, and its items and places."""

    # Labels, as the overview counts them.
    submissions: int = 0
    # Of decisions, and of what people do before they begin.
    others: int = 0
    # Meaning of a scheme (see _meaning) → submissions that were given under it.
    by_meaning: Mapping[str, int] = field(default_factory=dict)
    # Items in people's hands now.
    in_hand: int = 0
    items: int = 0
    pairs: int = 0
    overlapping: int = 0
    # Places beyond an item's first that somebody has taken.
    second_labels: int = 0
    # Annotators at work; None where people come by themselves.
    people: int | None = None
    # Number of a place beyond the first → on how many items it is there, and on how many it was planned and is free.
    places: Mapping[int, int] = field(default_factory=dict)
    free: Mapping[int, int] = field(default_factory=dict)

    @property
    def is_answered(self) -> bool:
        return bool(self.submissions or self.others or self.in_hand)


def counts_of(project: Project) -> Counts:
    """A handful of queries, whatever the size."""
    items = Item.objects.to_label().filter(project=project, is_withdrawn=False)
    current = Submission.objects.filter(project=project, is_current=True, assignment__state__in=DELIVERED)
    labels = Count("pk", filter=~Q(assignment__purpose__in=NOT_WORK))
    rows = current.order_by().values("revision_id").annotate(labels=labels, every=Count("pk"))
    by_revision = {row["revision_id"]: row["labels"] for row in rows}
    further = Slot.objects.filter(project=project, number__gt=1, item__is_withdrawn=False).order_by()
    places = further.values("number").annotate(
        there=Count("pk"), taken=Count("assignment"), free=Count("pk", filter=Q(assignment=None, purpose=PLANNED))
    )
    by_meaning: Counter[str] = Counter()
    for revision, count in by_revision.items():
        by_meaning.update({_meaning(scheme): count for scheme in config_of(revision).annotation_schemes})
    return Counts(
        submissions=sum(by_revision.values()),
        others=sum(row["every"] - row["labels"] for row in rows),
        by_meaning=by_meaning,
        in_hand=Assignment.objects.filter(project=project, state__in=IN_HAND).count(),
        items=items.count(),
        pairs=items.filter(kind=Item.Kind.PAIR).count(),
        overlapping=items.filter(in_overlap=True).count(),
        people=None if _is_for_all(project) else at_work(project).count(),
        places={row["number"]: row["there"] for row in places},
        free={row["number"]: row["free"] for row in places},
        second_labels=sum(row["taken"] for row in places),
    )


def _is_for_all(project: Project) -> bool:
    return project.revision_id is None or comes_from_outside(config_of(project.revision_id))


def consequences(before: ProjectConfig, after: ProjectConfig, counts: Counts) -> list[Consequence]:
    """What saving ``after`` in place of ``before`` does to what people have answered. While nobody has: what
    becomes of the pairs that were made, which nobody is asked about."""
    if before == after:
        return []
    if not counts.is_answered:
        return list(_pairs(before, after, counts))
    found = [
        *_schemes(before, after, counts),
        *_kinds(before, after),
        *_pairs(before, after, counts),
        *_overlap(before, after, counts),
        *_tie_breakers(before, after),
        *_rules(before, after, counts),
    ]
    if counts.submissions and _asks_more(before, after):
        found.append(
            Consequence(
                "",
                "Who labeled before is not asked again by itself. Under Assignments, Reopen with “Ask the questions as "
                "they are now” asks them; answers to unchanged questions are kept.",
                asks=False,
            )
        )
    if counts.in_hand and any(one.key.startswith(("annotation_schemes", "quality_control.min")) for one in found):
        found.append(
            Consequence(
                "",
                f"{_items(counts.in_hand)} in people's hands right now. What is open is finished under the "
                "configuration it was opened with.",
            )
        )
    return found


# --- schemes -----------------------------------------------------------------------------------------------


def _schemes(before: ProjectConfig, after: ProjectConfig, counts: Counts) -> Iterator[Consequence]:
    old = {scheme.name: scheme for scheme in before.annotation_schemes}
    new = {scheme.name: scheme for scheme in after.annotation_schemes}
    for name, scheme in old.items():
        key = f"annotation_schemes.{name}"
        if name not in new:
            yield Consequence(key, _removed(scheme, counts))
        elif _meaning(scheme) != _meaning(new[name]):
            yield Consequence(key, _new_meaning(scheme, new[name], counts))
        elif scheme != new[name]:
            yield from _same_meaning(key, scheme, new[name], counts)
    for name in [name for name in new if name not in old]:
        yield Consequence(f"annotation_schemes.{name}", _added(new[name], counts), asks=counts.submissions > 0)


def _asks_more(before: ProjectConfig, after: ProjectConfig) -> bool:
    """Whether something is asked that was not, or not in this meaning."""
    meanings = {_meaning(scheme) for scheme in before.annotation_schemes}
    return any(_meaning(scheme) not in meanings for scheme in after.annotation_schemes)


def _kinds(before: ProjectConfig, after: ProjectConfig) -> Iterator[Consequence]:
    """What is handed out no more. Questions about the whole item are asked of pairs where nothing is about a trace."""
    gone = [
        (before.labels_traces and not after.labels_traces, "Single traces"),
        (before.labels_pairs and not after.labels_pairs, "Pairs"),
    ]
    for is_gone, what in gone:
        if is_gone:
            text = f"{what} are no longer handed out. What was said about them stays and is exported."
            yield Consequence("annotation_schemes", text)


def _pairs(before: ProjectConfig, after: ProjectConfig, counts: Counts) -> Iterator[Consequence]:
    """Pairs are made by the rules and never taken away."""
    old, new = (
        (one.strategy, one.per_issue if one.strategy == "sampled" else 0) for one in (before.pairs, after.pairs)
    )
    if old == new or not (before.labels_pairs and after.labels_pairs and counts.pairs):
        return
    are = "is stays, and is" if counts.pairs == 1 else "are stay, and are"
    stay = f"The {plural(counts.pairs, 'pair')} that there {are} handed out all the same."
    key = "pairs.strategy" if old[0] != new[0] else "pairs.per_issue"
    if new[0] == "best_against_rest":
        text = f"Issues that have pairs get no others; of the others the best attempt is compared with each. {stay}"
    elif new[0] == "all" or new[1] > old[1] > 0:
        some = "All" if new[0] == "all" else f"Up to {new[1]:,}"
        text = f"{some} pairs of an issue are compared: the missing ones are made."
    else:
        text = (
            f"Of the pairs of an issue at most {new[1]:,} {'is' if new[1] == 1 else 'are'} chosen from now on. {stay}"
        )
    yield Consequence(key, text, asks=counts.is_answered)


def _meaning(scheme: Scheme) -> str:
    """The same for two schemes whose answers may be compared (see revisions.scheme_version)."""
    return f"{scheme.name}:{digest(scheme.meaning(), scheme.unit)}"


def _added(scheme: Scheme, counts: Counts) -> str:
    """Of a question that is asked again, what was said when it was asked before counts again."""
    again = counts.by_meaning.get(_meaning(scheme), 0)
    if not again:
        before = f"{_submissions(counts.submissions)} made before: without an answer to it."
        return f"“{scheme.title}” is a new question. {before}"
    back = f"{_submissions(again)} that asked it before: what they answered counts again."
    without = counts.submissions - again
    rest = f" {_submissions(without)} that did not: without an answer to it." if without else ""
    return f"“{scheme.title}” is asked again. {back}{rest}"


def _removed(scheme: Scheme, counts: Counts) -> str:
    count = counts.by_meaning.get(_meaning(scheme), 0)
    return (
        f"“{scheme.title}” is no longer asked. {_submissions(count)} that asked it: the answers stay and are "
        "exported; agreement on them is no longer computed."
    )


def _new_meaning(before: Scheme, after: Scheme, counts: Counts) -> str:
    given, again = counts.by_meaning.get(_meaning(before), 0), counts.by_meaning.get(_meaning(after), 0)
    text = (
        f"“{after.title}” means something else from now on (its labels, scale, mode or type change). "
        f"{_submissions(given)} given under the old meaning: they stay as they are, are exported with the labels "
        "they were given under, and are left out of agreement with new answers."
    )
    back = f" {_submissions(again)} given under the new meaning before: they count again." if again else ""
    return text + back


def _same_meaning(key: str, before: Scheme, after: Scheme, counts: Counts) -> Iterator[Consequence]:
    count = counts.by_meaning.get(_meaning(before), 0)
    if after.required and not before.required:
        yield Consequence(
            key,
            f"“{after.title}” becomes required. {_submissions(count)} made before: not checked again.",
            count > 0,
        )
    if before.show_if != after.show_if:
        stay = "stays as it is" if count == 1 else "stay as they are"
        yield Consequence(
            key,
            f"“{after.title}” is shown under another condition. {_submissions(count)} {stay}.",
            count > 0,
        )
    yield Consequence(key, f"“{after.title}” keeps its meaning: answers before and after are compared.", asks=False)


# --- quality -----------------------------------------------------------------------------------------------


def _overlap(before: ProjectConfig, after: ProjectConfig, counts: Counts) -> Iterator[Consequence]:
    old, new = before.quality_control, after.quality_control
    if (old.overlap_share, old.overlap_depth) == (new.overlap_share, new.overlap_depth):
        return
    items = quota(new.overlap_share, counts.items)
    are = "is" if items == 1 else "are"
    share = (
        f"{items:,} of {plural(counts.items, 'item')} {are} labeled by {new.overlap_depth} people"
        if items
        else "Nothing overlaps"
    )
    more, less = _more_places(new, counts), _fewer_places(new, counts)
    text = f"{share}."
    if more or not less:
        again = " Items that are done go out again, to other people." if more else ""
        text += f" Up to {plural(more, 'more label')} asked for.{again}"
    if less:
        text += (
            f" Up to {plural(less, 'label')} no longer asked for. Only free places go; "
            f"{plural(counts.second_labels, 'second label')} begun or given stay, and their items "
            "stay in the overlap."
        )
    if items and counts.people is not None and (more_wanted := of_depth(new.overlap_depth, counts.people)):
        text = f"{text} {more_wanted}"
    yield Consequence("quality_control.overlap_percentage", text)


def _tie_breakers(before: ProjectConfig, after: ProjectConfig) -> Iterator[Consequence]:
    old, new = before.quality_control.tie_breakers, after.quality_control.tie_breakers
    if new > old:
        text = (
            f"Items whose answers are tied now go out again, to up to {new} more {'people' if new > 1 else 'person'}."
        )
        yield Consequence("quality_control.tie_breakers", text)
    elif new < old:
        text = "Fewer people are asked about items whose answers are tied: free places go, answers given stay."
        yield Consequence("quality_control.tie_breakers", text)


def _more_places(quality: QualityControl, counts: Counts) -> int:
    """At most how many places are made: on each item that overlaps those that it has not."""
    items = quota(quality.overlap_share, counts.items)
    return sum(max(0, items - counts.places.get(number, 0)) for number in range(2, quality.overlap_depth + 1))


def _fewer_places(quality: QualityControl, counts: Counts) -> int:
    """At most how many free places go: beyond the depth all, below it those of items that overlap no more."""
    given_up = max(0, counts.overlapping - quota(quality.overlap_share, counts.items))
    return sum(free if number > quality.overlap_depth else min(free, given_up) for number, free in counts.free.items())


def _rules(before: ProjectConfig, after: ProjectConfig, counts: Counts) -> Iterator[Consequence]:
    """What else changes for those who label."""
    old, new = before.quality_control, after.quality_control
    if old.minimum_time_per_instance != new.minimum_time_per_instance:
        yield Consequence(
            "quality_control.minimum_time_per_instance",
            f"The minimum time holds for items opened from now on. {_submissions(counts.submissions)} made before: "
            "not measured again.",
        )
    if old.screening != new.screening:
        yield Consequence("quality_control.screening", _screening(old.screening, new.screening))
    if before.instances_per_annotator != after.instances_per_annotator:
        yield Consequence(
            "instances_per_annotator",
            "The limit per person holds from the next item on. Who has labeled more keeps it, and gets no more.",
        )
    if before.recruitment.items_per_visit != after.recruitment.items_per_visit:
        yield Consequence(
            "recruitment.items_per_visit",
            "The share holds from the next item on, for those who are at work too. Who has finished keeps the code.",
        )
    if before.hand_out.order != after.hand_out.order:
        yield Consequence(
            "hand_out.order",
            "The order holds for all places that are free, now or later. What people have in hand or have labeled is "
            "not touched.",
        )


def _screening(old: Screening, new: Screening) -> str:
    if new.enabled and not old.enabled:
        return (
            "Who begins from now on is screened first. Who was given something to label before goes on without, unless "
            "a manager gives them a try on the People page."
        )
    if not new.enabled:
        return "Nobody is screened any more: who has not passed gets items like all others. What came of it is kept."
    return (
        "The rules hold for every try that begins from now on. One that is under way goes by those it began with, and "
        "who has passed stays through."
    )


# --- words -------------------------------------------------------------------------------------------------


def _submissions(count: int) -> str:
    return plural(count, "submission")


def _items(count: int) -> str:
    return f"{plural(count, 'item')} {'is' if count == 1 else 'are'}"
