"""Convert files in several processes; what comes out is in the order of the files all the same.

A process hands back what one file holds, packed; a lot of it goes through a file. Nothing here knows Django.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

from traces.attachments import Attachments
from traces.collecting import collect_seldom
from traces.conversion import Conversion, Converted, Done, Unread, read_one
from traces.jsonl import Problem
from traces.neighbours import Files
from traces.shaping import Shaping
from traces.source import Source

INLINE_BYTES = 1024 * 1024  # more than this from one file goes through a file
# Small files in a row go to a process together, up to so many and so many bytes: handing over costs as much as
# converting them.
TOGETHER, TOGETHER_BYTES = 32, 512 * 1024
# So many groups per process, and so many bytes of files, wait or are done; the rest is not read yet. With few, all
# processes wait for a large one whose turn it is to be told.
AHEAD, AHEAD_BYTES = 32, 64 * 1024 * 1024
LARGE = 4  # a group that is more than a fourth of what one process has to do is begun before the others

Event = Converted | Problem | Done | Unread
Group = list[Source]


@dataclass
class _Recipe:
    """What a process needs to convert as this one would. ``files``: the folders, or what else, that sources lie in."""

    format: str
    shaping: Shaping
    room: Path
    by_id: dict[str, Any]
    files: list[Files]


@dataclass
class _Result:
    """What one file holds, without the source itself. The bytes of a Converted lie in ``path`` where ``places`` has
    (offset, length) for it."""

    items: list[Event] = field(default_factory=list)
    path: Path | None = None
    places: dict[int, tuple[int, int]] = field(default_factory=dict)
    used_files: set[str] = field(default_factory=set)
    used_ids: set[str] = field(default_factory=set)


def read_in_processes(conversion: Conversion, sources: list[Source], jobs: int) -> Iterator[Event]:
    """Everything ``sources`` hold, in their order. Raises ChildProcessError when a process dies."""
    with tempfile.TemporaryDirectory(prefix="potato-convert-") as folder:
        room = Path(folder)
        conversion.attachments.save(room / "attachments")
        files = list({id(source.files): source.files for source in sources}.values())
        recipe = _Recipe(conversion.format, conversion.shaping, room, conversion.attachments.by_id, files)
        pool = ProcessPoolExecutor(jobs, get_context("spawn"), _start, (recipe,))
        numbers = {id(one): number for number, one in enumerate(files)}

        def begin(group: Group) -> Future[list[_Result]]:
            places = [(source.path, source.name, numbers[id(source.files)]) for source in group]
            with _deaf_to_ctrl_c():
                return pool.submit(_convert_all, places)

        try:
            for source, result in in_order(begin, together(sources, jobs), jobs):
                source.used.update(result.used_files)
                conversion.attachments.used.update(result.used_ids)
                yield from _opened(result, source)
        except BrokenProcessPool:
            raise ChildProcessError("a converting process ended; was there not enough memory?") from None
        finally:
            pool.shutdown(cancel_futures=True)


def together(sources: Sequence[Source], jobs: int) -> list[Group]:
    """The sources in their order, small ones in a row as one group; not so many that a process has nothing to do."""
    groups: list[Group] = []
    most = min(TOGETHER_BYTES, sum(source.size for source in sources) // (jobs * LARGE))
    room = 0
    for source in sources:
        room -= source.size
        if room < 0 or not groups or len(groups[-1]) >= TOGETHER:
            groups.append([])
            room = most - source.size
        groups[-1].append(source)
    return groups


def in_order(
    begin: Callable[[Group], Future[list[_Result]]], groups: list[Group], jobs: int
) -> Iterator[tuple[Source, _Result]]:
    """Each source with what it holds, a number of groups begun ahead.

    A large one is begun before the others: begun last, one process would convert it while others wait.
    """
    sizes = [sum(source.size for source in group) for group in groups]
    least = sum(sizes) / (jobs * LARGE)
    large = sorted((number for number, size in enumerate(sizes) if size > least), key=lambda number: -sizes[number])
    begun = {number: begin(groups[number]) for number in large}
    waiting: deque[tuple[int, Future[list[_Result]]]] = deque()
    held = 0
    for number, group in enumerate(groups):
        waiting.append((number, begun.pop(number) if number in begun else begin(group)))
        held += sizes[number]
        while len(waiting) >= jobs * AHEAD or (held > AHEAD_BYTES and len(waiting) > jobs):
            done, future = waiting.popleft()
            held -= sizes[done]
            yield from zip(groups[done], future.result(), strict=True)
    while waiting:
        done, future = waiting.popleft()
        yield from zip(groups[done], future.result(), strict=True)


@contextlib.contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes that start here never hear Ctrl-C, not even while they start; this one hears it afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _opened(result: _Result, source: Source) -> Iterator[Event]:
    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(result.path.open("rb")) if result.path else None
        for number, item in enumerate(result.items):
            if isinstance(item, Done | Unread):
                yield replace(item, source=source)
            elif stream and number in result.places and isinstance(item, Converted):
                offset, length = result.places[number]
                stream.seek(offset)
                yield replace(item, packed=stream.read(length))
            else:
                yield item
    if result.path:
        result.path.unlink()


# --- In the other processes -------------------------------------------------------------------------------

_state: dict[str, Any] = {}
_NO_SOURCE = Source(Path(), "")  # the parent has it


def _start(recipe: _Recipe) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    collect_seldom()
    conversion = Conversion(recipe.format, shaping=recipe.shaping)
    conversion.attachments = Attachments((recipe.room / "attachments").open("rb"), recipe.by_id)
    _state.update(conversion=conversion, room=recipe.room, files=recipe.files)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _convert_all(places: list[tuple[Path, str, int]]) -> list[_Result]:
    return [_convert(*place) for place in places]


def _convert(path: Path, name: str, files: int) -> _Result:
    source = Source(path, name, _state["files"][files])
    conversion: Conversion = _state["conversion"]
    conversion.attachments.used.clear()
    result = _Result()
    with contextlib.ExitStack() as stack:
        size, spill = 0, None
        for item in read_one(conversion, source):
            if isinstance(item, Converted):
                body = item.body
                size += len(body)
                if spill is None and size > INLINE_BYTES:
                    result.path = Path(_state["room"], secrets.token_hex(12))
                    spill = stack.enter_context(result.path.open("xb"))
                if spill is not None:
                    result.places[len(result.items)] = (spill.tell(), len(body))
                    spill.write(body)
                    body = b""
                item = replace(item, given=None, packed=body)
            elif isinstance(item, Done | Unread):
                item = replace(item, source=_NO_SOURCE)
            result.items.append(item)
    result.used_files = source.used
    result.used_ids = set(conversion.attachments.used)
    return result
