"""A database that has just taken in many rows knows that it has."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation.models import Item, Slot
from potato_site import planner
from tests.factory import make_project, make_traces
from tests.potato_site.tables_known import rows_known
from traces.models import Trace, TraceVersion

pytestmark = pytest.mark.django_db


def test_after_a_large_import_it_knows_the_sizes_of_the_tables(tmp_path, monkeypatch):
    monkeypatch.setattr(planner, "MANY", 7)
    with CaptureQueriesContext(connection) as done:
        make_project(tmp_path, traces=make_traces(7), overlap=100)
    if connection.vendor == "postgresql":
        assert [rows_known(table) for table in (Trace, TraceVersion, Item)] == [7, 7, 7]
        assert rows_known(Slot) == Slot.objects.count()
    else:
        assert [query["sql"] for query in done].count("PRAGMA optimize") == 2


def test_after_a_small_one_nothing_is_sampled(tmp_path):
    with CaptureQueriesContext(connection) as done:
        make_project(tmp_path, traces=make_traces(7))
    assert not [query["sql"] for query in done if query["sql"].startswith(("ANALYZE", "PRAGMA optimize"))]
