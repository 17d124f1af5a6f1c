"""What is known of a file whose change has no lines: that it was deleted, renamed, made empty, or is binary."""

from __future__ import annotations

from traces.diff_names import NOTHING
from traces.unified_diff import FileDiff


def marks(file: FileDiff) -> list[str]:
    """A word for each thing that happened: of a file with lines those that its lines do not say."""
    found = []
    if _is_binary(file):
        found.append("binary")
    if file.old_path == NOTHING:
        found.append("new file")
    if file.new_path == NOTHING:
        found.append("deleted")
    if _is_moved(file):
        found.append("copied" if _is_copy(file) else "renamed")
    return found


def happened(file: FileDiff) -> str:
    """Of a file without lines what is known of its change: "deleted", "renamed from a to b", "created, empty",
    "binary", and the like; "" of a file with lines, or with a text in their place."""
    if file.has_lines or (file.hunks and not _is_binary(file)):
        return ""
    is_made, is_gone = file.old_path == NOTHING, file.new_path == NOTHING
    said = ["binary"] if _is_binary(file) else []
    if is_made:
        said.append("created, empty" if is_made_empty(file) else "created")
    if is_gone:
        said.append("deleted")
    if _is_moved(file):
        said.append(f"{'copied' if _is_copy(file) else 'renamed'} from {file.old_path} to {file.new_path}")
    if mode := _mode(file):
        said.append(mode)
    if not file.is_recorded:
        said.append("its text was not recorded" if is_made or is_gone else "the change itself was not recorded")
    return ", ".join(said) or "no lines of its change are known"


def is_made_empty(file: FileDiff) -> bool:
    """Whether the file was created with nothing in it, so that all of it is known."""
    return file.old_path == NOTHING and not file.hunks and file.is_recorded and not _is_binary(file)


def _is_binary(file: FileDiff) -> bool:
    return any(note.startswith(("Binary files ", "GIT binary patch")) for note in file.notes)


def _is_moved(file: FileDiff) -> bool:
    names = (file.old_path, file.new_path)
    return all(names) and NOTHING not in names and file.old_path != file.new_path


def _is_copy(file: FileDiff) -> bool:
    return any(note.startswith("copy ") for note in file.notes)


def _mode(file: FileDiff) -> str:
    found = {note[:4]: note.split()[-1] for note in file.notes if note.startswith(("old mode ", "new mode "))}
    old, new = found.get("old "), found.get("new ")
    return f"mode changed from {old} to {new}" if old and new else ""
