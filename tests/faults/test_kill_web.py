"""Kill -9 of the web server between and during saves: nothing acknowledged is lost, nothing is applied twice."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time

import pytest
from django.db import connection

from annotation.assignments.handout import hand_out
from annotation.models import Answer, AnswerEvent
from tests.factory import PER_STEP, make_project, make_traces, op, person
from tests.faults.server import Client, WebServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
CLIENTS, STEPS, KILLS, SEED = 4, 150, 6, 20_261_122


class Annotator(threading.Thread):
    """Labels every step once, in its own time, and sends a save again until it is acknowledged."""

    def __init__(self, server: WebServer, user, assignment) -> None:
        super().__init__(daemon=True)
        self.client, self.path = Client(server, user), f"/label/{assignment.public_id}/ops"
        self.acked: list[str] = []
        self.retries = 0
        self.refused: list[object] = []

    def run(self) -> None:
        version = 0
        for step in range(STEPS):
            operation = op("per_step", {str(step): {"label": "correct"}}, base=version)
            reply = self._save(operation)
            if operation["id"] not in reply.get("acked", []):
                self.refused.append(reply)
                return
            self.acked.append(operation["id"])
            version = reply["version"]

    def _save(self, operation) -> dict:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                status, reply = self.client.post(self.path, {"ops": json.dumps([operation])})
                if status == 200:
                    return reply
            except (OSError, http.client.HTTPException, json.JSONDecodeError):
                self.retries += 1
            time.sleep(0.02)
        return {"error": "no answer in two minutes"}


def test_killing_the_web_server_loses_no_acknowledged_label(tmp_path):
    names = [f"person{number}" for number in range(CLIENTS)]
    project = make_project(tmp_path, schemes=[PER_STEP], people=names, traces=make_traces(CLIENTS, steps=STEPS))
    people = [person(name) for name in names]
    assignments = [hand_out(project, user).assignment for user in people]
    connection.close()
    server, pause = WebServer(), random.Random(SEED)
    server.start()
    annotators = [Annotator(server, *pair) for pair in zip(people, assignments, strict=True)]
    try:
        for annotator in annotators:
            annotator.start()
        kills = 0
        while any(annotator.is_alive() for annotator in annotators) and kills < KILLS:
            time.sleep(pause.uniform(0.05, 0.3))
            server.kill()
            kills += 1
            server.start()
        for annotator in annotators:
            annotator.join(timeout=180)
    finally:
        server.kill()
    assert kills == KILLS
    assert sum(annotator.retries for annotator in annotators) > 0, "no save met a dead server: the test proves nothing"
    for annotator, assignment in zip(annotators, assignments, strict=True):
        assert annotator.refused == []
        assert len(annotator.acked) == STEPS
        stored = list(
            AnswerEvent.objects.filter(assignment=assignment).order_by("version").values_list("op_id", flat=True)
        )
        assert stored == annotator.acked
        assert len(Answer.objects.get(assignment=assignment).value) == STEPS
