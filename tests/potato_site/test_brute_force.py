"""Guessing passwords: over many names from one network, and behind proxies."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.auth import SESSION_KEY
from django.test import Client
from django.utils import timezone

from potato_site.accounts import limits
from potato_site.accounts.client import client_ip, client_network
from potato_site.accounts.models import Attempt, User
from potato_site.jobs.tick import tick

pytestmark = pytest.mark.django_db
PASSWORD = "seven green bottles"


@pytest.fixture
def reviewer() -> User:
    return User.objects.create_user("reviewer1", password=PASSWORD)


def log_in(client: Client, name: str, password: str, **headers: str):
    return client.post("/login/", {"username": name, "password": password}, headers=headers)


def test_a_network_that_guesses_over_many_names_is_locked_out_for_an_hour(client, reviewer, monkeypatch):
    monkeypatch.setitem(limits.LIMITS, "login", 3)
    for number in range(3):
        assert log_in(client, f"name{number}", "guess").status_code == 200
    refused = log_in(client, "reviewer1", PASSWORD)
    assert refused.status_code == 429
    assert "within the hour" in refused.content.decode()
    assert SESSION_KEY not in client.session
    assert log_in(Client(REMOTE_ADDR="203.0.113.9"), "reviewer1", PASSWORD).status_code == 302
    Attempt.objects.update(at=timezone.now() - timedelta(minutes=61))
    assert log_in(client, "reviewer1", PASSWORD).status_code == 302


def test_a_hundred_failures_an_hour_are_the_limit():
    assert limits.LIMITS["login"] == 100
    Attempt.objects.bulk_create(Attempt(kind="login", who="x") for _ in range(99))
    assert not limits.reached("login", "x")
    limits.count("login", "x")
    assert limits.reached("login", "x")


def test_signing_in_does_not_count_and_does_not_lift_the_limit(client, reviewer, monkeypatch):
    monkeypatch.setitem(limits.LIMITS, "login", 2)
    for _ in range(4):
        assert log_in(Client(), "reviewer1", PASSWORD).status_code == 302
    log_in(Client(), "nobody", "guess")
    log_in(Client(), "reviewer1", PASSWORD)
    log_in(Client(), "somebody", "guess")
    assert log_in(Client(), "reviewer1", PASSWORD).status_code == 429


def test_what_is_kept_of_a_log_in_is_a_failure_and_that_for_a_day(client, reviewer):
    assert log_in(client, "reviewer1", PASSWORD).status_code == 302
    client.post("/logout/")
    assert not AccessLog.objects.exists()
    log_in(client, "nobody", "guess")
    AccessLog.objects.create(username="reviewer1", ip_address="203.0.113.9")
    limits.forget_old()
    assert AccessAttempt.objects.count() == 1
    day_ago = timezone.now() - timedelta(days=1, minutes=1)
    AccessAttempt.objects.update(attempt_time=day_ago)
    AccessLog.objects.update(attempt_time=day_ago)
    tick()
    assert not AccessAttempt.objects.exists()
    assert not AccessLog.objects.exists()


def test_the_locked_page_says_how_long(client, reviewer):
    for _ in range(5):
        last = log_in(client, "reviewer1", "guess")
    assert last.status_code == 429
    assert "15 minutes" in last.content.decode()


@pytest.mark.parametrize(
    ("proxies", "forwarded", "found"),
    [
        (0, "203.0.113.9", "127.0.0.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.1, 203.0.113.9", "198.51.100.1"),
        (2, "203.0.113.9", "127.0.0.1"),
        (1, "not an address", "127.0.0.1"),
        (1, "", "127.0.0.1"),
    ],
)
def test_only_our_own_proxies_say_where_somebody_comes_from(rf, settings, proxies, forwarded, found):
    settings.TRUSTED_PROXIES = proxies
    assert client_ip(rf.get("/", headers={"X-Forwarded-For": forwarded})) == found


def test_a_made_up_address_does_not_lift_a_lock_behind_a_proxy(client, reviewer, settings):
    settings.TRUSTED_PROXIES = 1
    for number in range(5):
        log_in(client, "reviewer1", "guess", **{"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.9"})
    locked = log_in(client, "reviewer1", PASSWORD, **{"X-Forwarded-For": "198.51.100.77, 203.0.113.9"})
    assert locked.status_code == 429
    assert log_in(client, "reviewer1", PASSWORD, **{"X-Forwarded-For": "203.0.113.10"}).status_code == 302


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("192.0.2.1", "192.0.2.1"),
        ("", ""),
    ],
)
def test_one_customers_many_addresses_are_one_network(rf, address, network):
    assert client_network(rf.get("/", REMOTE_ADDR=address)) == network


def test_old_tries_are_forgotten():
    limits.count("login", "x")
    Attempt.objects.update(at=timezone.now() - timedelta(hours=25))
    limits.count("login", "x")
    assert limits.forget_old() == 1
    assert Attempt.objects.count() == 1
