"""docs/architecture.md: every module of its tables is there, and so is everything that a row says it gives."""

import ast
import builtins
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
APPS = ("potato_site", "annotation", "traces", "exports")
# Where a name that a table shortens may stand.
ROW = re.compile(r"\| ((?:`[\w.]+`(?:, )?)+) \| (.*) \|")
NAME = re.compile(r"[a-zA-Z_]\w*")
SPAN = re.compile(r"`([^`]+)`")


def rows():
    for line in (ROOT / "docs" / "architecture.md").read_text().splitlines():
        if match := ROW.fullmatch(line):
            yield SPAN.findall(match[1]), match[2]


@cache
def packages():
    """Every folder of the product that holds modules, as a dotted name."""
    found = {path.parent.relative_to(ROOT) for app in APPS for path in (ROOT / app).rglob("__init__.py")}
    return sorted(".".join(folder.parts) for folder in found)


def files_of(module, beside=""):
    """The files of a module, or of a package with what lies in it; ``beside`` is the package where nothing says it."""
    for name in (module, f"{beside}.{module}"):
        path = ROOT / name.replace(".", "/")
        if path.with_suffix(".py").is_file():
            return [path.with_suffix(".py")]
        if (path / "__init__.py").is_file():
            return sorted(path.rglob("*.py"))
    return []


@cache
def names_in(path):
    """What a file defines, takes or writes down: functions, classes, parameters, variables, fields, keys."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.arg() | ast.keyword():
                names.add(node.arg)
            case ast.Name(ctx=ast.Store()):
                names.add(node.id)
            case ast.Attribute():
                names.add(node.attr)
            case ast.alias():
                names.add((node.asname or node.name).rpartition(".")[2])
            case ast.Constant(value=str() as text) if len(text) < 80:
                names.update(re.findall(r"\w+", text))
    return names


@cache
def functions():
    """Every function of the product, by its name and as ``module.name``."""
    found = set()
    for path in (path for app in APPS for path in (ROOT / app).rglob("*.py")):
        here = {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}
        found |= here | {f"{path.stem}.{name}" for name in here}
    return found


ROWS = list(rows())


@pytest.mark.parametrize(("modules", "told"), ROWS, ids=[" ".join(modules) for modules, _ in ROWS])
def test_what_a_table_names_exists(modules, told):
    if not (beside := package_of(modules[0])):
        # A row about functions: which rows of the database they lock.
        assert set(modules) <= functions()
        return
    known = set(dir(builtins)) | {"Http404", *names_in(ROOT / "potato_site" / "settings.py")}
    known |= {name.rpartition(".")[2] for name in packages()}
    for module in modules:
        files = files_of(module, beside)
        assert files, f"there is no module {module}"
        known |= {path.stem for path in files[0].parent.glob("*.py")}.union(*map(names_in, files))
    spans = SPAN.findall(told)
    # A row may send its reader to another module, and name what is there.
    for span in spans:
        known |= set().union(*map(names_in, files_of(span))) if "." in span else set()
    # Also ``chunks.markdown_html(``: a function of another module.
    named = [name for span in spans for name in re.findall(r"(?:\w+\.)?[A-Za-z_]\w*(?=\()", span)]
    named += [span for span in spans if NAME.fullmatch(span)]
    unknown = [name for name in named if name.rpartition(".")[2] not in known]
    assert not [name for name in unknown if "." not in name or name not in functions()]


def package_of(module):
    """The package in which the first module of a row lies; "" for what is no module."""
    for package in ("", "potato_site.api", *packages()):
        if files_of(module, package):
            return package if "." not in module else module.rpartition(".")[0]
    return ""


def test_the_tables_are_read():
    assert len(ROWS) > 40
