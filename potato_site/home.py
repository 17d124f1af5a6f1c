"""Where things live: which home, which configuration file and which project a command line means.

The *home* is the private folder (database, secret key, broker, uploads). The *output folder* is what people share; its
``.potato/`` sub-folder is the home unless another one was chosen, and ``.potato/project.json`` says which home and
project the output folder belongs to. Nothing here needs Django.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from potato_site.files import sync_folder
from potato_site.safe_yaml import MAX_BYTES, YamlProblem, load_yaml

PRIVATE = ".potato"
# Names the database that has taken the place of the home's own.
MOVED = "moved"
WORD = re.compile(r"[A-Za-z0-9_-]+")
CONFIG_SUFFIXES = {".yaml", ".yml"}
DEFAULT_OUTPUT = "./output/"


class HomeError(Exception):
    """The command line names no home or project, or more than one. ``str()`` is a sentence."""


@dataclass(frozen=True)
class Target:
    """What a command line means: a home, and the configuration file or the slug it named (both None: neither)."""

    home: Path
    config: Path | None = None
    slug: str | None = None


# --- what a command line means -----------------------------------------------------------------------------


def resolve(named: str | None, home: str | None = None) -> Target:
    """The target of ``named``: a config file; a folder with ``.potato/``, or that holds such a folder or a config
    file; else a slug in the current home, also where a folder of that name holds nothing of the kind. ``home``
    (from ``--home``) wins over POTATO_HOME, and that over the project's own. Raises HomeError, YamlProblem (the
    configuration is not YAML) and OSError (it cannot be read).
    """
    chosen = chosen_home(home)
    if named is None:
        return Target(chosen or current_home())
    path = Path(named)
    if path.is_file():
        return Target(chosen or _home_of_config(path), config=path.resolve())
    if path.is_dir():
        return _of_folder(path, chosen, named)
    if _looks_like_path(named):
        raise HomeError(f"{named}: there is no such file or folder")
    return Target(chosen or current_home(), slug=named)


def current_home() -> Path:
    """The home when nothing names one: POTATO_HOME, else ``./.potato``, else that of the projects in this folder, if
    they share one. Without any of these ``./.potato``, which is not there."""
    here = Path(PRIVATE).resolve()
    if chosen := chosen_home(None):
        return chosen
    found = set() if here.is_dir() else {home_of_output(output) for output in _candidates(Path())}
    return found.pop() if len(found) == 1 else here


def chosen_home(home: str | None) -> Path | None:
    """The home that ``--home`` or else POTATO_HOME names."""
    chosen = home or os.environ.get("POTATO_HOME")
    return Path(chosen).expanduser().resolve() if chosen else None


def _looks_like_path(named: str) -> bool:
    return "/" in named or os.sep in named or Path(named).suffix in CONFIG_SUFFIXES


def _home_of_config(path: Path) -> Path:
    value, _ = load_yaml(read_config(path), path.name)
    return home_of_output(output_folder(value, path))


def not_loaded(config: str | Path) -> str:
    """The sentence for a configuration file that made no project yet, with the command as it can be typed here."""
    return f"{config} is not loaded yet: run `potato load {shlex.quote(str(config))}` first"


def holds_no_project(folder: str | Path) -> str:
    """The sentence for a folder in which nothing was found: no project, but perhaps the file of one."""
    file = _first_configuration(Path(folder))
    return not_loaded(file) if file else f"{folder}: this folder holds no project (no {PRIVATE}/ and no .yaml file)"


def _of_folder(folder: Path, chosen: Path | None, named: str) -> Target:
    if is_home(folder):
        return Target(chosen or folder.resolve(), slug=_pointer(folder).get("slug"))
    found = _candidates(folder)
    if not found:
        home = chosen or current_home()
        is_name = WORD.fullmatch(named) is not None
        if is_name and (home.is_dir() or os.environ.get("DATABASE_URL")):
            return Target(home, slug=named)
        nor_a_name = f", and no home is at {home} to know that name" if is_name else ""
        raise HomeError(holds_no_project(folder) + ("" if _first_configuration(folder) else nor_a_name))
    if len(found) > 1:
        names = ", ".join(sorted(found.values()))
        raise HomeError(f"{folder}: several projects are here, name one of them: {names}")
    (output,) = found
    return Target(chosen or home_of_output(output), slug=read_pointer(output).get("slug"))


def _candidates(folder: Path) -> dict[Path, str]:
    """Output folder → the name to call it by. A config file and the output folder it made are one candidate."""
    if (folder / PRIVATE).is_dir():
        return {folder.resolve(): str(folder)}
    found = {child.resolve(): str(child) for child in sorted(folder.iterdir()) if (child / PRIVATE).is_dir()}
    for file in sorted(folder.iterdir()):
        output = _output_of(file)
        if output is not None and (output / PRIVATE).is_dir():
            found[output] = str(file)
    return found


def _first_configuration(folder: Path) -> Path | None:
    return next((file for file in sorted(folder.iterdir()) if _output_of(file) is not None), None)


def _output_of(file: Path) -> Path | None:
    """The output folder of what may be any file; None when it is not a project's configuration."""
    if file.suffix not in CONFIG_SUFFIXES or not file.is_file():
        return None
    try:
        value, _ = load_yaml(read_config(file), file.name)
    except (YamlProblem, OSError):
        return None
    return output_folder(value, file) if isinstance(value, dict) and "annotation_schemes" in value else None


