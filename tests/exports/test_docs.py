"""docs/exports.md says what there is: every option with its default, and snippets that run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from exports.formats import formats
from exports.options import Options, kind_of
from tests.exports.samples import sample_of

DOCS = Path(__file__).parents[2] / "docs" / "exports.md"
HEAD = "| Option | Default | What it does |\n|---|---|---|\n"


def row_of(name: str) -> str:
    field, kind = Options.model_fields[name], kind_of(name)
    default = field.get_default(call_default_factory=True)
    shown = "–" if default in (None, (), {}) else f"`{str(default).lower() if kind.base == 'flag' else default}`"
    choices = f" ({', '.join(f'`{choice}`' for choice in kind.choices)})" if kind.choices else ""
    return f"| `{name}` | {shown} | {field.description}{choices} |\n"


def test_the_table_of_options_is_that_of_the_model(request):
    table = HEAD + "".join(row_of(name) for name in Options.model_fields)
    text = DOCS.read_text()
    if request.config.getoption("--update-golden"):
        text = re.sub(re.escape(HEAD) + r"(\|.*\n)*|^OPTIONS\n", lambda _: table, text, count=1, flags=re.MULTILINE)
        DOCS.write_text(text)
    assert table in text, "--update-golden rewrites it"


@pytest.mark.slow
@pytest.mark.apart
@pytest.mark.parametrize("name", formats.names())
def test_the_snippet_of_a_format_loads_it(name, tmp_path):
    section = re.search(rf"^### `{name}`\n(.*?)(?=^##)", DOCS.read_text(), re.DOTALL | re.MULTILINE)
    snippets = re.findall(r"```python\n(.*?)```", section[1], re.DOTALL)
    assert snippets
    writer = formats.get(name)()
    for file, content in sample_of(writer).items():
        path = tmp_path / ("" if writer.file else "huggingface") / file
        path.parent.mkdir(parents=True, exist_ok=True)
        # A model of its own for swe_bench, so that its set is the one of the snippet.
        path.write_bytes(content)
    if name == "swe_bench":
        (tmp_path / "swe_bench_results.preds.jsonl").write_bytes(
            sample_of(writer)["swe_bench_results.agent__x-1.preds.jsonl"]
        )
    for snippet in snippets:
        done = subprocess.run(
            [sys.executable, "-c", snippet], cwd=tmp_path, capture_output=True, timeout=120, check=False,
            env={"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1", "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
