"""Sixteen annotators labeling at once: next, one label, submit. No error, no item over its slots."""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from django.db import connection

from annotation.models import Item, Slot, Submission
from annotation.projects.revisions import config_of
from tests.benchmarks.measure import Browser, Row, cpu_ms, empty_view
from tests.factory import FIRST_ERROR, make_project, make_traces, op, person
from traces.chunks import render_version

PEOPLE, ITEMS = 16, 200


def run(folder: Path) -> Iterator[Row]:
    names = [f"worker{number}" for number in range(PEOPLE)]
    project = make_project(
        folder, name="Many", schemes=[FIRST_ERROR], traces=make_traces(ITEMS, steps=30), overlap=20, people=names
    )
    options = config_of(project.revision_id).render_options()
    for version in Item.objects.filter(project=project).values_list("a", flat=True):
        render_version(version, options)
    people = [person(name) for name in names]
    browsers = [Browser(user) for user in people]
    idle = empty_view(people[0])
    cpu_ms(idle, 50)

    def label_all(number: int) -> int:
        browser, rounds = browsers[number], 0
        try:
            while True:
                address, _ = browser.follow(f"/projects/{project.slug}/next")
                if not address.startswith("/label/"):
                    return rounds
                label = op("step_reward", {"first_error": {"step": rounds % 30}})
                status, reply = browser.post_json(address + "ops", {"ops": json.dumps([label])})
                assert status == 200, reply
                payload = {"op_id": uuid.uuid4().hex, "tab": "tab", "version": reply["version"], "ops": []}
                status, body = browser.post(address + "submit", {"payload": json.dumps(payload)})
                assert status == 200, body
                rounds += 1
        finally:
            connection.close()

    empty = cpu_ms(idle, 200)
    cpu, wall = time.process_time(), time.monotonic()
    with ThreadPoolExecutor(PEOPLE) as pool:
        rounds = sum(pool.map(label_all, range(PEOPLE)))
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    empty = (empty + cpu_ms(idle, 200)) / 2
    places = Counter(Slot.objects.filter(project=project).values_list("item", flat=True))
    taken = Counter(
        Submission.objects.filter(project=project, is_current=True).values_list("assignment__item", flat=True)
    )
    over = sum(taken[item] > places[item] for item in taken)
    assert rounds == Submission.objects.filter(project=project, is_current=True).count()
    assert not Slot.objects.filter(project=project, assignment=None).exists()
    yield Row("items over their slots", over, "", 0)
    yield Row("a round of 16 annotators at once", cpu * 1000 / rounds / empty, "E", 40, f"{rounds / wall:.0f} rounds/s")
