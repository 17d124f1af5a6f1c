"""Ready-made sets of questions for a new project: one YAML file each, in the words of a configuration file.

``title`` and ``about`` are for the person who chooses; all the rest is the configuration. A set that asks a question of
a kind this installation cannot ask is not offered.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from annotation.projects.config import ProjectConfig
from annotation.schemes import schemes

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Preset:
    """A set of questions. ``name`` is its file's name."""

    name: str
    title: str
    about: str
    config: dict[str, Any]

    def configure(self, project_name: str) -> ProjectConfig:
        return ProjectConfig.from_plain({"project_name": project_name, "data": {}, **self.config})

    @property
    def questions(self) -> list[str]:
        """What annotators are asked."""
        return [scheme.get("label", scheme["name"]) for scheme in self.config["annotation_schemes"]]


@cache
def presets() -> dict[str, Preset]:
    """The sets this installation can ask, in the order of their files."""
    found = (_read(path) for path in sorted(FOLDER.glob("*.yaml")))
    return {preset.name: preset for preset in found if _can_be_asked(preset)}


def _read(path: Path) -> Preset:
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    # Files are numbered: 1_first_error.yaml.
    return Preset(path.stem.split("_", 1)[1], raw.pop("title"), raw.pop("about"), raw)


def _can_be_asked(preset: Preset) -> bool:
    return all(scheme["annotation_type"] in schemes for scheme in preset.config["annotation_schemes"])
