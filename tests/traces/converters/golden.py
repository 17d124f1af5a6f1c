"""The samples of the converters: ``tests/golden/converters/<format>/<case>/``, and converting them.

A case has ``input/`` (the files, in folders where the format has folders), ``expected.jsonl`` (the documents,
canonical, one per line), ``expected.problems`` (one per line; absent: none) and perhaps ``options.json``
(``{"format": "native"}``; absent: auto).
"""

import json
from pathlib import Path

from traces.convert import convert_path

FOLDER = Path(__file__).parent.parent.parent / "golden" / "converters"
CASES = sorted(path for path in FOLDER.glob("*/*") if path.is_dir())


def cases_of(name: str) -> list[Path]:
    return [case for case in CASES if case.parent.name == name]


def case_id(case: Path) -> str:
    return f"{case.parent.name}-{case.name}"


def converted(case: Path):
    """(documents, problems, report) of the case's input."""
    documents, problems = [], []
    options = case / "options.json"
    chosen = json.loads(options.read_text()) if options.exists() else {}
    report = convert_path(case / "input", on_document=documents.append, on_problem=problems.append, **chosen)
    return documents, problems, report
