"""Every test of this folder has a home of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotation.models import Project
from tests import kept
from tests.annotation.purge.projects import fill, load


@pytest.fixture(autouse=True)
def home(settings, tmp_path) -> Path:
    settings.POTATO_HOME = tmp_path / "home"
    settings.POTATO_HOME.mkdir()
    return settings.POTATO_HOME


@pytest.fixture
def theirs(tmp_path, home) -> Project:
    """Another project, in which the same people label."""

    def make() -> Project:
        project = load(tmp_path / "theirs", home, "Theirs")
        fill(project)
        return project

    return kept.again("theirs", tmp_path, make)
