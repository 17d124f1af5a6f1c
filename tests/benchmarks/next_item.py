"""Opening the next item of 30 steps once it is rendered: claim, page, first chunk."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

from annotation.assignments import states
from annotation.models import Item
from annotation.projects.revisions import config_of
from tests.benchmarks.measure import Browser, Row, in_empty_views
from tests.factory import make_project, make_traces, person
from traces.chunks import render_version

ITEMS = 120


def run(folder: Path) -> Iterator[Row]:
    traces = make_traces(ITEMS, steps=30)
    project = make_project(folder, name="Next", traces=traces, overlap=0, people=["opener"])
    options = config_of(project.revision_id).render_options()
    for version in Item.objects.filter(project=project).values_list("a", flat=True):
        render_version(version, options)
    user = person("opener")
    browser, address = Browser(user), ""

    def open_next() -> None:
        nonlocal address
        address, page = browser.follow(f"/projects/{project.slug}/next")
        assert b'id="step-24"' in page

    def give_back() -> None:
        states.skip(uuid.UUID(address.split("/")[2]), user)

    cost, empty = in_empty_views(user, open_next, ITEMS - 10, give_back)
    yield Row("opening the next item of 30 steps", cost, "E", 20, f"E = {empty:.2f} ms")
