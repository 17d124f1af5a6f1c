"""``potato start CONFIG…``: load project files into one home and serve them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from annotation import serving
from annotation.management.commands.load import load_with_bar, refuse_mistakes
from annotation.projects.config import parse
from annotation.projects.load import LoadReport
from potato_site.home import read_config
from potato_site.supervise import Address, port_number

DEFAULT_PORT = 8000


class Command(BaseCommand):
    help = "Load project files and serve them: web server and workers, until Ctrl-C."
    # The tables may not be there yet; the checks run in the processes that serve.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("config", nargs="+", help="project file (YAML); several share one home, that of the first")
        parser.add_argument("-p", "--port", type=port_number, help="port (default: the first file's port, else 8000)")
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")

    def handle(self, *args: Any, **options: Any) -> None:
        paths = [Path(name) for name in options["config"]]
        refuse_mistakes(paths, self.stderr)

        def load() -> list[LoadReport]:
            return [load_with_bar(path) for path in paths]

        address = Address(options["host"], options["port"] or port_of(paths[0]))
        serving.start(address, load, self.stdout, self.stderr)


def port_of(path: Path) -> int:
    """The port a project file asks for. A file with errors says so when it is loaded."""
    config = parse(read_config(path), path.name).config
    return (config.port if config else None) or DEFAULT_PORT
