"""What a run changed: the lines of each step's diff, and of each file what the whole run made of it. Plain Python.

Files whose change has no lines (deleted without its text, made empty, renamed, binary) stand among them without hunks.

The change of the whole run is the trace's ``final_patch``; without one it is joined from the edits that took effect.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from traces import unified_diff
from traces.diff_names import NOTHING
from traces.displays.diff import bare_change, diff_of, path_in
from traces.document import EDIT_TYPES, changes_files
from traces.join_edits import DoesNotFit, JoinedFile
from traces.markup import text_of, visible
from traces.path_ends import PathEnds
from traces.unified_diff import Diff, FileDiff, Line

Side = Literal["old", "new"]
# A change of that status did not happen to the file.
WITHOUT_EFFECT = frozenset({"failed", "rejected", "suggested"})
# Of a patch so many lines are read: one by one nobody could comment on more.
MAX_PATCH_LINES = 50_000


class NoSuchLines(LookupError):
    """There are no such lines. ``str()`` is a sentence that says what is missing."""


@dataclass(frozen=True)
class ChangedFile:
    """One file that the run changed, and the steps that did. ``diff`` is None where the edits cannot be joined."""

    path: str
    diff: FileDiff | None
    steps: tuple[int, ...] = ()
    # The numbers of its lines are not known.
    approximate: bool = False

    @property
    def is_untouched(self) -> bool:
        """Whether the run left nothing of its edits: the file is as it was, or was made and is gone."""
        if self.diff is None or self.diff.hunks:
            return False
        names = (self.diff.old_path, self.diff.new_path)
        is_same = names[0] == names[1] and not self.diff.notes and self.diff.is_recorded
        return is_same or names == (NOTHING, NOTHING)


@dataclass
class Changes:
    """The changes of a document. Nothing is read before it is asked for."""

    doc: dict[str, Any]
    _steps: dict[int, list[tuple[str, FileDiff]]] = field(default_factory=dict)

    def of_step(self, step: int) -> list[tuple[str, FileDiff]]:
        """(path, change) of the files a step changes. Empty for steps that change none, and for steps there are not."""
        if step not in self._steps:
            turns = self.doc.get("structured_turns") or []
            self._steps[step] = _files_of(turns[step]) if 0 <= step < len(turns) else []
        return self._steps[step]

    @cached_property
    def files(self) -> list[ChangedFile]:
        """Every file with its change over the whole run."""
        if self._patched:
            return [ChangedFile(path, file, self._touched.get(path, ())) for path, file in self._patched]
        return [self._joined(path, steps) for path, steps in self._touched.items()]

    @cached_property
    def beside_patch(self) -> list[tuple[str, tuple[int, ...]]]:
        """(path, steps) of the files that steps changed and the final patch says nothing of: they were put back, or are
        not under its version control. None without a patch, or where not all of it was read; and none that may be a
        file of the patch under another name, such as one from another folder."""
        if not self._patched or self._patch.rest:
            return []
        told = PathEnds(visible(name) for _, file in self._patched for name in (file.old_path, file.path))
        return [(path, steps) for path, steps in self._touched.items() if not told.may_hold(path)]

    @cached_property
    def paths(self) -> frozenset[str]:
        """Files that a step changed, or tried to, or the run as a whole."""
        tried = {path for step in self._edits() for path, _ in self.of_step(step)}
        return frozenset(tried | {path for path, _ in self._patched})

    def has(self, step: int | None, file: str) -> bool:
        """Whether a step changes the file, or (``step`` None) the run as a whole."""
        found = [one.path for one in self.files] if step is None else [path for path, _ in self.of_step(step)]
        return file in found

    def quote(self, step: int | None, file: str, side: Side, start: int, end: int) -> list[str]:
        """The text of lines ``start`` to ``end`` of one side, a text for each place that has them (mostly one).

        ``step`` None: in the change of the whole run. Raises NoSuchLines.
        """
        where = "the run's changes" if step is None else f"the change of step {step}"
        named = [(one.path, one.diff) for one in self.files] if step is None else self.of_step(step)
        found = [diff for path, diff in named if path == file and diff is not None]
        if not found:
            raise NoSuchLines(f"{file[:200]!r} is not in {where}")
        texts = [text for diff in found for text in _quotes(diff, side, start, end)]
        if not texts:
            what = f"line {start}" if start == end else f"lines {start} to {end} in one piece"
            raise NoSuchLines(f"{where} has no {what} on the {side} side of {file[:200]!r}")
        return texts

    @cached_property
    def _patch(self) -> Diff:
        return unified_diff.parse(text_of(self.doc.get("final_patch")), MAX_PATCH_LINES)

    @cached_property
    def _patched(self) -> list[tuple[str, FileDiff]]:
        """(path, change) of the files in the final patch."""
        return [(self._as_in_steps(visible(file.path)), file) for file in self._patch.files if file.path]

    @cached_property
    def _touched(self) -> dict[str, tuple[int, ...]]:
        """File → the steps whose change of it took effect, in the order of first change."""
        touched: dict[str, dict[int, None]] = {}
        for step in self._edits():
            if self.doc["structured_turns"][step].get("status") in WITHOUT_EFFECT:
                continue
            for path, _ in self.of_step(step):
                # Once, though a diff may have a file several times.
                touched.setdefault(path, {})[step] = None
        return {path: tuple(steps) for path, steps in touched.items()}

    @cached_property
    def _touched_ends(self) -> PathEnds:
        return PathEnds(self._touched)

    def _edits(self) -> Iterator[int]:
        for index, step in enumerate(self.doc.get("structured_turns") or []):
            if changes_files(step):
                yield index

    def _as_in_steps(self, path: str) -> str:
        """The name that the steps give a file of the patch: theirs may be whole (``/testbed/a.py``), its never is."""
        return path if path in self._touched else self._touched_ends.only_one_ending_in(path) or path

    def _joined(self, path: str, steps: tuple[int, ...]) -> ChangedFile:
        joined = JoinedFile(path)
        guessed = False
        # Of these the whole change would not be known where their numbers are not.
        n_with_lines = 0
        try:
            for step in steps:
                for diff in [diff for name, diff in self.of_step(step) if name == path]:
                    if diff.hunks:
                        guessed |= bool(self.doc["structured_turns"][step].get("approximate"))
                        n_with_lines += 1
                    joined.apply(diff)
        except DoesNotFit:
            return ChangedFile(path, None, steps)
        # In a file that was made in the run the lines were found by their text.
        unknown = guessed and not joined.is_new
        return ChangedFile(path, None if unknown and n_with_lines > 1 else joined.diff(), steps, unknown)


def slim(doc: dict[str, Any]) -> dict[str, Any]:
    """What of a document its changes rest on: small enough to be kept while people comment on it."""
    turns = doc.get("structured_turns") or []
    return {"final_patch": doc.get("final_patch"), "structured_turns": [_slim_step(step) for step in turns]}


def _slim_step(step: dict[str, Any]) -> dict[str, Any]:
    if not changes_files(step):
        return {}
    has_diff = bool(text_of(step.get("diff")).strip())
    keys = ("type", "path", "diff", "status", "approximate", *(() if has_diff else ("content",)))
    return {key: step[key] for key in keys if key in step}


def _files_of(step: dict[str, Any]) -> list[tuple[str, FileDiff]]:
    if not changes_files(step):
        return []
    diff = diff_of(step)
    named = [(path_in(step, diff, file), file) for file in diff.files or [bare_change(step)]]
    # A command has no path of its own: without names in its diff there is no file to speak of.
    return [(path, file) for path, file in named if path or (file.hunks and step.get("type") in EDIT_TYPES)]


def _quotes(diff: FileDiff, side: Side, start: int, end: int) -> Iterator[str]:
    for hunk in diff.hunks:
        texts = {_number(line, side): line.text for line in hunk.lines}
        if all(number in texts for number in (start, end)) and end - start < len(texts):
            yield "\n".join(texts[number] for number in range(start, end + 1))


def _number(line: Line, side: Side) -> int | None:
    return line.old if side == "old" else line.new
