"""The environment of a test run, as a pytest plugin (``-p``): settings are read before any conftest."""

import os
import shutil
import tempfile

MEMORY = "/dev/shm"


def in_memory() -> str | None:
    """A place that need not wait for a disk, where there is one with room: the tests commit ten thousand times."""
    roomy = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 2 << 30
    return MEMORY if roomy else None


# Never a person's own home, whatever their shell says. Removed when the run ends.
HOME = tempfile.TemporaryDirectory(prefix="potato-tests-", dir=in_memory())
os.environ["POTATO_HOME"] = HOME.name
os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "x" * 40)
