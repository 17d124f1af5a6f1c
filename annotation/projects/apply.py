"""A configuration that arrives by the admin or the API: read, merged with what others saved meanwhile, and saved.

It never touches the server's files: ``data.input_path``, ``output.path`` and ``port`` stay what they are, with a
warning. People it names are invited; passwords in it are not used.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from pydantic import ValidationError

from annotation.assignments import planning
from annotation.models import Project, Revision
from annotation.projects import checks, invitations
from annotation.projects.config import Parsed, ProjectConfig, parse, unpaired
from annotation.projects.consequences import Consequence, consequences, counts_of
from annotation.projects.locking import lock_project
from annotation.projects.merge import Conflict, apply_changes, conflicts, differing, take
from annotation.projects.notes import Note, Notebook
from annotation.projects.revisions import config_of, set_config
from annotation.projects.sections import Data, Output
from potato_site.accounts.models import User
from potato_site.canonical import digest
from potato_site.safe_yaml import KeyPath

NAME = "configuration"
# Agreed to whatever the change means.
ANYWAY = "anyway"
# Changes of these sections plan places anew.
# Questions too: once one is about the whole, traces without steps are items.
PLANNING = ("quality_control.", "hand_out.", "pairs.", "annotation_schemes")


@dataclass
class Applied:
    """What a configuration did, or would do. ``is_saved`` says which.

    With ``errors`` or ``conflicts`` nothing was saved; nor where ``consequences`` ask for an agreement that was not
    given: ``agreement`` is the word to give for exactly these. ``revision`` is the project's afterwards.
    """

    errors: list[Note] = field(default_factory=list)
    warnings: list[Note] = field(default_factory=list)
    # Dotted keys that differ from the project's configuration.
    changed: list[str] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    consequences: list[Consequence] = field(default_factory=list)
    people: list[invitations.Outcome] = field(default_factory=list)
    config: ProjectConfig | None = None
    revision: Revision | None = None
    is_saved: bool = False

    @property
    def asks(self) -> bool:
        return any(consequence.asks for consequence in self.consequences)

    @property
    def agreement(self) -> str:
        """Names the change and everything that was said about it."""
        said = [[one.key, one.text] for one in self.consequences]
        return digest(self.revision.number if self.revision else 0, self.config.stored() if self.config else None, said)


def read(text: str | bytes, ours: ProjectConfig | None = None, name: str = NAME) -> Parsed:
    """A configuration whose server paths are those of ``ours`` (the defaults for a new project), with warnings."""
    parsed = parse(text, name, needs_files=False)
    if parsed.config is None:
        return parsed
    config, book = parsed.config, parsed.book
    if parsed.task_dir != ".":
        book.warn(("task_dir",), "is ignored: no files of the server are read")
    data, output, port = (ours.data, ours.output, ours.port) if ours else (Data(), Output(), None)
    if config.data.input_path != data.input_path and config.data.input_path:
        book.warn(("data", "input_path"), "is ignored: choose a dataset, or upload the traces")
    if config.output.path not in (output.path, Output().path):
        book.warn(("output", "path"), "is ignored: the files of this project lie in the site's own folder")
    if config.port not in (port, None):
        book.warn(("port",), "is ignored: the site has its address already")
    replaced = {
        "data": config.data.model_copy(update={"input_path": data.input_path}),
        "output": config.output.model_copy(update={"path": output.path}),
        "port": port,
    }
    return Parsed(config.model_copy(update=replaced), book, parsed.people, parsed.task_dir)


def propose(
    project: Project,
    text: str | bytes,
    *,
    base_revision: int | None = None,
    keep_theirs: Collection[str] = (),
    keep_mine: Collection[str] = (),
) -> Applied:
    """What :func:`apply_text` would do. Changes nothing."""
    before = _revision(project)
    parsed = read(text, config_of(before.pk))
    return _proposed(project, parsed, before, base_revision, keep_theirs, keep_mine)


def apply_text(
    project: Project,
    text: str | bytes,
    user: User,
    *,
    base_revision: int | None = None,
    keep_theirs: Collection[str] = (),
    keep_mine: Collection[str] = (),
    agreement: str = ANYWAY,
) -> Applied:
    """Make ``text`` the project's configuration, if nothing speaks against it.

    ``base_revision`` is the number of the revision it was made from (None: the current one); what others changed since
    stays, and a key both changed is a conflict unless it is among ``keep_theirs`` or ``keep_mine``. ``agreement`` is
    the :attr:`Applied.agreement` of what the person was shown, or ``ANYWAY``. The caller has checked that ``user``
    manages the project.
    """
    with transaction.atomic():
        locked = lock_project(project.pk)
        before = _revision(locked)
        parsed = read(text, config_of(before.pk))
        done = _proposed(locked, parsed, before, base_revision, keep_theirs, keep_mine)
        if done.config is None or done.errors or done.conflicts:
            return done
        if done.asks and agreement not in (ANYWAY, done.agreement):
            return done
        done.people = _invite(locked, parsed, user)
        done.warnings = parsed.warnings
        done.revision = set_config(locked, done.config, user)
        if any(key.startswith(PLANNING) for key in done.changed):
            planning.request(locked.dataset_id)
        project.revision, project.name, project.seq = done.revision, locked.name, locked.seq
        done.is_saved = True
        return done


def _revision(project: Project) -> Revision:
    assert project.revision_id is not None
    return Revision.objects.select_related("made_by").get(pk=project.revision_id)


def _proposed(
    project: Project,
    parsed: Parsed,
    before: Revision,
    base_revision: int | None,
    keep_theirs: Collection[str],
    keep_mine: Collection[str],
) -> Applied:
    done = Applied(parsed.errors, parsed.warnings, revision=before)
    if parsed.config is None:
        return done
    theirs = unpaired(before.config)
    base = _base(project, before, base_revision, parsed.book)
    done.errors = parsed.errors
    if base is None:
        return done
    mine = _settled(base, unpaired(parsed.config.stored()), theirs, keep_theirs)
    done.conflicts = [one for one in conflicts(base, mine, theirs) if one.key not in keep_mine]
    if not done.conflicts:
        plain = apply_changes(base, mine, theirs)
        done.changed = sorted(differing(theirs, plain))
        done.config = _checked(plain, parsed.book)
        done.errors, done.warnings = parsed.errors, parsed.warnings
        if done.config is not None:
            done.consequences = consequences(config_of(before.pk), done.config, counts_of(project))
    return done


def _base(project: Project, before: Revision, number: int | None, book: Notebook) -> dict[str, Any] | None:
    """The configuration that the sender's changes are changes of."""
    if number is None or number == before.number:
        return dict(unpaired(before.config))
    found = Revision.objects.filter(project=project, number=number).first()
    if found is None:
        book.error((), f"there is no revision {number} of this project")
        return None
    return dict(unpaired(found.config))


