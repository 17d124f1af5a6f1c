"""The environment of a test run, as a pytest plugin (``-p``): settings are read before any conftest."""

import os
import shutil
import sys
import tempfile
from urllib.parse import urlsplit

# A place that need not wait for a disk, where there is one with room: the tests commit ten thousand times.
MEMORY = "/dev/shm"
MEMORY_HAS_ROOM = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 2 << 30
# How many databases a Redis has, unless its settings say otherwise.
REDIS_DATABASES = 16


def broker_of(process: str, url: str) -> str:
    """Each process of a parallel run has the database of Redis that lies its own number after the one that was named.

    Every process has a database in which jobs are numbered from one: a worker that hears of another's job does nothing,
    and the one whose job it is never hears of it.
    """
    parts = urlsplit(url)
    if not process or parts.scheme not in ("redis", "rediss"):
        return url
    number = int(parts.path.strip("/") or 0) + int(process.removeprefix("gw"))
    return parts._replace(path=f"/{number % REDIS_DATABASES}").geturl()


# A folder that the processes of a run have in common: the one that begins the others makes it.
SHARED = "FOLDER_SHARED_BY_TESTS"
if SHARED not in os.environ:
    _shared = tempfile.TemporaryDirectory(prefix="potato-tests-", dir=MEMORY if MEMORY_HAS_ROOM else None)
    os.environ[SHARED] = _shared.name
# Never a person's own home, whatever their shell says. Removed when the run ends.
HOME = tempfile.TemporaryDirectory(prefix="potato-tests-", dir=MEMORY if MEMORY_HAS_ROOM else None)
os.environ["POTATO_HOME"] = HOME.name
if MEMORY_HAS_ROOM:
    # The folders of tests: an export waits for the disk with every file. Of these only those of failed tests remain.
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", MEMORY)
os.environ["CELERY_BROKER_URL"] = broker_of(
    os.environ.get("PYTEST_XDIST_WORKER", ""), os.environ.get("CELERY_BROKER_URL", "")
)
# Whatever a shell says: the tests start hundreds of processes, and each would compile the product again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "x" * 40)
