"""Files that a test writes for a converter to read."""

import json
from pathlib import Path

from traces.neighbours import FolderFiles
from traces.source import Source


def written(folder: Path, value: object, name: str) -> Source:
    """A file of this value, of a ``.jsonl`` of its items, in a folder whose other files can be seen from it."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = value if name.endswith(".jsonl") and isinstance(value, list) else [value]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return Source(path, name, FolderFiles(folder))
