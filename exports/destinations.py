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
    """The destinations a schedule may have."""
    return [str(bucket) for bucket in map(parse, settings.POTATO_EXPORT_BUCKETS)]


def parse(text: str) -> Bucket:
    """Raises CannotDeliver for what is no ``s3://`` address."""
    scheme, _, rest = text.strip().partition("://")
    name, _, prefix = rest.partition("/")
    if scheme != "s3" or not name:
        raise CannotDeliver(f"{text!r} is no address of a bucket (s3://name/prefix)")
    return Bucket(name, prefix.strip("/"))


def deliver(export: Export, destination: str, check: Callable[[], None] = lambda: None) -> list[str]:
    """Copy the export's files to the destination, the manifest last: whoever finds it finds all. Returns the addresses.

    What arrived with its manifest is there as it is (exports do not change): nothing is sent. ``check`` is called
    before each piece that is read of a file; what it raises ends the copying. Raises CannotDeliver.
    """
    if destination not in known():
        raise CannotDeliver(f"{destination} is not among the buckets of this server (POTATO_EXPORT_BUCKETS)")
    if not find_spec("storages") or not find_spec("boto3"):
        raise CannotDeliver("buckets need django-storages: pip install 'potato-site[s3]'")
    bucket, folder = parse(destination), Path(export.path)
    storage = _storage(bucket)
    whole = f"{export.project.slug}/{folder.name}/{MANIFEST}"
    if storage_holds(storage, whole, folder / MANIFEST):
        return []
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


def storage_holds(storage: Any, key: str, path: Path) -> bool:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return storage.exists(key) and storage.size(key) == path.stat().st_size
    except (BotoCoreError, ClientError):
        return False


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
