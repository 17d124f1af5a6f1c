"""One machine, one command: the lock of a home, and the processes of ``potato start``.

The web server and two workers are children of one process. A child that ends is started again, later each time;
SIGTERM or Ctrl-C ends them all, by force after ten seconds. Each child holds the reading end of a pipe whose other end
is here, so that it notices when this process is gone, even by kill -9.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

GRACE_SECONDS = 10.0
POLL_SECONDS = 0.2
# A child that lived so long is well: its next end starts the backoff anew.
WELL_AFTER_SECONDS = 60.0
LONGEST_BACKOFF_SECONDS = 30.0
# Ends of the web server before it ever answered: then something is wrong that waiting will not mend.
MAX_FALSE_STARTS = 3
MAX_PORT = 65535
# Names for every interface, and how this machine calls itself then.
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  only if asked for with --host
# A proxy that the environment names knows nothing of this machine.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class CannotServe(Exception):
    """The home is served already, the port is taken, or the server does not come up. ``str()`` is a sentence."""


@dataclass(frozen=True)
class Address:
    host: str
    port: int

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        host = EVERYWHERE.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def number(self) -> str:
        """The host as the web server takes it, an IP address: of a name the first, IPv4 before IPv6.

        Raises CannotServe for a name without an address.
        """
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise CannotServe(
                f"cannot listen on {self.host}: no address has that name; choose another --host"
            ) from None
        return str(min(found, key=lambda one: one[0] is not socket.AF_INET)[4][0])

    def require_free(self) -> None:
        """Raises CannotServe if somebody listens there, or nobody may. The web server itself would share the port."""
        number = self.number
        family = socket.AF_INET6 if ":" in number else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((number, self.port))
            except OSError as problem:
                other = "--host" if problem.errno == errno.EADDRNOTAVAIL else "port with -p"
                raise CannotServe(
                    f"cannot listen on {self.host} port {self.port} ({problem.strerror}): choose another {other}"
                ) from None


def port_number(text: str) -> int:
    """A port as a command line names it. Raises ArgumentTypeError."""
    if text.isdecimal() and 1 <= int(text) <= MAX_PORT:
        return int(text)
    raise ArgumentTypeError(f"{text!r} is no port, a whole number from 1 to {MAX_PORT}")


@contextmanager
def lock(home: Path, address: Address) -> Iterator[None]:
    """Hold the home's lock: one ``potato start`` at a time. Raises CannotServe, naming who holds it."""
    with (home / "lock").open("a+") as file:
        _take(file, home, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "url": address.url}))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


@contextmanager
def unserved(home: Path) -> Iterator[None]:
    """Nobody may serve the home meanwhile. Raises CannotServe, naming who does."""
    with (home / "lock").open("a+") as file:
        _take(file, home, fcntl.LOCK_EX)
        yield


def hold_for_exec(home: Path) -> None:
    """Share the home's lock with the other processes of ``potato serve``, beyond an exec, until this process ends.

    Raises CannotServe while ``potato start`` or a restore has it.
    """
    handle = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(os.dup(handle), "r+") as file:
        _take(file, home, fcntl.LOCK_SH)
    os.set_inheritable(handle, True)


def served_at(home: Path) -> str | None:
    """The address of the running ``potato start`` of this home, if there is one."""
    try:
        with (home / "lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _holder(home)
        return holder["url"] if holder else None
    except OSError:
        pass
    return None


def _take(file: IO[str], home: Path, kind: int) -> None:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _holder(home)
        who = f"process {holder['pid']} serves it at {holder['url']}" if holder else "another process serves it"
        raise CannotServe(f"{home} is in use: {who}") from None


def _holder(home: Path) -> dict[str, str] | None:
    try:
        return json.loads((home / "lock").read_text())
    except (OSError, ValueError):
        return None


@dataclass
class Child:
    """One process, started again when it ends."""

    name: str
    arguments: list[str]
    process: subprocess.Popen[bytes] | None = None
    lifeline: int = -1
    started_at: float = 0.0
    ends: int = 0
    next_start_at: float = field(default=0.0)

    def start(self) -> None:
        read_end, self.lifeline = os.pipe()
        try:
            self.process = subprocess.Popen(  # noqa: S603  our own interpreter and module
                [sys.executable, "-m", "potato_site.child", *self.arguments],
                env=child_environment() | {"POTATO_LIFELINE": str(read_end)},
                stdin=subprocess.DEVNULL,
                pass_fds=[read_end],
                start_new_session=True,
            )
        finally:
            os.close(read_end)
        self.started_at = time.monotonic()

    def reap(self) -> int | None:
        """The exit code if the child has ended since the last look; its own children go with it."""
        code = self.process.poll() if self.process else None
        if code is None or self.process is None:
            return None
        self.kill()
        lived = time.monotonic() - self.started_at
        self.ends = 1 if lived > WELL_AFTER_SECONDS else self.ends + 1
        self.next_start_at = time.monotonic() + min(2.0 ** (self.ends - 1), LONGEST_BACKOFF_SECONDS)
        return code

    def terminate(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()

    def kill(self) -> None:
        """End the whole process group, and forget it."""
        if self.process:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            os.close(self.lifeline)
        self.process = None


def child_environment() -> dict[str, str]:
    """Ours; in a clone that is not installed, with the clone on the path."""
    clone = Path(__file__).resolve().parent.parent
    if not (clone / "manage.py").is_file():
        return dict(os.environ)
    path = os.pathsep.join(filter(None, [str(clone), os.environ.get("PYTHONPATH")]))
    return os.environ | {"PYTHONPATH": path}


def serve(address: Address, *, ready: Callable[[], None], say: Callable[[str], None]) -> None:
    """Serve until a signal ends it. Calls ``ready`` once the site answers. Raises CannotServe if it never does."""
    web = Child("web server", ["web", address.number, str(address.port)])
    children = [web, Child("worker", ["worker", "fast"]), Child("bulk worker", ["worker", "bulk"])]
    with ExitStack() as stack:
        stop_asked = stack.enter_context(_signals())
        stack.callback(_stop, children)
        is_ready = False
        while not stop_asked():
            for child in children:
                _tend(child, say)
            if not is_ready and web.ends >= MAX_FALSE_STARTS:
                raise CannotServe("the web server does not come up: see its messages above")
            if not is_ready and answers(address.url):
                is_ready = True
                ready()
            time.sleep(POLL_SECONDS)


def answers(url: str) -> bool:
    """Whether a web server answers there, with whatever."""
    try:
        DIRECT.open(f"{url}/login/", timeout=2).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _tend(child: Child, say: Callable[[str], None]) -> None:
    code = child.reap()
    if code is not None:
        wait = child.next_start_at - time.monotonic()
        say(f"The {child.name} ended ({describe_exit(code)}); starting it again in {wait:.0f} s.")
    if child.process is None and time.monotonic() >= child.next_start_at:
        child.start()


def describe_exit(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"


def _stop(children: list[Child]) -> None:
    """All at once; who is not gone after the grace time is killed."""
    for child in children:
        child.terminate()
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline and any(c.process and c.process.poll() is None for c in children):
        time.sleep(POLL_SECONDS / 4)
    for child in children:
        child.kill()


@contextmanager
def _signals() -> Iterator[Callable[[], bool]]:
    """Collect the signals that mean "stop". One that was ignored before (nohup) stays ignored."""
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    caught = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    # A shell ignores SIGINT for what it starts with "&": it must then end by SIGTERM only.
    for number in caught:
        signal.signal(number, note)
    try:
        yield lambda: bool(asked)
    finally:
        for number in caught:
            signal.signal(number, before[number])
