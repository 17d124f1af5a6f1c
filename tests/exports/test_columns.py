"""Columns of Arrow from Python values: what pyarrow makes of them, without pandas."""

import subprocess
import sys

import pyarrow as pa
import pytest

from exports.columns import column

TEXTS = ["a", "", "日本\u2028語", None, "x" * 300]
VALUES = [
    (pa.string(), TEXTS),
    (pa.int64(), [1, None, -(2**63), 0]),
    (pa.float64(), [0.5, None, 1e300, 0.0]),
    (pa.bool_(), [True, False, None, *[True] * 8, False]),
    (pa.list_(pa.string()), [TEXTS, [], None, ["b"]]),
    (pa.list_(pa.int64()), [[1, None], [2]]),
    (pa.list_(pa.float64()), [[0.5, None], None]),
]


@pytest.mark.parametrize(("kind", "values"), VALUES, ids=lambda given: str(given)[:20])
def test_it_is_what_pyarrow_makes(kind, values):
    for some in (values, [value for value in values if value is not None], values[:1], []):
        made = column(some, kind)
        made.validate(full=True)
        assert made.equals(pa.array(some, kind))


@pytest.mark.slow
def test_an_export_for_a_hub_does_not_import_pandas():
    code = """
import sys
import django
django.setup()
from exports.formats import formats
from tests.exports.samples import sample_of
files = sample_of(formats.get("huggingface")())
assert any(name.endswith(".parquet") for name in files)
print(sorted({"pandas", "pyarrow"} & sys.modules.keys()))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "['pyarrow']\n"
