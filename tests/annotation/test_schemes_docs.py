"""docs/schemes.md: its examples are the files themselves, and it names all of the contract."""

import re
from pathlib import Path

import pytest

from annotation.schemes import schemes
from annotation.schemes.base import Scheme

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "schemes.md").read_text()
PLUGIN = ROOT / "tests" / "plugins" / "step_comments"
BLOCKS = re.findall(r"```\w+\n(.*?)\n```", PAGE, re.DOTALL)
EXAMPLES = [
    ROOT / "annotation" / "schemes" / "select.py",
    PLUGIN / "pyproject.toml",
    PLUGIN / "potato_step_comments" / "scheme.py",
    PLUGIN / "potato_step_comments" / "templates" / "potato_step_comments" / "step.html",
    PLUGIN / "potato_step_comments" / "static" / "potato_step_comments" / "comments.js",
]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_the_file_itself(path):
    assert path.read_text().rstrip() in BLOCKS


def test_every_part_of_the_contract_is_named():
    inherited = set(dir(Scheme.__mro__[1]))
    own = {name for name in vars(Scheme) if not name.startswith("_") and name not in inherited}
    own |= {name for name in Scheme.__class_vars__ if not name.startswith("_")}
    named = set(re.findall(r"`(\w+)(?:\([^)]*\))?`", PAGE))
    assert own - named - set(Scheme.model_fields) == set()


@pytest.mark.parametrize(
    "name", [name for name, scheme in schemes.items() if scheme.__module__.startswith("annotation.")]
)
def test_every_built_in_scheme_is_listed(name):
    module = schemes.get(name).__module__.rsplit(".", 1)[1]
    assert f"`{module}.py`" in PAGE
    assert re.search(rf"^#+ .*`{name}`", (ROOT / "docs" / "configuration.md").read_text(), re.MULTILINE)
