"""Uploading traces of 30 steps over the API and importing them: near the floor of an import, memory flat.

The request goes through the WSGI application into the upload's file, then the job runs as in a worker. F is the floor
of ``import_traces``: parse, compress and insert, and nothing else.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.urls import reverse

from potato_site.accounts.models import User
from potato_site.api import tokens
from potato_site.jobs import runner
from potato_site.jobs.models import Job
from tests.benchmarks.import_traces import LARGE, SMALL, floor_seconds, forget_peak_memory, memory_mb, write
from tests.benchmarks.measure import Row
from traces.models import Dataset, Import

MEMORY_MB = 100


def send(handler: WSGIHandler, secret: str, dataset: Dataset, path: Path) -> Import:
    """POST the file as a program would; its import, queued."""
    status: list[str] = []
    with path.open("rb") as body:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": reverse("api-dataset-traces", args=[dataset.pk]),
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "localhost",
            "HTTP_AUTHORIZATION": f"Bearer {secret}",
            "CONTENT_TYPE": "application/x-ndjson",
            "CONTENT_LENGTH": str(path.stat().st_size),
            "wsgi.input": body,
            "wsgi.url_scheme": "http",
            "wsgi.errors": io.StringIO(),
            "wsgi.version": (1, 0),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        response = handler(environ, lambda line, *_: status.append(line))
        answer = b"".join(response)
        response.close()
    assert status[0].startswith("202"), answer
    return Import.objects.latest("pk")


def measured(handler: WSGIHandler, secret: str, dataset: Dataset, path: Path) -> tuple[float, float, float]:
    """(CPU seconds of both, MB the request grew, MB the job grew)."""
    start = time.process_time()
    forget_peak_memory()
    before = memory_mb("VmRSS")
    batch = send(handler, secret, dataset, path)
    web = memory_mb("VmHWM") - before
    forget_peak_memory()
    before = memory_mb("VmRSS")
    assert batch.job_id is not None
    assert runner.run(batch.job_id)
    worker = memory_mb("VmHWM") - before
    seconds = time.process_time() - start
    assert Job.objects.get(pk=batch.job_id).state == Job.State.DONE
    assert dataset.traces.count() in (SMALL, LARGE)
    return seconds, web, worker


def run(folder: Path) -> Iterator[Row]:
    small, large = write(folder / "small.jsonl", SMALL), write(folder / "large.jsonl", LARGE)
    user = User.objects.create_superuser("uploader")
    _, secret = tokens.make(user, scopes=["import"])
    handler = WSGIHandler()
    datasets = [Dataset.objects.create(name=name) for name in ("warm-up", "few", "many")]
    measured(handler, secret, datasets[0], small)
    _, few_web, few_worker = measured(handler, secret, datasets[1], small)
    many, web, worker = measured(handler, secret, datasets[2], large)
    floor = floor_seconds(large)
    size = large.stat().st_size / 1e6
    yield Row("upload and import of 10,000 traces", many / floor, "F", 3.5, f"F = {floor:.1f} s of CPU, {size:.0f} MB")
    yield Row("web memory grown by 10,000 traces", web, "MB", MEMORY_MB, f"by 1,000: {few_web:.0f} MB")
    yield Row("worker memory grown by 10,000 traces", worker, "MB", MEMORY_MB, f"by 1,000: {few_worker:.0f} MB")
