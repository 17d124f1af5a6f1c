"""Redis is killed: labeling goes on, jobs wait and say so, and all are done when it is back."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from kombu import Connection
from kombu.transport.redis import QoS

from potato_site.celery import leave_unanswered_messages
from tests.deploy.installation import Browser, Installation, until
from tests.deploy.services import Redis, database
from tests.factory import make_traces, op, write_project

pytestmark = [pytest.mark.services, pytest.mark.faults]
SERVICES = ("web-1", "worker-fast", "worker-bulk", "beat")
LONGEST_SAVE_SECONDS = 3.0


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    server = Redis(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def site(tmp_path: Path, redis: Redis) -> Iterator[Installation]:
    with database(f"potato_redis_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}") as url:
        running = Installation(tmp_path, url, redis.url)
        try:
            running.migrate()
            config = write_project(tmp_path / "project", traces=make_traces(3), name="Served")
            running.run("load", str(config), "--home", str(running.home))
            running.start(*SERVICES)
            until(lambda: running.ready()["checks"].get("tick", {}).get("ok"), what="a tick")
            yield running
        finally:
            running.kill_all()


def query(site: Installation, statement: str) -> list[tuple]:
    with psycopg.connect(site.environment["DATABASE_URL"]) as link:
        return link.execute(statement).fetchall()  # type: ignore[call-overload]


def waiting(site: Installation) -> list[tuple]:
    return query(site, "SELECT kind FROM jobs_job WHERE state IN ('queued', 'running') AND kind <> 'jobs.tick'")


def test_labeling_goes_on_and_jobs_wait(site: Installation, redis: Redis):
    until(lambda: not waiting(site), what="the end of the first jobs")
    ann = Browser(site)
    ann.log_in("web-1", "ann", "pw_ann")
    redis.kill()
    item = ann.next_item("web-1", "served")
    version, slowest = 0, 0.0
    for step in range(5):
        started = time.monotonic()
        operation = op("step_reward", {"first_error": {"step": step}}, base=version)
        status = ann.save(["web-1"], item, operation)
        slowest = max(slowest, time.monotonic() - started)
        assert status["tries"] == 1
        version = status["version"]
    ann.submit("web-1", item, version, [op("outcome", {"": "partial"}, base=version)])
    assert slowest < LONGEST_SAVE_SECONDS

    assert ("exports.mirror",) in waiting(site)
    # What a process found out about the broker, it remembers for a few seconds.
    until(lambda: site.ready()["checks"]["broker"]["ok"] is False, 20, what="the end of what is remembered")
    told = site.ready()
    assert told["ready"] is True
    assert "jobs wait" in told["checks"]["broker"]["message"]
    token = site.environment["POTATO_METRICS_TOKEN"]
    numbers = site.get("web-1", "/metrics", Authorization=f"Bearer {token}")[1]
    assert "potato_broker_up 0.0" in numbers
    assert 'potato_jobs{kind="exports.mirror",state="queued"} 1.0' in numbers

    redis.start()
    until(lambda: not waiting(site), 120, what="the end of the jobs that waited")
    assert (site.folder / "project" / "output" / "ann" / "annotations.jsonl").is_file()
    assert query(site, "SELECT count(*) FROM jobs_job WHERE state = 'failed'") == [(0,)]
    assert [name for name in SERVICES if site.running[name].poll() is not None] == []


def test_a_message_that_cannot_be_put_back_ends_no_worker(redis: Redis, monkeypatch: pytest.MonkeyPatch):
    """Celery closes what is left of a connection, and ignores the errors of connections alone."""
    monkeypatch.setattr(QoS, "restore_at_shutdown", True)
    leave_unanswered_messages()
    connection = Connection(redis.url)
    queue = connection.SimpleQueue("fast")
    queue.put({"job": 1})
    queue.get(timeout=5)
    redis.kill()
    queue.channel._disconnect_pools()
    connection.transport.client = None
    queue.channel.close()
