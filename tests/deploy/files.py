"""What the files of deploy/ say, for the tests of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

CLONE = Path(__file__).resolve().parents[2]
DEPLOY = CLONE / "deploy"


def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yml").read_text())


def command_of(service: str) -> list[str]:
    """The command that compose runs for a service of the site."""
    return list(compose()["services"][service]["command"])


def site_services() -> dict[str, dict[str, Any]]:
    """The services that run this program."""
    return {name: told for name, told in compose()["services"].items() if told["image"] == "potato-site"}
