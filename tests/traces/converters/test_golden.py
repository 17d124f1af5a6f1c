"""Every converter's samples, and what holds for all converters. ``--update-golden`` rewrites what is expected.

How a case is laid out is written in golden.py.
"""

import pytest

from potato_site.canonical import canonical
from tests.traces.converters.golden import CASES, case_id, cases_of, converted
from tests.traces.converters.kept import as_sets, found_in
from tests.traces.converters.kept_table import table, written
from traces.converters import Converter, converters
from traces.document import normalize


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_a_sample_converts_to_what_is_expected(case, pytestconfig):
    documents, problems, _ = converted(case)
    found = {
        case / "expected.jsonl": b"".join(canonical(doc) + b"\n" for doc in documents),
        case / "expected.problems": "".join(f"{item.severity}: {item}\n" for item in problems).encode(),
    }
    for expected, content in found.items():
        if pytestconfig.getoption("--update-golden"):
            expected.unlink(missing_ok=True)
            if content or expected.suffix == ".jsonl":
                expected.write_bytes(content)
        assert content == (expected.read_bytes() if expected.exists() else b""), expected.name


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_what_a_sample_becomes_is_a_valid_document_of_its_format(case):
    documents, _, report = converted(case)
    for doc in documents:
        assert normalize(doc) == doc
    assert case.parent.name in report.formats


@pytest.mark.parametrize("name", converters.names())
def test_every_converter_has_its_own_name_and_a_sample(name):
    assert converters.get(name).name == name
    assert cases_of(name), f"no sample in tests/golden/converters/{name}/"


def test_a_converter_that_does_not_say_how_is_none():
    with pytest.raises(TypeError, match="convert"):
        type("Half", (Converter,), {"name": "half", "version": "1", "detect": lambda self, source: False})()


@pytest.mark.parametrize("name", converters.names())
def test_what_a_converter_says_it_keeps_is_what_its_samples_hold(name):
    converter = converters.get(name)
    documents = [doc for case in cases_of(name) for doc in converted(case)[0]]
    if name == "native":
        assert converter.keeps is None  # all there is
    elif converter.attaches:
        assert as_sets(converter.keeps)[0] <= as_sets(found_in(documents))[0]
    else:
        found = found_in(doc for doc in documents if doc["source"]["format"] == name)
        assert as_sets(found) == as_sets(converter.keeps)


def test_the_table_in_the_documents_is_made_from_the_code(pytestconfig):
    if pytestconfig.getoption("--update-golden"):
        written(table())
    assert written() == table()
