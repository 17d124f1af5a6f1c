"""All files of an input as one stream of documents and problems, in the order of the files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace

from traces.beginning import beginning
from traces.conversion import Conversion, Converted, Done, Unread, read_one
from traces.document import MAX_ID, TraceDocument
from traces.jsonl import Problem
from traces.parallel import Processes, processes_for
from traces.source import Source

Event = Converted | Problem | Done


def convert_all(conversion: Conversion, found: list[Source | Problem], *, jobs: int = 1) -> Iterator[Event]:
    """Every document and problem of ``found``, and a Done after each file. ``jobs``: processes that convert.

    Ids are unique in the stream. What no converter recognises comes last, without the files that another file's
    converter has read; then what results matched no trace.
    """
    with ExitStack() as stack:
        processes = stack.enter_context(processes_for(conversion, found, jobs)) if jobs > 1 else None
        yield from _converted(conversion, found, processes)


def _converted(conversion: Conversion, found: list[Source | Problem], processes: Processes | None) -> Iterator[Event]:
    results, to_read = set[str](), []
    if processes:
        processes.look_for_results()
    copies = (item.anew() for item in found if isinstance(item, Source))
    for event in conversion.attach(copies):
        if isinstance(event, Done):
            results.add(event.source.name)
        yield event
    for item in found:
        if isinstance(item, Problem):
            yield item
        elif item.name not in results:
            to_read.append(item)
    unclaimed: list[Unread] = []
    read = processes.read(to_read) if processes else _read_here(conversion, to_read)
    ids = _Ids()
    for result in read:
        if isinstance(result, Unread):
            unclaimed.append(result)
        else:
            yield ids.own(result) if isinstance(result, Converted) else result
        del result  # it may be long
    used = {name for item in to_read for name in item.used}
    for unread in unclaimed:
        if unread.source.name in used:
            yield Done(unread.source, "")
            continue
        for last in conversion.read_unrecognised(unread):
            yield ids.own(last) if isinstance(last, Converted) else last
    if conversion.late:
        yield from (item for item in conversion.late(conversion.attachments) if not _is_here(item, ids.places))
    yield from conversion.attachments.unused()


def _read_here(conversion: Conversion, sources: Iterable[Source]) -> Iterator[Event | Unread]:
    for source in sources:
        yield from read_one(conversion, source)


def _is_here(item: Converted | Problem, places: Collection[str]) -> bool:
    return isinstance(item, Converted) and item.id in places


class _Ids:
    """The ids of one stream."""

    def __init__(self) -> None:
        self.places: dict[str, str] = {}  # of the record with each id
        self.numbers: dict[str, int] = {}

    def own(self, found: Converted) -> Converted | Problem:
        """``found``, under another id where its own is taken, or a Problem where it is given."""
        if found.id in self.places:
            if found.ids_are_given:
                return duplicate_id(found.file, found.line, found.id, self.places[found.id])
            packed = found.packed
            about = packed.about if packed else found.doc
            begun = (packed and packed.beginning) or beginning(found.doc)
            rename(about, begun, self.places, self.numbers)
            packed, given = (packed.with_about(about), None) if packed else (None, about)
            told = (*found.told, "ids that other traces have too")
            found = replace(
                found, id=about["id"], n_warnings=found.n_warnings + 1, told=told, packed=packed, given=given
            )
        self.places[found.id] = f"{found.file}:{found.line}"
        return found


def rename(doc: TraceDocument, begun: str, places: Collection[str], numbers: dict[str, int]) -> None:
    """Give a document whose id is in ``places`` another one, which its beginning decides, and say so in it.

    The ids of agents are those of sessions and tasks: two runs of one task, or two logs of one run, have the same.
    ``begun``: what ``beginning()`` says of it. ``numbers``: the last number that runs which began alike have got, so
    that not all are tried again.
    """
    old, told = doc["id"], doc["source"]
    base = f"{old[: MAX_ID - 40]}~{begun[:8]}"
    number = numbers.get(base, 1)
    new = base if number == 1 else f"{base}-{number}"
    while new in places:
        number += 1
        new = f"{base}-{number}"
    doc["id"], numbers[base] = new, number
    told["warnings"] = [*(told.get("warnings") or []), f"the id {old} is that of another trace too"]


def duplicate_id(file: str, line: int, trace_id: str, first: str) -> Problem:
    """The problem of a second record with one id; ``first`` is the place of the record that is kept."""
    return Problem(file, line, "id", f"{trace_id!a} is the id of the record at {first} too; the first is kept")
