"""What ``potato start`` and ``potato demo`` do around serving: prepare the home, load, say what was found and where."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper
from django.db import DatabaseError
from django.urls import reverse

from annotation.models import Membership, Project
from annotation.projects import registration
from potato_site.accounts.links import link_path
from potato_site.accounts.manager import ensure_manager
from potato_site.counts import plural
from potato_site.supervise import EVERYWHERE, Address, CannotServe, lock, serve

if TYPE_CHECKING:
    from annotation.projects.load import LoadReport

LOCAL_NAMES = ["localhost", "127.0.0.1", "[::1]"]
MOST_NAMES_SHOWN = 20
# Something no packet is sent to; the system only says from which of our addresses one would go.
ELSEWHERE = ("192.0.2.1", 9)

Load = Callable[[], Sequence["LoadReport"]]


def prepare() -> None:
    """Bring the database to this version's tables and make sure that somebody can manage it. Raises CommandError."""
    try:
        call_command("migrate", interactive=False, verbosity=0)
        ensure_manager()
    except (DatabaseError, OSError) as problem:
        raise CommandError(f"the database cannot be used: {problem}") from None


def start(
    address: Address,
    load: Load,
    out: OutputWrapper,
    err: OutputWrapper,
    *,
    passwords: Mapping[str, str] | None = None,
) -> None:
    """Load and serve until a signal ends it. ``passwords`` (the demo's only) are printed with the names.

    Raises CommandError: the home is in use, the port is taken, or a configuration has errors (nothing is served then).
    """
    allow_names_of(address)
    try:
        with lock(settings.POTATO_HOME, address):
            address.require_free()
            prepare()
            reports = _loaded(load)
            tell(reports, err)
            refuse_errors(reports)
            projects = [report.project for report in reports if report.project is not None]

            def ready() -> None:
                for line in welcome(address, projects, passwords or {}):
                    out.write(line)
                out.flush()

            serve(address, ready=ready, say=err.write)
    except CannotServe as problem:
        raise CommandError(str(problem)) from None


def _loaded(load: Load) -> Sequence[LoadReport]:
    try:
        return load()
    except (DatabaseError, OSError) as problem:
        raise CommandError(f"stopped: {problem}. What was read is kept; start again once this is mended") from None


def tell(reports: Sequence[LoadReport], err: OutputWrapper) -> None:
    """Every error and warning, and the records of the traces that were left out."""
    for report in reports:
        warnings = [*report.warnings, *report.told]
        for kind, notes in (("error", report.errors), ("warning", warnings), ("error", report.problems)):
            for note in notes:
                err.write(f"{kind}: {note}")
        unnamed = report.n_problems - len(report.problems)
        if unnamed > 0:
            err.write(f"error: {report.file.name}: and {plural(unnamed, 'more problem')} in its traces")


def refuse_errors(reports: Sequence[LoadReport]) -> None:
    """Raises CommandError if a configuration could not be loaded."""
    wrong = sum(len(report.errors) for report in reports)
    if wrong:
        raise CommandError(f"{plural(wrong, 'error')} in the configuration: nothing is served")


def welcome(address: Address, projects: Sequence[Project], passwords: Mapping[str, str]) -> list[str]:
    """What the person at the terminal needs: addresses, names, and the manager's way in."""
    lines = ["", *(f"Open {url}" for url in urls(address)), ""]
    for project in projects:
        lines.append(f"{project.name}: {address.url}{reverse('project', args=[project.slug])}")
        lines.append(f"  Annotators: {_people(project, passwords) or 'none yet'}")
        if form := registration.form_of(project.slug):
            lines.append(f"  Anybody may register: {address.url}{form}")
    manager = ensure_manager()
    if not manager.has_usable_password():
        lines += ["", f"Manager ({manager.username}), a link for one use within 72 hours:"]
        lines.append(f"  {address.url}{link_path(manager)}")
    return [*lines, "", "Ready. Ctrl-C stops everything."]


def _people(project: Project, passwords: Mapping[str, str]) -> str:
    members = project.memberships.filter(role=Membership.Role.ANNOTATOR, state=Membership.State.ACTIVE)
    names = list(members.order_by("id").values_list("user__username", flat=True))
    shown = [f"{name} (password {passwords[name]})" if name in passwords else name for name in names]
    more = len(shown) - MOST_NAMES_SHOWN
    return ", ".join(shown[:MOST_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


# --- names of this machine ---------------------------------------------------------------------------------


def urls(address: Address) -> list[str]:
    """Under which addresses a browser finds the site: one, unless it listens everywhere."""
    if address.host not in EVERYWHERE:
        return [address.url]
    return [address.url, *(Address(name, address.port).url for name in network_names())]


def allow_names_of(address: Address) -> None:
    """Let the web server answer to the names it is asked to listen on, unless ALLOWED_HOSTS says what is allowed."""
    if os.environ.get("ALLOWED_HOSTS") or address.host in LOCAL_NAMES:
        return
    own = network_names() if address.host in EVERYWHERE else [address.host]
    names = [f"[{name}]" if ":" in name else name for name in own]
    # The web server is a child: it reads this from its environment.
    os.environ["ALLOWED_HOSTS"] = ",".join([*LOCAL_NAMES, *names])


def network_names() -> list[str]:
    """This machine's name, and its address in the network if it has one."""
    names = [socket.gethostname().lower()]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ELSEWHERE)
            own = probe.getsockname()[0]
        except OSError:
            return names
    return names if ip_address(own).is_loopback else [own, *names]
