"""The wheel, installed without the clone: it holds templates and static files, and its commands run."""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

CLONE = Path(__file__).resolve().parents[2]
TRACE = {"id": "t1", "issue_description": "x", "structured_turns": [{"type": "assistant_message", "content": "done"}]}

pytestmark = [pytest.mark.faults, pytest.mark.apart]


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """With nothing of the tests' environment, and outside the clone."""
    outside = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return subprocess.run(list(map(str, command)), cwd=cwd, env=outside, capture_output=True, text=True, timeout=240)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = run(
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps", "--no-index"),
        *("-w", folder, CLONE),
        cwd=folder,
    )
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A fresh environment's ``bin``. What the package depends on comes from the environment of the tests."""
    folder = tmp_path_factory.mktemp("outside")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    (packages,) = folder.glob("venv/lib/python3*/site-packages")
    # Installed by pip before the others become visible: it would find the clone there and be content.
    done = run(
        *(sys.executable, "-m", "pip", "--python", folder / "venv" / "bin" / "python", "install", "--quiet"),
        *("--no-deps", "--no-index", f"{wheel}[coding-agents]"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    return folder / "venv" / "bin"


def test_the_wheel_holds_templates_static_files_and_the_demo(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    clone = {str(path.relative_to(CLONE)) for path in (CLONE / "templates").rglob("*.html")}
    assert {f"potato_site/{name}" for name in clone} <= names
    apps = ("potato_site", "annotation", "traces", "exports")
    static = {str(p.relative_to(CLONE)) for app in apps for p in (CLONE / app).glob("static/**/*") if p.is_file()}
    assert static <= names
    assert "annotation/demo/traces.jsonl" in names
    assert not [name for name in names if name.startswith(("tests", "templates"))]


def test_the_command_says_its_version(installed, tmp_path):
    done = run(installed / "potato", "--version", cwd=tmp_path)
    assert (done.returncode, done.stdout.split()[0]) == (0, "potato-site")


def test_it_runs_from_the_installed_package_and_finds_its_pages(installed, tmp_path):
    program = (
        "import django, potato_site; django.setup();"
        "from django.template.loader import get_template; from django.contrib.staticfiles import finders;"
        "print(potato_site.__file__); print(get_template('base.html').origin.name);"
        "print(finders.find('potato/site.css')); print(finders.find('traces/trace.css'))"
    )
    done = run(
        *("env", "DJANGO_SETTINGS_MODULE=potato_site.settings", f"SECRET_KEY={'x' * 40}", f"POTATO_HOME={tmp_path}"),
        *(installed / "python", "-c", program),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert [path for path in done.stdout.split() if not path.startswith(str(installed.parent))] == []


def test_it_converts_traces_outside_the_clone(installed, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_text(json.dumps(TRACE) + "\n")
    output = tmp_path / "made" / "out.jsonl"
    done = run(
        *(installed / "potato", "convert-traces", "--format", "native", "--input", "in", "--output", output),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(output.read_text())["id"] == "t1"


def test_it_loads_the_demo_outside_the_clone(installed, tmp_path):
    done = run(installed / "potato", "demo", "--load-only", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "potato-demo" / ".potato" / "db.sqlite3").is_file()
