"""Load a configuration file: the project, its people, its traces. Loading twice changes nothing.

An edited file updates the project by the keys that differ from the file as it was last loaded; what was changed in the
admin under other keys stays. Configuration and people are one transaction: an error in them leaves nothing behind.
Traces are imported afterwards, good ones kept; what dies in between is made good by loading again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from django.db import transaction
from django.http import Http404
from pydantic import ValidationError

from annotation.assignments.items import sync_items
from annotation.assignments.screening_notices import told_of_pool
from annotation.models import Membership, Project
from annotation.models.projects import slug_of
from annotation.projects import checks, find, people
from annotation.projects.config import Parsed, ProjectConfig, parse, unpaired
from annotation.projects.lifecycle import open_loaded
from annotation.projects.locking import lock_project
from annotation.projects.merge import apply_changes, differing
from annotation.projects.notes import Note, Notebook
from annotation.projects.revisions import set_config
from annotation.projects.traces import TraceCounts, import_traces, input_files, report_empty
from potato_site import home as homes
from potato_site.accounts.manager import ensure_manager
from potato_site.accounts.models import User
from traces.jsonl import Problem
from traces.models import Dataset

REDACTED = "***redacted***"
Progress = Callable[[int, int, str], object]


@dataclass
class LoadReport:
    """What loading one file did. With ``errors`` nothing was written; ``problems`` are bad records among good ones."""

    file: Path
    project: Project | None = None
    errors: list[Note] = field(default_factory=list)
    warnings: list[Note] = field(default_factory=list)
    # The first problems of the traces; n_problems counts all.
    problems: list[Problem] = field(default_factory=list)
    n_problems: int = 0
    # What one should know of traces that were read, when they are.
    told: list[Problem] = field(default_factory=list)
    is_new: bool = False
    # Dotted keys of the configuration that this load changed.
    changed: list[str] = field(default_factory=list)
    counts: TraceCounts = field(default_factory=TraceCounts)
    new_items: int = 0

    @property
    def is_good(self) -> bool:
        """Nothing was refused. Warnings are allowed."""
        return not self.errors and not self.n_problems


class _Refused(Exception):
    """Roll back: the notebook holds the errors."""


def load_file(
    path: str | Path, home: str | Path, *, made_by: User | None = None, progress: Progress | None = None
) -> LoadReport:
    """Load a project file into the database of ``home``, whose tables exist. ``made_by`` None is the command line.

    Never raises for what a file holds: see the report. Raises DatabaseError, and OSError on a full disk.
    """
    file = Path(path).resolve()
    try:
        parsed = parse(homes.read_config(file), file.name)
    except OSError as error:
        note = Note(file.name, None, "", f"cannot be read: {error.strerror or error}")
        return LoadReport(file, errors=[note])
    report = LoadReport(file)
    report_empty(parsed, file)
    if parsed.config is not None:
        _Loading(file, Path(home).resolve(), parsed, parsed.config, made_by, report).run(progress)
    report.errors, report.warnings = parsed.errors, parsed.warnings
    return report


@dataclass
class _Loading:
    """One file on its way into the database."""

    file: Path
    home: Path
    parsed: Parsed
    config: ProjectConfig
    made_by: User | None
    report: LoadReport

    def run(self, progress: Progress | None) -> None:
        # Hashing passwords is slow: not while the database is locked.
        ready = people.prepare(self.parsed.people, self.book)
        try:
            with transaction.atomic():
                project = self._project()
                config = self._merged(project)
                self._write(project, config, ready)
        except _Refused:
            return
        self.report.project = project
        self._traces(project, config, progress)
        open_loaded(project, self.made_by)

    @property
    def book(self) -> Notebook:
        return self.parsed.book

    @property
    def base(self) -> Path:
        """What the file's relative paths are relative to."""
        return (self.file.parent / self.parsed.task_dir).resolve()

    def _refuse(self, path: tuple[str | int, ...], message: str) -> _Refused:
        self.book.error(path, message)
        return _Refused()

    # --- which project -------------------------------------------------------------------------------------

    def _project(self) -> Project:
        """The project this file means: the one it was loaded as, else the one of its name, else a new one."""
        found = find.of_source(self.file, self.home) or self._namesake()
        if found is None:
            self.report.is_new = True
            self._require_traces()
            return self._new()
        if found.state == Project.State.PURGING:
            raise self._refuse((), find.told_of_purge(found))
        try:
            return lock_project(found.pk)
        except Http404:  # since we looked
            raise self._refuse((), find.told_of_purge(found)) from None

    def _namesake(self) -> Project | None:
        """A project of the same slug, if its own file is gone: then this file is the same, moved."""
        slug = slug_of(self.config.project_name)
        found = Project.objects.filter(slug=slug).first()
        source = find.source_file(found, self.home) if found else None
        if source is not None and source.exists():
            raise self._refuse(("project_name",), f"another file is the project {slug!r} already: {source}")
        return found

    def _require_traces(self) -> None:
        """A new project without a single file of traces is a mistake, not an empty project."""
        files = input_files(self.config, self.base)
        if not any(file.exists() for file in files):
            missing = ", ".join(str(file) for file in files)
            raise self._refuse(("data", "input_path"), f"no such file or folder: {missing}")

    def _new(self) -> Project:
        manager = self.made_by or ensure_manager()
        dataset = Dataset.objects.create(name=self.config.project_name)
        dataset.managers.add(manager)
        project = Project.objects.create(
            slug=slug_of(self.config.project_name), name=self.config.project_name, dataset=dataset
        )
        Membership.objects.create(
            project=project, user=manager, role=Membership.Role.MANAGER, source=Membership.Source.FILE
        )
        return project

    # --- its configuration ---------------------------------------------------------------------------------

    def _merged(self, project: Project) -> ProjectConfig:
        """The project's configuration with what the file says differently. Raises _Refused if the two do not fit."""
        if project.revision is None:
            return self.config
        # Not built: a scheme whose plug-in is gone can still be taken out by a file.
        ours = unpaired(project.revision.config)
        loaded = (project.source_config or {}).get("config")
        # A project made elsewhere and never loaded from a file: the file says everything.
        last = unpaired(loaded) if loaded is not None else ours
        plain = apply_changes(last, unpaired(self.config.stored()), ours)
        self.report.changed = sorted(differing(ours, plain))
        try:
            merged = ProjectConfig.from_plain(plain)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise self._refuse((), f"does not fit what was changed in the admin: {where}: {first['msg']}") from None
        n_errors = len(self.book.errors)
        checks.check_schemes(dict(enumerate(merged.annotation_schemes)), self.book)
        if len(self.book.errors) > n_errors:
            raise self._refuse((), "the file does not fit what was changed in the admin")
        return merged

    def _write(self, project: Project, config: ProjectConfig, ready: list[people.Ready]) -> None:
        before = [entry["username"] for entry in (project.source_config or {}).get("annotators", [])]
        # First: what is taken out of people's hands is locked before the change counter.
        people.apply_people(project, ready, before, self.made_by, self.book)
        set_config(project, config, self.made_by)
        self._source(project, self._output(project, config))

    def _output(self, project: Project, config: ProjectConfig) -> Path:
        """The folder of the deliverables; it belongs to one project. Makes its ``.potato/``."""
        output = (self.base / config.output.path).resolve()
        other = Project.objects.filter(output_path=str(output)).exclude(pk=project.pk).first()
        if other is not None:
            raise self._refuse(("output", "path"), f"this folder belongs to the project {other.slug!r} already")
        try:
            homes.write_pointer(output, self.home, project.slug)
        except homes.HomeError as error:
            raise self._refuse(("output", "path"), str(error)) from None
        except OSError as error:
            raise self._refuse(("output", "path"), f"cannot be written: {error.strerror or error}") from None
        return output

    def _source(self, project: Project, output: Path) -> None:
        """Remember the file as it was loaded, without passwords."""
        names = [{"username": person.username, "password": REDACTED} for person in self.parsed.people]
        values = {
            "source_path": find.source_key(self.file, self.home),
            "source_config": {"config": self.config.stored(), "annotators": names},
            "output_path": str(output),
        }
        differs = [name for name, value in values.items() if getattr(project, name) != value]
        for name in differs:
            setattr(project, name, values[name])
        if differs:
            project.save(update_fields=differs)

    # --- its traces ----------------------------------------------------------------------------------------

    def _traces(self, project: Project, config: ProjectConfig, progress: Progress | None) -> None:
        done = import_traces(project, config, self.base, self.made_by, progress)
        self.report.problems = [one for one in done.problems if one.is_error]
        self.report.n_problems = done.counts.problems
        self.report.told = [one for one in done.problems if not one.is_error]
        self.report.counts = done.counts
        if done.n_gone:
            what, stay = ("trace is", "it stays") if done.n_gone == 1 else ("traces are", "they stay")
            self.book.warn(
                ("data", "input_path"), f"{done.n_gone} {what} no longer in the files; {stay} in the project"
            )
        self.report.new_items = sync_items(project)
        for sentence in told_of_pool(project):
            self.book.warn(("quality_control", "screening"), sentence)
