"""The limit on calls holds over all web processes, and nothing that is away can refuse or hold a call."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings as django_settings
from redis import Redis

from potato_site.api import buckets
from potato_site.api.buckets import InFile, InRedis
from tests.ports import free_port

SIZE = 60
SHARE = buckets.MINUTE / SIZE
TAKES = """
import sys
from pathlib import Path
from potato_site.api.buckets import InFile
store = InFile(Path(sys.argv[1]))
print(sum(store.take(7, 1.0, 1000.0) == 0 for _ in range(50)))
"""


def taken(store, times=SIZE, now=1000.0, person=7):
    return sum(store.take(person, SHARE, now) == 0 for _ in range(times))


@pytest.fixture(params=["file", pytest.param("redis", marks=pytest.mark.services)])
def two_stores(request, tmp_path):
    """What two web processes have, each its own."""
    if request.param == "file":
        yield InFile(tmp_path / "calls"), InFile(tmp_path / "calls")
    else:
        url, prefix = django_settings.CELERY_BROKER_URL, f"potato:test:{tmp_path}"
        stores = InRedis(Redis.from_url(url), prefix), InRedis(Redis.from_url(url), prefix)
        yield stores
        stores[0].forget()


def test_two_processes_share_one_measure(two_stores):
    one, other = two_stores
    assert taken(one, 40) + taken(other, 40) == SIZE
    assert one.take(7, SHARE, 1000.0) == pytest.approx(SHARE)
    assert taken(other, 10, now=1000.0 + 5 * SHARE) == 5
    assert taken(one, person=8) == SIZE


def test_calls_at_the_same_moment_are_counted_each(two_stores):
    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(lambda number: taken(two_stores[number % 2], 15), range(8)))
    assert sum(done) == SIZE


def test_a_clock_that_was_set_back_fills_the_bucket_and_one_that_is_a_little_behind_does_not(two_stores):
    one, other = two_stores
    assert taken(one, now=900_000.0) == SIZE
    assert other.take(7, SHARE, 899_990.0) == pytest.approx(SHARE + 10)
    assert taken(other, 2 * SIZE) == SIZE


def test_processes_that_start_with_nothing_in_common_but_the_home_share_the_file(tmp_path):
    command = [sys.executable, "-c", TAKES, str(tmp_path / "calls")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert sum(int(process.communicate(timeout=60)[0]) for process in running) == SIZE
    assert (tmp_path / "calls").stat().st_mode & 0o777 == 0o600


def test_the_api_and_the_labeling_page_are_counted_apart():
    buckets.forget()
    assert [buckets.take(7, 1, 1000.0, kind) == 0 for kind in ("api", "api", "label", "label")] == [True, False] * 2
    buckets.forget()
    assert [buckets.take(7, 1, 1000.0, kind) for kind in ("api", "label")] == [0, 0]


def test_while_redis_is_away_the_file_counts_and_no_call_waits_for_it(settings, monkeypatch, tmp_path):
    monkeypatch.setattr(buckets, "_silent_until", 0.0)
    settings.POTATO_HOME = tmp_path
    settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{free_port()}/0"
    start = time.monotonic()
    assert [buckets.take(7, 2, 1000.0) == 0 for _ in range(3)] == [True, True, False]
    assert time.monotonic() - start < 2


def test_what_cannot_be_counted_is_let_through(settings, tmp_path):
    settings.CELERY_BROKER_URL, settings.POTATO_HOME = "", tmp_path / "away"
    assert [buckets.take(7, 1, 1000.0) for _ in range(3)] == [0, 0, 0]
