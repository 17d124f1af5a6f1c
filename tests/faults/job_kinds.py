"""Kinds of jobs that only the workers of these tests know."""

from __future__ import annotations

import time
from pathlib import Path

from potato_site.jobs import JobHandle, handler


@handler("tests.publish_when_told", queue="bulk")
def publish_when_told(job: JobHandle) -> int:
    """Wait for the file ``go``, then publish the number of this attempt."""
    folder = Path(job.params["folder"])
    (folder / f"started-{job.attempt}").touch()
    while not (folder / "go").exists():
        job.progress(0, 1, "waiting")
        time.sleep(0.05)
    job.check()
    (folder / "published").write_text(str(job.attempt))
    return job.attempt
