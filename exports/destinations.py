"""Where a published export is copied: a bucket that speaks S3.

Which buckets there are is the server's setting (POTATO_EXPORT_BUCKETS): a manager chooses among them and cannot make
the server's keys write anywhere else. Keys and endpoint are boto3's own (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_ENDPOINT_URL, …) and stay in the environment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.core.files import File

from exports.models import Export
from exports.releases import MANIFEST


class CannotDeliver(Exception):
    """The export was published, but not copied. ``str()`` says why, without a key or a password."""


@dataclass(frozen=True)
class Bucket:
    """``s3://name/prefix``."""

    name: str
    prefix: str

    def __str__(self) -> str:
        return f"s3://{self.name}/{self.prefix}".rstrip("/")


def known() -> list[str]:
    """The destinations a schedule may have. What is no address is left out; checks.py names it."""
    return [str(parse(text)) for text in settings.POTATO_EXPORT_BUCKETS if not problem(text)]


def problem(text: str) -> str:
    """What is wrong with a bucket's address, or nothing."""
    try:
        parse(text)
    except CannotDeliver as error:
        return str(error)
    return ""


def is_installed() -> bool:
    return all(map(find_spec, ("storages", "boto3")))


def parse(text: str) -> Bucket:
    """Raises CannotDeliver for what is no ``s3://`` address."""
    scheme, _, rest = text.strip().partition("://")
    name, _, prefix = rest.partition("/")
    if scheme != "s3" or not name:
        raise CannotDeliver(f"{text!r} is no address of a bucket (s3://name/prefix)")
    return Bucket(name, prefix.strip("/"))


def deliver(export: Export, destination: str, check: Callable[[], None] = lambda: None) -> list[str]:
    """Copy the export's files to the destination, the manifest last: whoever finds it finds all. Returns the addresses.

    What arrived with this very manifest is there as it is (exports do not change): nothing is sent. Another manifest
    under that name (of a project that was deleted, or is as an earlier backup had it) goes before its files do.
    ``check`` is called before each piece that is read of a file; what it raises ends the copying. Raises CannotDeliver.
    """
    if destination not in known():
        raise CannotDeliver(f"{destination} is not among the buckets of this server (POTATO_EXPORT_BUCKETS)")
    if not is_installed():
        raise CannotDeliver("buckets need django-storages: pip install 'potato-site[s3]'")
    bucket, folder = parse(destination), Path(export.path)
    storage = _storage(bucket)
    whole = f"{export.project.slug}/{folder.name}/{MANIFEST}"
    if (found := _manifest(storage, whole)) == (folder / MANIFEST).read_bytes():
        return []
    if found is not None:
        _remove(storage, whole, f"{bucket}/{whole}")
    names = [*(file["name"] for file in export.manifest["files"]), MANIFEST]
    sent = []
    for name in names:
        key = f"{export.project.slug}/{folder.name}/{name}"
        _copy(storage, folder / name, key, f"{bucket}/{key}", check)
        sent.append(f"{bucket}/{key}")
    return sent


def _storage(bucket: Bucket) -> Any:
    from boto3.s3.transfer import TransferConfig
    from storages.backends.s3 import S3Storage

    # Without threads: a file is read where its job is, whose lease is renewed over this thread's database connection.
    one_thread = TransferConfig(use_threads=False)
    return S3Storage(
        bucket_name=bucket.name,
        location=bucket.prefix,
        file_overwrite=True,
        default_acl=None,
        transfer_config=one_thread,
    )


def _manifest(storage: Any, key: str) -> bytes | None:
    """What lies there, or None: nothing, or nothing that these keys may read."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        with storage.open(key) as stream:
            return stream.read()
    except (FileNotFoundError, BotoCoreError, ClientError):
        return None


def _remove(storage: Any, key: str, address: str) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        storage.delete(key)
    except (BotoCoreError, ClientError) as error:
        raise CannotDeliver(f"{address} is of another export, and stays: {type(error).__name__}: {error}") from error


class _Asking(File):
    """A file of which no piece is read before ``check`` was called."""

    def __init__(self, stream: BinaryIO, check: Callable[[], None]) -> None:
        super().__init__(stream)
        self.stream = stream
        self.check = check

    def read(self, size: int = -1) -> bytes:
        self.check()
        return self.stream.read(size)


def _copy(storage: Any, path: Path, key: str, address: str, check: Callable[[], None]) -> None:
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        with path.open("rb") as stream:
            storage.save(key, _Asking(stream, check))
        if storage.size(key) != path.stat().st_size:
            raise CannotDeliver(f"{address} did not arrive whole")
    except (Boto3Error, BotoCoreError, ClientError) as error:
        raise CannotDeliver(f"{address}: {type(error).__name__}: {error}") from error
