"""``potato start`` as a person runs it: it serves, says where, refuses what it must, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.migrated import put_home
from tests.ports import free_port

CONFIG = """\
project_name: Start test
port: {port}
data:
  input_path: ./traces.jsonl
annotation_schemes:
  - annotation_type: radio
    name: outcome
    label: Did it work?
    options:
      - {{value: "yes", text: "Yes"}}
      - {{value: "no", text: "No"}}
annotators:
  - {{username: reviewer1, password: pw_reviewer1}}
"""
TRACE = {"id": "t1", "issue_description": "x", "structured_turns": [{"type": "assistant_message", "content": "done"}]}

# Long enough for a machine with much else to do; nobody waits so long for what works.
PATIENCE = 120

pytestmark = [pytest.mark.faults, pytest.mark.apart]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def folder(tmp_path: Path, port: int) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG.format(port=port))
    (tmp_path / "traces.jsonl").write_text(json.dumps(TRACE) + "\n")
    return tmp_path


@pytest.fixture
def started_before(folder: Path) -> None:
    """The home has its tables: making them was most of a start, and what these tests are about comes after it."""
    put_home(folder / "output" / ".potato")


class Potato:
    """One ``potato start`` (or another command that serves) and what it has printed."""

    def __init__(self, folder: Path, *arguments: str, command=("start", "config.yaml"), **options) -> None:
        self.log = folder / "potato.log"
        # As outside the tests: its own home beside the output, its own secret key, a laptop's settings.
        ours = ("POTATO_", "SECRET_", "DJANGO_", "DATABASE_", "CELERY_")
        own = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        own["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from potato_site.cli import main; main()", *command, *arguments],
                cwd=folder,
                env=own,
                stdout=log,
                stderr=subprocess.STDOUT,
                **options,
            )

    @property
    def text(self) -> str:
        return self.log.read_text()

    def wait_until_ready(self) -> None:
        until(lambda: "Ready." in self.text or self.process.poll() is not None)
        assert "Ready." in self.text, self.text

    def children(self) -> list[int]:
        """Every living process below this one."""
        table = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        pairs = [tuple(map(int, line.split())) for line in table.splitlines()]
        found, todo = [], [self.process.pid]
        while todo:
            parent = todo.pop()
            below = [pid for pid, ppid in pairs if ppid == parent]
            found += below
            todo += below
        return found

    def end(self) -> None:
        below = self.children()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in below:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def potato(folder: Path) -> Iterator:
    started: list[Potato] = []

    def start(*arguments: str, **options) -> Potato:
        started.append(Potato(folder, *arguments, **options))
        return started[-1]

    yield start
    for one in started:
        one.end()


def until(condition, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"nothing happened in {seconds:.0f} s"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def status_of(url: str) -> int:
    try:
        return urllib.request.urlopen(url, timeout=60).status
    except urllib.error.HTTPError as error:
        return error.code


def test_it_serves_says_where_and_for_whom_and_ends_with_its_children(potato, port):
    server = potato()
    server.wait_until_ready()
    assert f"http://127.0.0.1:{port}" in server.text
    assert "reviewer1" in server.text
    assert "pw_reviewer1" not in server.text
    link = re.search(r"http://\S+/login-link/\S+", server.text)
    assert link, "the manager's way in"
    assert status_of(link.group()) == 200
    assert status_of(f"http://127.0.0.1:{port}/login/") == 200
    children = server.children()
    assert len(children) >= 3
    server.process.terminate()
    assert server.process.wait(timeout=PATIENCE) == 0
    until(lambda: not any(map(is_alive, children)))


@pytest.mark.usefixtures("started_before")
def test_a_proxy_of_the_environment_is_not_asked_for_the_site_itself(potato, port, monkeypatch):
    for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    server = potato()
    server.wait_until_ready()
    assert f"http://127.0.0.1:{port}" in server.text


@pytest.mark.usefixtures("started_before")
def test_the_second_start_of_a_home_is_refused_by_name(potato, port):
    first = potato()
    first.wait_until_ready()
    second = potato("-p", str(free_port()))
    assert second.process.wait(timeout=PATIENCE) == 1
    assert f"process {first.process.pid} serves it at http://127.0.0.1:{port}" in second.text


def test_a_taken_port_is_said_before_anything_is_loaded(potato, folder, port):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        server = potato()
        assert server.process.wait(timeout=PATIENCE) == 1
    assert f"port {port}" in server.text
    assert not (folder / "output" / ".potato" / "db.sqlite3").exists()


@pytest.mark.usefixtures("started_before")
def test_it_listens_on_a_name_and_a_server_process_shares_its_port_with_nobody(potato, port, tmp_path):
    first = potato("--host", "localhost")
    first.wait_until_ready()
    assert f"Open http://localhost:{port}\n" in first.text
    assert status_of(f"http://localhost:{port}/login/") == 200
    (tmp_path / "other").mkdir()
    words = ("serve", "web", "--home", "home", "--host", "localhost", "-p", str(port))
    second = Potato(tmp_path / "other", command=words)
    assert second.process.wait(timeout=PATIENCE) == 1
    told = f"potato serve: cannot listen on localhost port {port} (Address already in use): choose another port with -p"
    assert told in second.text.splitlines()


def test_a_wrong_configuration_is_not_served(potato, folder):
    (folder / "config.yaml").write_text((folder / "config.yaml").read_text().replace("radio", "radoi"))
    server = potato()
    assert server.process.wait(timeout=PATIENCE) == 1
    assert "config.yaml: line 6: annotation_schemes.0.annotation_type" in server.text
    assert "Ready." not in server.text


@pytest.mark.usefixtures("started_before")
def test_bad_lines_of_the_traces_are_named_and_the_good_ones_served(potato, folder):
    with (folder / "traces.jsonl").open("a") as traces:
        traces.write("{broken\n")
    server = potato()
    server.wait_until_ready()
    assert "traces.jsonl:2" in server.text


@pytest.mark.usefixtures("started_before")
def test_a_killed_web_server_and_worker_are_started_again(potato, port):
    server = potato()
    server.wait_until_ready()
    before = server.children()
    for pid in before:
        # The first kill already ends others: its process group goes with it.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(lambda: len(set(server.children()) - set(before)) >= 4)
    until(lambda: "starting it again" in server.text)

    def answers() -> bool:
        try:
            return status_of(f"http://127.0.0.1:{port}/login/") == 200
        except OSError:
            return False

    until(answers)


@pytest.mark.usefixtures("started_before")
def test_killing_the_command_itself_leaves_no_process_behind(potato):
    server = potato()
    server.wait_until_ready()
    children = server.children()
    server.process.kill()
    server.process.wait()
    until(lambda: not any(map(is_alive, children)))


@pytest.mark.usefixtures("started_before")
def test_it_outlives_its_terminal_under_nohup(potato):
    server = potato(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    server.wait_until_ready()
    server.process.send_signal(signal.SIGHUP)
    server.process.terminate()
    assert server.process.wait(timeout=PATIENCE) == 0
