"""The processes of a server: which of them stands back for the others."""

import os

import pytest

from potato_site import child
from potato_site.celery import app
from potato_site.operations.management.commands.serve import Command
from potato_site.operations.processes import NICENESS


@pytest.fixture
def stood_back(monkeypatch):
    steps: list[int] = []
    monkeypatch.setattr(os, "nice", steps.append)
    return steps


def test_of_the_processes_of_a_server_the_bulk_worker_stands_back(stood_back):
    for role in ("worker-fast", "beat", "worker-bulk"):
        assert stood_back == []
        Command()._process({"role": role})
    assert stood_back == [NICENESS]


def test_of_those_of_a_laptop_too(stood_back, monkeypatch):
    monkeypatch.setattr(app, "worker_main", lambda arguments: None)
    child.worker("bulk")
    assert stood_back == [NICENESS]
