"""docs/commands.md has every command and every option, and no other."""

import re
import shlex
from pathlib import Path

import pytest

from exports.options import Options
from potato_site import cli

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "commands.md").read_text()
SECTIONS = dict(re.findall(r"^## `potato ([a-z-]+)[^`]*`\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
# The documents' commands as they stand there, of one line each.
COMMISSIONED = (
    (Path(__file__).parents[1] / "documents" / "commands.sh")
    .read_text()
    .replace("\\\n", "")
    .replace("nohup ", "")
    .splitlines()
)
CONVERTERS = re.findall(r"^\| `(--[a-z-]+)", (DOCS / "converters.md").read_text(), re.MULTILINE)
OPTION = re.compile(r"^\| (?:`-[a-z]`, )?`(--[a-z-]+)", re.MULTILINE)


def parser_of(name):
    command = cli._load(name)
    command.suppressed_base_arguments = cli.DJANGO_OPTIONS
    return command.create_parser("potato", name)


def own_options(name):
    """Its long options in the first of their spellings, without those that every command of Django has."""
    django = {"--help", *cli.DJANGO_OPTIONS}
    found = (
        next((one for one in action.option_strings if one.startswith("--")), None)
        for action in parser_of(name)._actions
    )
    return {one for one in found if one and one not in django and not one.startswith("--no_")}


def test_every_command_has_a_section():
    assert sorted(SECTIONS) == sorted(cli._names())


@pytest.mark.parametrize("name", cli._names())
def test_a_section_has_the_options_of_its_command(name):
    told = OPTION.findall(SECTIONS[name])
    assert len(told) == len(set(told))
    elsewhere = {"export": [f"--{field}" for field in Options.model_fields], "convert-traces": CONVERTERS}.get(name, [])
    options = own_options(name) - {"--home"}
    if name == "export":
        elsewhere = [one for one in elsewhere if one != "--traces"]
    assert sorted([*told, *elsewhere]) == sorted(options)
    assert ("No options of its own" in SECTIONS[name]) == (not options)


def test_the_common_options_are_those_of_the_commands_that_are_named():
    without = {name for name in cli._names() if cli._command(name) in cli.NEED_NO_HOME}
    assert without == {"check", "convert-traces"}
    none = {
        name
        for name in cli._names()
        if name not in without and "project" not in cli._add_common_options(parser_of(name), name)
    }
    assert none == {"demo", "export", "token"}


@pytest.mark.parametrize("line", [line for line in COMMISSIONED if line.startswith("potato ")])
def test_a_command_of_the_commissioned_documents_is_one(line):
    name, *words = shlex.split(line.split(" > ")[0])[1:]
    parser_of(name).parse_args(words)


def test_readme_leads_to_it():
    assert "[docs/commands.md](docs/commands.md)" in (DOCS.parent / "README.md").read_text()