# --- output folders ----------------------------------------------------------------------------------------


def read_config(path: Path) -> bytes:
    """The file's bytes, at most one more than may be loaded: a wrong file is not read whole."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder; name the file in it")
    with path.open("rb") as stream:
        return stream.read(MAX_BYTES + 1)


def base_folder(value: Any, path: Path) -> Path:
    """What relative paths are relative to: the file's folder, and in the older dialect its ``task_dir``."""
    task_dir = value.get("task_dir") if isinstance(value, dict) else None
    folder = path.resolve().parent
    return (folder / task_dir).resolve() if isinstance(task_dir, str) else folder


def output_folder(value: Any, path: Path) -> Path:
    """``output.path`` (older dialect: ``output_annotation_dir``) of a configuration that may still be wrong."""
    value = value if isinstance(value, dict) else {}
    output = value.get("output")
    named = output.get("path") if isinstance(output, dict) else value.get("output_annotation_dir")
    return (base_folder(value, path) / (named if isinstance(named, str) and named else DEFAULT_OUTPUT)).resolve()


def read_pointer(output: Path) -> dict[str, str]:
    """``.potato/project.json`` of an output folder: ``{"home", "slug"}``; empty when there is none."""
    return _pointer(output / PRIVATE)


def _pointer(private: Path) -> dict[str, str]:
    try:
        pointer = json.loads((private / "project.json").read_text())
    except (OSError, ValueError):
        return {}
    return pointer if isinstance(pointer, dict) else {}


def home_of_output(output: Path) -> Path:
    """The home an output folder says it belongs to, else its own ``.potato/``."""
    private = output / PRIVATE
    pointed = read_pointer(output).get("home")
    home = (private / pointed).resolve() if isinstance(pointed, str) else private.resolve()
    return home if home.is_dir() else private.resolve()


def write_pointer(output: Path, home: Path, slug: str) -> None:
    """Make ``<output>/.potato/project.json`` say where the project lives. It holds no secret. Raises OSError."""
    private = output / PRIVATE
    make_private(private)
    pointer = {"home": os.path.relpath(home, private), "slug": slug}
    if read_pointer(output) != pointer:
        publish(private / "project.json", json.dumps(pointer, indent=2).encode() + b"\n", mode=0o600)


# --- making a home -----------------------------------------------------------------------------------------


def make_private(folder: Path) -> None:
    """Make ``folder`` private to its owner and invisible to git. Raises HomeError if it holds something else."""
    if folder.is_dir() and any(folder.iterdir()) and not is_home(folder):
        raise HomeError(f"{folder}: this folder is not empty and is not a home of this program; choose another")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A mounted volume may belong to somebody else, who has set its mode.
    if folder.stat().st_mode & 0o777 != 0o700 and folder.stat().st_uid == os.getuid():
        folder.chmod(0o700)
    if not (folder / ".gitignore").exists():
        publish(folder / ".gitignore", b"*\n", mode=0o600)


def is_home(folder: Path) -> bool:
    """Whether this program made ``folder``."""
    ignore = folder / ".gitignore"
    ours = ignore.is_file() and ignore.read_bytes()[:10].strip() == b"*"
    return ours or any((folder / name).exists() for name in ("db.sqlite3", "secret_key", "project.json"))


def make_home(home: Path) -> None:
    """A private folder with a secret key of its own (mode 0600). Does nothing to a home that is complete."""
    make_private(home)
    if not (home / "secret_key").exists():
        publish(home / "secret_key", secrets.token_urlsafe(48).encode() + b"\n", mode=0o600, replace=False)


def missing_folders(home: Path) -> list[Path]:
    """The folders that making ``home`` would make, the innermost first."""
    return [folder for folder in (home, *home.parents) if not folder.exists()]


def discard_unused(made: list[Path]) -> None:
    """Take back a home that nothing was put into, with the folders made for it (see :func:`missing_folders`)."""
    home = made[0]
    if {child.name for child in home.iterdir()} <= {".gitignore", "secret_key"}:
        for child in home.iterdir():
            child.unlink()
        for folder in made:
            if any(folder.iterdir()):
                return
            folder.rmdir()


def publish(path: Path, content: bytes, *, mode: int, replace: bool = True) -> None:
    """Write a whole file or nothing. Without ``replace``, a file that somebody else made meanwhile stays."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, mode)
        if replace or not _link(temporary, path):
            os.replace(temporary, path)
        sync_folder(path.parent)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _link(temporary: str, path: Path) -> bool:
    """Give the file its name unless the name is taken. False where the file system knows no links."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        return True
    except OSError:
        return False
    return True
