"""Putting a backup into an empty database, in one transaction: all of it, verified, or nothing."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO

from django.core.exceptions import ObjectDoesNotExist
from django.core.management import call_command
from django.db import DatabaseError, connections, transaction

from potato_site import planner
from potato_site.files import UNFINISHED, sync_folder
from potato_site.logs import safe_message
from potato_site.operations import tables
from potato_site.operations.archive import BadArchive, Reader, Tell, applied
from potato_site.operations.audits import Audit, run_audits
from potato_site.operations.carried import carried, inside, settled

PIECE = 1 << 20


class NotEmpty(Exception):
    """There is something already where the backup should go. ``str()`` is a sentence."""


class Broken(Exception):
    """The backup holds data that somebody has changed by another way than this program's. ``str()`` lists what."""


@dataclass
class Table:
    label: str
    rows: int
    sha256: str


@dataclass
class Restored:
    """What was restored and checked."""

    header: dict[str, Any]
    tables: list[Table] = field(default_factory=list)
    files: int = 0
    audits: list[Audit] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def restore(
    stream: BinaryIO, using: str, home: Path, *, despite_audit: bool = False, tell: Tell = lambda _: None
) -> Restored:
    """Restore into the database ``using`` and the folder ``home``.

    Raises BadArchive, NotEmpty, Broken (unless ``despite_audit``); then the database is as empty as it was.
    """
    filled = tables.first_filled(using)
    if filled:
        raise NotEmpty(f"the database is not empty ({filled} has rows): a restore needs an empty one")
    reader = Reader(stream)
    call_command("migrate", database=using, interactive=False, verbosity=0)
    _must_fit(reader.header, using)
    with _staging(home) as staging:
        try:
            with transaction.atomic(using=using):
                restored = _restore(reader, using, home, staging, tell)
                if not despite_audit:
                    _refuse_broken(restored.audits)
                staging.publish()
        except tarfile.TarError as problem:
            raise BadArchive(f"it is damaged or was cut off ({problem})") from None
        except (ValueError, TypeError, DatabaseError) as problem:
            raise BadArchive(f"its rows do not fit together: {safe_message(problem)}") from None
    return restored


def _must_fit(header: dict[str, Any], using: str) -> None:
    columns = {tables.label_of(m): [c.name for c in tables.columns_of(m)] for m in tables.tables()}
    if header.get("migrations") != applied(using) or header.get("columns") != columns:
        raise BadArchive(
            f"it was made by version {header.get('product_version')}, whose tables differ from this one's: restore it "
            "with that version, then upgrade"
        )


def _restore(reader: Reader, using: str, home: Path, staging: _Staging, tell: Tell) -> Restored:
    tables.clear_what_migrate_made(using)
    for kind, name, content in reader.files():
        staging.take(kind, name, content)
    models = {tables.label_of(model): model for model in tables.tables()}
    read: dict[str, tables.Digest] = {}
    for label, stream in reader.tables():
        if label not in models or label in read:
            raise BadArchive(f"{label} is no table of this version, or comes twice")
        tell(label)
        read[label] = tables.Digest()
        tables.insert(models[label], read[label].through(stream), using)
    restored = Restored(reader.header, files=len(staging.files))
    _compare(reader.manifest, read, staging, models)
    planner.look_again(tables.tables(), using)
    restored.tables = _read_back(reader.manifest, using, tell)
    connections[using].check_constraints()
    restored.audits = run_audits(using)
    old_home = Path(str(reader.header.get("home", "")))
    staging.place(using, old_home, home)
    for settle in settled.values():
        restored.notes += list(settle(using, old_home, home))
    tables.reset_sequences(using)
    return restored


def _compare(
    manifest: dict[str, Any], read: dict[str, tables.Digest], staging: _Staging, models: dict[str, tables.Model]
) -> None:
    """What was read is what was written."""
    promised = manifest.get("tables", {})
    if set(promised) != set(models):
        raise BadArchive("its list of tables is not this version's")
    for label, told in promised.items():
        digest = read.get(label, tables.Digest())
        if (digest.rows, digest.sha256) != (told.get("rows"), told.get("sha256")):
            raise BadArchive(f"{label}: {digest.rows} rows that are not the {told.get('rows')} that were written")
    if {name: (f.size, f.sha256) for name, f in staging.files.items()} != {
        name: (told.get("bytes"), told.get("sha256")) for name, told in manifest.get("files", {}).items()
    }:
        raise BadArchive("its files are not those that were written")


def _read_back(manifest: dict[str, Any], using: str, tell: Tell) -> list[Table]:
    """What the database now holds is what was read, row by row."""
    found = []
    for model in tables.tables():
        label = tables.label_of(model)
        tell(f"{label}: checking")
        digest, told = tables.digest_of(model, using), manifest["tables"][label]
        if (digest.rows, digest.sha256) != (told["rows"], told["sha256"]):
            raise BadArchive(f"{label}: the database does not give back what was put in")
        found.append(Table(label, digest.rows, digest.sha256))
    return found


def _refuse_broken(audits: list[Audit]) -> None:
    wrong = [f"{audit.name}: {finding}" for audit in audits for finding in audit.findings]
    if wrong:
        raise Broken("\n".join(wrong))


# --- files ---------------------------------------------------------------------------------------------------


@dataclass
class _File:
    staged: Path
    size: int
    sha256: str
    target: Path | None = None
    is_ours: bool = False


class _Staging:
    """Files wait beside their places until the rows are verified; what was placed is taken back if the commit fails."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, _File] = {}

    def take(self, kind: str, name: str, content: IO[bytes]) -> None:
        key = f"{kind}/{name}"
        if kind not in carried or key in self.files:
            raise BadArchive(f"{key}: a file that this version does not know, or that comes twice")
        staged = self.folder / str(len(self.files))
        digest, size = hashlib.sha256(), 0
        with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            while piece := content.read(PIECE):
                file.write(piece)
                digest.update(piece)
                size += len(piece)
            file.flush()
            os.fsync(file.fileno())
        self.files[key] = _File(staged, size, digest.hexdigest())

    def place(self, using: str, old_home: Path, home: Path) -> None:
        """Decide where each goes. Raises NotEmpty for a place that holds another file."""
        for key, file in self.files.items():
            kind, name = key.split("/", 1)
            try:
                target = carried[kind].place(name, using, old_home, home)
            except (ObjectDoesNotExist, ValueError) as problem:
                raise BadArchive(f"{key}: {problem}") from None
            if not inside(target, home):
                raise BadArchive(f"{key} would be written outside the home")
            if target.exists() and _sha256_of(target) != file.sha256:
                raise NotEmpty(f"{target} exists and is another file")
            file.target, file.is_ours = target, not target.exists()

    def publish(self) -> None:
        for file in self.files.values():
            if file.target is not None and file.is_ours:
                file.target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                file.staged.replace(file.target)
                sync_folder(file.target.parent)

    def take_back(self) -> None:
        for file in self.files.values():
            if file.target is not None and file.is_ours and not file.staged.exists():
                file.target.unlink(missing_ok=True)


@contextmanager
def _staging(home: Path) -> Iterator[_Staging]:
    for left in home.glob(f"{UNFINISHED}restore-*"):
        # A restore that was killed; who restores holds the home's lock.
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{UNFINISHED}restore-", dir=home))
    staging = _Staging(folder)
    try:
        yield staging
    except BaseException:
        with suppress(OSError):
            staging.take_back()
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
