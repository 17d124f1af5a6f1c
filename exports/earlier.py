"""Which files beside an output are ours from an earlier run, so that none of them stays when it belongs no more.

A run with other options writes other files: no test split any more, ``.gz`` instead of plain, fewer shards. What an
output consists of is noted in a hidden file beside it, ``.FILE.files.json``. Only what stands there, and is as large
and as old as when it was written, is ever removed: what somebody else put or changed there is not ours.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from exports.publish import write_file

# Size in bytes, and time of the last change in nanoseconds. A rename leaves both.
Stamp = list[int]


class Earlier:
    """The note about one output in ``folder``. ``name``: of the file that was asked for; "" of a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        # A name may be as long as a file system allows, and this one is longer.
        self.path = folder / f".{name[:200]}{'.' if name else ''}files.json"
        self._before: dict[str, list[Stamp]] = {}
        self._now: dict[str, list[Stamp]] = {}

    def expect(self, files: Mapping[str, Path], tell: Callable[[Path], None]) -> None:
        """Note what will have these names beside what has them: whenever the run ends, no file of ours is forgotten.

        ``files``: name → the complete file, still under a temporary name. ``tell`` gets that of the note. Raises
        OSError.
        """
        self._before = self._noted()
        self._now = {name: [_stamp(path)] for name, path in files.items()}
        names = dict.fromkeys([*self._before, *self._now])
        self._write({name: [*self._before.get(name, []), *self._now.get(name, [])] for name in names}, tell)

    def remove_others(self) -> None:
        """Remove what is ours and not among the files that were expected."""
        for name, stamps in self._before.items():
            path = self.folder / name
            with contextlib.suppress(OSError):
                if name not in self._now and not path.is_symlink() and _stamp(path) in stamps:
                    path.unlink()

    def remove_all(self) -> None:
        """Remove what is ours, the folders that are empty then, and the note. Raises OSError."""
        for name, stamps in self._noted().items():
            path = self.folder / name
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                if not path.is_symlink() and path.is_file() and _stamp(path) in stamps:
                    path.unlink()
            for folder in list(path.relative_to(self.folder).parents)[:-1]:
                with contextlib.suppress(OSError):
                    (self.folder / folder).rmdir()
        self.path.unlink(missing_ok=True)

    def settle(self, tell: Callable[[Path], None]) -> None:
        """All have their names: forget what was before. (Where this fails, the note names more than there is.)"""
        with contextlib.suppress(OSError):
            self._write(self._now, tell)

    def _noted(self) -> dict[str, list[Stamp]]:
        """Nothing where there is no note, or what is there is none."""
        try:
            found: Any = json.loads(self.path.read_bytes())["files"]
            return {str(name): list(stamps) for name, stamps in found.items() if _stays(str(name))}
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return {}

    def _write(self, files: Mapping[str, list[Stamp]], tell: Callable[[Path], None]) -> None:
        write_file(self.path, [json.dumps({"files": files}, indent=1).encode() + b"\n"], tell=tell)


def _stamp(path: Path) -> Stamp:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def _stays(name: str) -> bool:
    """Whether it is below its folder."""
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts
