"""Uploads through a real server: flat memory, a sender that vanishes, a body that is refused before it is read."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from potato_site.api import tokens
from tests.api.people import member
from tests.factory import make_project, make_trace
from tests.faults.server import WebServer
from traces.models import Import

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
MB = 1024 * 1024
SIZE_MB, GROWN_MB = 120, 30


@pytest.fixture
def home(settings, tmp_path, monkeypatch) -> Path:
    settings.POTATO_HOME = tmp_path / "home"
    settings.POTATO_HOME.mkdir()
    monkeypatch.setenv("POTATO_HOME", str(settings.POTATO_HOME))
    return settings.POTATO_HOME


@pytest.fixture
def server(home) -> Iterator[WebServer]:
    server = WebServer()
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path)


@pytest.fixture
def headers(project) -> dict[str, str]:
    secret = tokens.make(member("mia", project), scopes=["import"])[1]
    return {"Authorization": f"Bearer {secret}", "Content-Type": "application/x-ndjson"}


def address(project) -> str:
    return f"/api/v1/datasets/{project.dataset_id}/traces"


def post(server, project, headers, body, *, chunked: bool = False) -> tuple[int, dict]:
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    try:
        link.request("POST", address(project), body, headers, encode_chunked=chunked)
        response = link.getresponse()
        return response.status, json.loads(response.read())
    finally:
        link.close()


def line(number: int) -> bytes:
    return json.dumps(make_trace(f"t{number}", note="x" * MB)).encode() + b"\n"


def kept(home: Path) -> list[str]:
    folder = home / "uploads"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def peak_mb(server: WebServer) -> float:
    """The highest memory of the server's processes so far, together."""
    assert server.process is not None
    pids = [server.process.pid]
    for pid in pids:
        pids += [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    status = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
    return sum(int(text.split("VmHWM:")[1].split()[0]) for text in status) / 1024


def until(condition, seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def accepted(server, project, headers) -> bool:
    """Whether an upload goes through; a server that is just starting may still drop a connection."""
    try:
        return post(server, project, headers, line(1))[0] == 202
    except (OSError, http.client.HTTPException):
        return False


def begin(server, project, headers, announced: str, body: bytes) -> socket.socket:
    """Send the head of an upload and a first part of it."""
    link = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    link.sendall(f"POST {address(project)} HTTP/1.1\r\nHost: localhost\r\n{head}{announced}\r\n\r\n".encode() + body)
    return link


def test_a_large_upload_costs_the_server_no_memory(server, project, headers, home):
    assert post(server, project, headers, line(0))[0] == 202
    before = peak_mb(server)
    body = b"".join(line(number) for number in range(SIZE_MB))
    status, shown = post(server, project, headers, body)
    assert status == 202
    assert (home / "uploads" / str(shown["id"])).stat().st_size == len(body)
    assert peak_mb(server) - before < GROWN_MB
    # In chunks, of no announced length.
    pieces = [body[at : at + MB] for at in range(0, len(body), MB)]
    checksum = {"X-Content-SHA256": hashlib.sha256(body).hexdigest(), "Transfer-Encoding": "chunked"}
    status, again = post(server, project, headers | checksum, iter(pieces), chunked=True)
    assert (status, again["id"], again["is_new"]) == (202, shown["id"], False)
    assert peak_mb(server) - before < GROWN_MB


@pytest.mark.parametrize(
    "announced", ["Content-Length: 8000000", "Transfer-Encoding: chunked\r\nX-Content-SHA256: " + "0" * 64]
)
def test_a_sender_that_vanishes_half_way_leaves_nothing(server, project, headers, home, announced):
    half = line(0) * 4
    if "chunked" in announced:
        half = f"{len(half):x}\r\n".encode() + half + b"\r\n"
    before = Import.objects.count()
    link = begin(server, project, headers, announced, half)
    assert until(lambda: kept(home) != []), "the upload never began: the test proves nothing"
    link.close()
    assert until(lambda: kept(home) == [])
    assert Import.objects.count() == before
    assert post(server, project, headers, line(1))[0] == 202


def test_what_is_announced_too_large_is_refused_at_once(server, project, headers, home):
    link = begin(server, project, headers, f"Content-Length: {2 * 1000**3 + 1}", b"")
    answer = link.recv(4096).decode()
    link.close()
    assert " 413 " in answer.splitlines()[0]
    assert kept(home) == []


def test_the_sender_of_a_wrong_file_hears_why(server, project, headers, home):
    status, problem = post(server, project, headers, b"PK\x03\x04" + b"\x00" * 3 * MB)
    assert status == 422
    assert "ZIP" in problem["detail"]
    assert kept(home) == []


def test_a_server_that_is_killed_while_one_arrives_keeps_no_half_of_it(server, project, headers, home):
    before = Import.objects.count()
    link = begin(server, project, headers, "Content-Length: 8000000", line(0) * 4)
    assert until(lambda: kept(home) != [])
    server.kill()
    link.close()
    assert Import.objects.count() == before
    assert all(name.startswith(".unfinished-") for name in kept(home))
    server.start()
    assert until(lambda: accepted(server, project, headers))