def _settled(
    base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any], keep_theirs: Collection[str]
) -> dict[str, Any]:
    """The sender's version without the changes they gave up. Server paths are nobody's change here."""
    for key in ("data.input_path", "output.path", "port"):
        mine = take(mine, key, base)
    for conflict in conflicts(base, mine, theirs):
        if conflict.key in keep_theirs:
            mine = take(mine, conflict.key, theirs)
    return mine


def _checked(plain: dict[str, Any], book: Notebook) -> ProjectConfig | None:
    """The merged configuration, if both sides still fit together."""
    n_errors = len(book.errors)
    try:
        merged = ProjectConfig.from_plain(plain)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        book.error(_path(first["loc"]), f"does not fit what somebody else saved meanwhile: {first['msg']}")
        return None
    checks.check_schemes(dict(enumerate(merged.annotation_schemes)), book)
    return merged if len(book.errors) == n_errors else None


def _path(loc: tuple[int | str, ...]) -> KeyPath:
    return tuple(part for part in loc if part != "[key]")


def _invite(project: Project, parsed: Parsed, user: User) -> list[invitations.Outcome]:
    """The people it names, who are no members yet and hold no unused link."""
    if not parsed.people:
        return []
    if any(person.password is not None for person in parsed.people):
        parsed.book.warn(
            ("annotators",), "passwords are not used here: people get a link, or are asked to join", "secret"
        )
    waiting = set(invitations.waiting(project).values_list("username", flat=True))
    wanted = [person for person in parsed.people if person.username not in waiting]
    entries = [invitations.Entry(person.username) for person in wanted]
    return [one for one in invitations.invite_names(project, entries, user) if one.kind != "already"]
