"""Which items several people label: exactly ``ceil(fraction · items)``, spread over strata, sticky.

Strata are agent × length × recorded outcome; the quota is spread by largest remainder;
within a stratum the items with the lowest ``sha256(seed, trace id)`` come first, so that the choice is the same on
every machine and nobody can predict it from the order. Later imports fill the larger quota without unpicking anybody.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from fractions import Fraction

from annotation.models import Item, Project, Slot

LENGTH_BINS = (10, 30, 100)
BATCH = 500


def stratum(agent: str, n_steps: int, outcome: str) -> str:
    """The stratum of a trace, as one text."""
    length = sum(n_steps >= limit for limit in LENGTH_BINS)
    return f"{agent[:80]}|{length}|{outcome[:80]}"


def told_of_stratum(stratum: str) -> str:
    """The same for people: "SWE-agent, 10 to 29 steps, resolved"; of a pair as it is."""
    parts = stratum.rsplit("|", 2)
    if len(parts) < 3 or not parts[1].isdigit():
        return stratum
    agent, length, outcome = parts
    return ", ".join(filter(None, (agent, _told_of_length(int(length)), outcome)))


def _told_of_length(length: int) -> str:
    if length == 0:
        return f"under {LENGTH_BINS[0]} steps"
    if length >= len(LENGTH_BINS):
        return f"{LENGTH_BINS[-1]} steps or more"
    return f"{LENGTH_BINS[length - 1]} to {LENGTH_BINS[length] - 1} steps"


def pair_stratum(agent: str, other: str) -> str:
    """The stratum of a pair: which agents meet."""
    return " × ".join(sorted((agent[:80], other[:80])))


def quota(fraction: float | Fraction, items: int) -> int:
    """``ceil(fraction · items)``, computed exactly: 15 % of 20 is 3, not 4."""
    return math.ceil(Fraction(str(fraction)) * items)


def spread(total: int, sizes: Mapping[str, int]) -> dict[str, int]:
    """``total`` places over strata in proportion to their sizes, by largest remainder (ties: larger, then by name)."""
    everything = sum(sizes.values())
    if not everything:
        return {}
    exact = {name: Fraction(total * size, everything) for name, size in sizes.items()}
    places = {name: math.floor(share) for name, share in exact.items()}
    by_remainder = sorted(sizes, key=lambda name: (places[name] - exact[name], -sizes[name], name))
    for name in by_remainder[: total - sum(places.values())]:
        places[name] += 1
    return places


def rank(seed: str, external_id: str) -> str:
    """The order in which items of a stratum are picked."""
    return hashlib.sha256(f"{seed}\x00{external_id}".encode()).hexdigest()


def choose(project: Project, fraction: float | Fraction, kind: str = Item.Kind.TRACE) -> None:
    """Pick (or, when the fraction was lowered, give up) overlap items until the quota of this kind is met exactly."""
    present = Item.objects.present().filter(project=project, kind=kind, in_calibration=False)
    names = ("trace_a__external_id", "trace_b__external_id")
    rows = present.values_list("pk", "stratum", "in_overlap", *names)
    picked: list[tuple[str, int]] = []
    open_items: dict[str, list[tuple[str, int]]] = defaultdict(list)
    sizes: Counter[str] = Counter()
    already: Counter[str] = Counter()
    for pk, name, in_overlap, first, second in rows.iterator(chunk_size=2000):
        place = (rank(project.slug, first if second is None else f"{first}\x00{second}"), pk)
        sizes[name] += 1
        if in_overlap:
            picked.append(place)
            already[name] += 1
        else:
            open_items[name].append(place)
    wanted = quota(fraction, sum(sizes.values()))
    if wanted > len(picked):
        _mark(pick(wanted - len(picked), spread(wanted, sizes), already, open_items), True)
    elif wanted < len(picked):
        _mark(_give_up(project, picked, len(picked) - wanted), False)


def pick(
    count: int, target: Mapping[str, int], already: Mapping[str, int], open_items: Mapping[str, list[tuple[str, int]]]
) -> list[int]:
    """``count`` of the items, given as (rank, item): of the stratum furthest below its target (ties: the last by name)
    the one with the lowest rank, again and again. An outcome is free text, so there may be as many strata as items.
    """
    names = sorted((name for name, items in open_items.items() if items), reverse=True)
    queues = [sorted(open_items[name], reverse=True) for name in names]
    surplus = [(already.get(name, 0) - target.get(name, 0), number) for number, name in enumerate(names)]
    heapq.heapify(surplus)
    chosen = []
    for _ in range(count):
        places, number = surplus[0]
        chosen.append(queues[number].pop()[1])
        if queues[number]:
            heapq.heapreplace(surplus, (places + 1, number))
        else:
            heapq.heappop(surplus)
    return chosen


def _give_up(project: Project, picked: list[tuple[str, int]], count: int) -> list[int]:
    """Up to ``count`` picked items of which no second label was ever begun, the highest rank first.

    Their further slots are locked until the end of the transaction, which drops them: nobody begins one meanwhile.
    """
    further = Slot.objects.filter(project=project, number__gt=1)
    begun = set(further.exclude(assignment=None).values_list("item_id", flat=True))
    candidates = [pk for _, pk in sorted(picked, reverse=True) if pk not in begun]
    given: list[int] = []
    for start in range(0, len(candidates), BATCH):
        if len(given) >= count:
            break
        batch = candidates[start : start + BATCH]
        slots = further.filter(item__in=batch)
        there = Counter(slots.values_list("item_id", flat=True))
        # One that somebody is just taking is skipped, and its item is no longer a candidate.
        free = slots.filter(assignment=None).order_by("pk").select_for_update(skip_locked=True, of=("self",))
        held = Counter(free.values_list("item_id", flat=True))
        given += [pk for pk in batch if held[pk] == there[pk]]
    return given[:count]


def _mark(items: list[int], in_overlap: bool) -> None:
    for start in range(0, len(items), BATCH):
        Item.objects.filter(pk__in=items[start : start + BATCH]).update(in_overlap=in_overlap)
