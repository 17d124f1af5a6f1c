"""The main job of the commissioned document as a person does it: its file, its commands, a browser, its snippets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import answers, wait_for
from tests.browser.pages import button, first_error, saved
from tests.factory import make_trace
from tests.left_out import has_services
from tests.ports import free_port

pytestmark = [pytest.mark.faults]

DOCUMENTS = Path(__file__).parents[1] / "documents"
SNIPPETS = ["accuracy_by_step_type", "common_failure_points", "annotator_agreement"]
POTATO = f'{sys.executable} -c "from potato_site.cli import main; main()"'


class Installation:
    """A folder with the document's configuration and traces, in which its commands are run as they stand there."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        ours = ("POTATO_", "SECRET_", "DJANGO_", "DATABASE_", "CELERY_")
        own = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        self.environment = {**own, "PYTHONPATH": str(Path(__file__).parents[2]), **environment}
        self.url = f"http://localhost:{free_port()}"
        self.pid = 0
        (folder / "config.yaml").write_bytes((DOCUMENTS / "guide.yaml").read_bytes())
        (folder / "data").mkdir()
        traces = [
            json.loads((DOCUMENTS / "trace.json").read_text()),
            make_trace("trace_002", 30),
            make_trace("trace_003"),
        ]
        (folder / "data" / "traces.jsonl").write_text("".join(json.dumps(trace) + "\n" for trace in traces))

    def shell(self, command: str) -> str:
        """Run a command of the document (``potato …``) and return what it printed."""
        script = f'potato() {{ {POTATO} "$@"; }}\n{command}'
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start_detached(self) -> None:
        port = self.url.rsplit(":", 1)[1]
        command = f"nohup {POTATO} start config.yaml -p {port} > potato.log 2>&1 & echo $!"
        self.pid = int(self.shell(command))
        log = self.folder / "potato.log"
        wait_for(lambda: "Ready." in log.read_text(), "potato start is not ready", 60)
        assert answers(f"{self.url}/login/")

    def stop(self) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGTERM)
            wait_for(lambda: not self.processes(), "something is left running", 30)
            self.pid = 0

    def processes(self) -> list[str]:
        """Everything that still runs for this folder: the supervisor, web server, workers and scheduler."""
        marker = f"POTATO_HOME={self.folder}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
                mine = entry.name == str(self.pid) or marker in (entry / "environ").read_bytes()
            except OSError:
                continue
            if mine and state != "Z":
                found.append(entry.name)
        return found

    def lines(self, path: str) -> list[dict]:
        return [json.loads(line) for line in (self.folder / path).read_text().splitlines()]


def sign_in(context: BrowserContext, url: str, name: str) -> Page:
    page = context.new_page()
    page.goto(url)
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(f"pw_{name}")
    button(page, "Sign in").click()
    page.get_by_role("link", name="PRM Data Collection - SWE-bench Traces").click()
    button(page, "Start").click()
    return page


def answer(page: Page) -> None:
    """Label the item on the page: the document's trace is all correct, others go wrong at step 2."""
    page.locator("body[data-ready]").wait_for()
    if "parse_config" in page.locator(".issue-text").inner_text():
        button(page, "All Correct").click()
        page.get_by_label("Fully Resolved").check()
        expect(page.get_by_label("If incorrect, briefly describe the error")).to_be_hidden()
    else:
        first_error(page, 2).click()
        page.get_by_label("Not Resolved").check()
        page.get_by_label("If incorrect, briefly describe the error").fill("The wrong line was changed")
    saved(page)


def submit(page: Page) -> None:
    address = page.url
    # The document's project asks for 20 seconds of reading.
    expect(page.locator("#wait")).to_be_hidden(timeout=30_000)
    button(page, "Submit").click()
    button(page, "Confirm").click()
    page.wait_for_url(lambda url: url != address)


def do_the_main_job(work: Installation, chromium: Browser) -> None:
    work.start_detached()
    assert "/login-link/" in (work.folder / "potato.log").read_text()
    first, second = (sign_in(chromium.new_context(), work.url, name) for name in ("reviewer1", "reviewer2"))
    # Three items, of which one is for both: four labels, whoever gets which.
    while working := [page for page in (first, second) if "/label/" in page.url]:
        for page in working:
            answer(page)
        for page in working:
            submit(page)
    for page in (first, second):
        button(page, "Start").click()
        expect(page.locator("body")).to_contain_text("Thank you!")
        page.context.close()

    status = work.shell("potato status config.yaml")
    assert "1 of 1 finished" in status
    agreement = work.shell("potato agreement config.yaml --metric krippendorff_alpha")
    assert "krippendorff_alpha" in agreement
    assert "undefined" in agreement  # both said the same of the one trace they share: nothing to disagree on
    work.shell("potato export --format prm --project ./output/ --output ./training_data/prm_labels.jsonl")
    exported = {line["trace_id"]: line for line in work.lines("training_data/prm_labels.jsonl")}
    promised = json.loads((DOCUMENTS / "prm_line.json").read_text())
    line = exported["trace_001"]
    assert {key: line[key] for key in promised if key != "steps"} == {k: v for k, v in promised.items() if k != "steps"}
    assert exported["trace_002"]["first_error_step"] == 2
    assert exported["trace_002"]["total_steps"] == 30
    assert exported["trace_002"]["error_description"] == "The wrong line was changed"
    own = [work.lines(f"output/{name}/annotations.jsonl") for name in ("reviewer1", "reviewer2")]
    assert sorted(line["trace_id"] for lines in own for line in lines) == sorted([*exported, shared_by_both(own)])
    for name in SNIPPETS:
        code = (DOCUMENTS / f"{name}.txt").read_text()
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=work.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout
    work.stop()


def shared_by_both(own: list[list[dict]]) -> str:
    [shared] = set.intersection(*({line["trace_id"] for line in lines} for lines in own))
    return shared


@pytest.fixture
def services() -> Iterator[dict[str, str]]:
    """What makes the installation use this run's services: nothing on a laptop, else a database of its own."""
    if not has_services():
        yield {}
        return
    name = f"potato_{uuid.uuid4().hex[:12]}"
    server, broker = os.environ["DATABASE_URL"].rsplit("/", 1)[0], os.environ["CELERY_BROKER_URL"]
    with psycopg.connect(f"{server}/postgres", autocommit=True) as link:
        link.execute(f"CREATE DATABASE {name}")
        yield {"DATABASE_URL": f"{server}/{name}", "CELERY_BROKER_URL": broker}
        link.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_the_documents_main_job(tmp_path, services, chromium):
    work = Installation(tmp_path, services)
    try:
        do_the_main_job(work, chromium)
    finally:
        work.stop()
