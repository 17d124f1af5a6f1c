"""The demo: eleven runs of coding agents, four projects that label them, and what two annotators have said already.

The files beside this module are copied into a folder of the person's own and loaded from there like any project's, so
that the demo can be edited, and what it shows is what everybody else's configuration does.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from annotation.demo.answers import DoNotFit, add_answers
from annotation.projects.config import parse
from annotation.projects.load import LoadReport, load_file
from annotation.projects.notes import Note

SOURCE = Path(__file__).resolve().parent
PROJECT_FILES = ("first-error.yaml", "per-step.yaml", "code-review.yaml", "comparison.yaml")
FILES = (*PROJECT_FILES, "traces.jsonl")


def copy_files(folder: Path) -> list[Path]:
    """Put the demo's files into ``folder`` and return its project files. A file that is there already stays as it is.

    Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        if not (folder / name).exists():
            # Whole or not at all: half a file would never be completed by the next run.
            partial = folder / f".{name}.partial"
            shutil.copyfile(SOURCE / name, partial)
            partial.replace(folder / name)
    return [folder / name for name in PROJECT_FILES]


def load_demo(files: Iterable[Path], home: Path) -> list[LoadReport]:
    """Load the project files into ``home`` and give the prepared answers, once. Safe to repeat.

    Where the answers do not fit a file that was edited, a warning says so and none is given.
    """
    reports = []
    for path in files:
        report = load_file(path, home)
        if _passwords(path) == _passwords(SOURCE / path.name):
            # Everybody knows the demo's own passwords; there is nothing to warn of.
            report.warnings = [note for note in report.warnings if note.kind != "secret"]
        reports.append(report)
        if report.project is not None:
            try:
                add_answers(report.project, path.stem)
            except DoNotFit as problem:
                message = f"the prepared answers do not fit this file and are left out: {problem}"
                report.warnings.append(Note(path.name, None, "", message, "advice"))
    return reports


def passwords(files: Iterable[Path]) -> dict[str, str]:
    """Name → password of the people as the demo ships them. One that was changed in the file is nobody's business."""
    return dict(entry for path in files for entry in _passwords(path).items() & _passwords(SOURCE / path.name).items())


def _passwords(path: Path) -> dict[str, str]:
    people = parse(path.read_bytes(), path.name).people
    return {person.username: person.password.get_secret_value() for person in people if person.password}
