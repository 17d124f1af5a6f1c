"""What each process of a parallel run has of its own."""

import pytest

from tests.environment import broker_of


@pytest.mark.parametrize(
    ("process", "url", "wanted"),
    [
        ("", "redis://127.0.0.1:6379/4", "redis://127.0.0.1:6379/4"),
        ("gw0", "redis://127.0.0.1:6379/4", "redis://127.0.0.1:6379/4"),
        ("gw1", "redis://127.0.0.1:6379/4", "redis://127.0.0.1:6379/5"),
        ("gw1", "rediss://:word@redis:6379", "rediss://:word@redis:6379/1"),
        ("gw14", "redis://127.0.0.1:6379/4", "redis://127.0.0.1:6379/2"),
        ("gw1", "", ""),
    ],
)
def test_each_process_has_its_own_database_of_redis(process, url, wanted):
    assert broker_of(process, url) == wanted
