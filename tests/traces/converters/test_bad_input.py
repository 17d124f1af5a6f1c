"""Files that are not as their format says: each is named or read as far as it goes, and nothing else suffers."""

import json
import random
import time

import pytest

from potato_site.canonical import canonical
from tests.factory import make_trace
from tests.traces.converters.golden import CASES
from traces.convert import convert_path
from traces.converters import converters
from traces.jsonl import MAX_LINE_BYTES
from traces.source import Source

NAMES = converters.names()


def _samples():
    """One file of each kind, by its ending, of each format's samples: enough for what is done to its bytes."""
    found = {}
    for case in CASES:
        for path in sorted((case / "input").rglob("*")):
            if path.is_file():
                found.setdefault((case.parent.name, path.suffix), path)
    return list(found.values())


SAMPLES = _samples()


def sample_id(path):
    parts = path.parts[path.parts.index("golden") + 2 :]
    return f"{parts[0]}-{parts[-1]}"


def convert(folder, **options):
    documents, problems = [], []
    convert_path(folder, on_document=documents.append, on_problem=problems.append, **options)
    return documents, [str(problem) for problem in problems]


@pytest.fixture
def beside(tmp_path):
    """``beside(name, content)``: what a folder with this file and a good one gives. The good one is always there."""
    (tmp_path / "good.jsonl").write_text(json.dumps(make_trace("good")) + "\n")

    def run(name, content, **options):
        (tmp_path / name).write_bytes(content)
        documents, problems = convert(tmp_path, **options)
        assert any(doc["id"] == "good" for doc in documents) or options
        assert not [text for text in problems if "the converter failed" in text]
        return [doc for doc in documents if doc["id"] != "good"], problems

    return run


@pytest.mark.parametrize("path", SAMPLES, ids=sample_id)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_file_that_is_cut_is_read_as_far_as_it_goes_or_named(beside, path, share):
    raw = path.read_bytes()
    documents, problems = beside(path.name, raw[: int(len(raw) * share)])
    assert documents or problems


@pytest.mark.parametrize("path", [path for path in SAMPLES if path.suffix != ".eval"], ids=sample_id)
def test_a_byte_order_mark_and_crlf_change_nothing(beside, path):
    raw = path.read_bytes()
    plain, _ = beside(path.name, raw)
    crlf, _ = beside(path.name, b"\xef\xbb\xbf" + raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    steps = [[step["type"] for step in doc.get("structured_turns", ())] for doc in plain]
    assert [[step["type"] for step in doc.get("structured_turns", ())] for doc in crlf] == steps


@pytest.mark.parametrize("path", SAMPLES, ids=sample_id)
@pytest.mark.parametrize(
    "junk", [b"\xff\xfe\x80", b"\x00", b"NaN", b"\\ud800", b"\\u0000", b"[[[[", b'{"a":', b"\n\n\n"], ids=repr
)
def test_junk_in_a_file_stops_nothing(beside, path, junk):
    raw, seed = path.read_bytes(), random.Random(path.name)
    for _ in range(3):
        at = seed.randrange(len(raw) + 1)
        beside(path.name, raw[:at] + junk + raw[at:])


def in_a_text(raw, piece):
    """``piece`` within a text in the middle of the file."""
    at = raw.find(b'": "', len(raw) // 2)
    at = at + 4 if at >= 0 else len(raw) // 2
    return raw[:at] + piece + raw[at:]


DAMAGES = {
    "last line cut": lambda raw: raw.rstrip()[:-7],
    "bad UTF-8": lambda raw: in_a_text(raw, b"\xff\xfe\x80"),
    "lone surrogate": lambda raw: in_a_text(raw, b"\\ud800"),
    "surrogate in UTF-8": lambda raw: in_a_text(raw, b"\xed\xa0\x80"),
    "NUL": lambda raw: in_a_text(raw, b"\x00"),
    "NUL as JSON": lambda raw: in_a_text(raw, b"\\u0000"),
    "NaN": lambda raw: raw + b'\n{"a": NaN, "b": -Infinity, "c": 1e999}\n',
    "long line": lambda raw: raw + b'\n{"a": "' + b"x" * 3_000_000 + b'"}\n',
    "deep nesting": lambda raw: raw + b'\n{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
    "first line only": lambda raw: raw.split(b"\n")[0] + b"\n",
    "empty": lambda raw: b"",
    "picture": lambda raw: b"\x89PNG\r\n\x1a\n" + raw[::-1],
}


@pytest.mark.parametrize("path", SAMPLES, ids=sample_id)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_gives_what_can_be_stored_or_is_named(beside, path, damage):
    documents, problems = beside(path.name, DAMAGES[damage](path.read_bytes()))
    assert documents or [text for text in problems if text.startswith(path.name)]
    for doc in documents:
        # Neither database stores a NUL, and no JSON reader takes NaN or half a character.
        stored = canonical(doc).decode()
        assert "\\u0000" not in stored.replace("\\\\", "")
        json.loads(stored, parse_constant=pytest.fail)


@pytest.mark.parametrize("name", NAMES)
def test_every_converter_has_a_sample_to_damage(name):
    assert [path for path in SAMPLES if name in path.parts]


def wrong_types(value, seed):
    """``value`` with a few parts replaced by what nobody expects there."""
    strange = [None, True, 7, -1.5, "", "text", [], {}, [None], [[]], {"type": 3}, [{"type": {}}]]
    if seed.random() < 0.04:
        return seed.choice(strange)
    if isinstance(value, list):
        return [wrong_types(item, seed) for item in value]
    if isinstance(value, dict):
        return {key: wrong_types(item, seed) for key, item in value.items() if seed.random() > 0.03}
    return value


@pytest.mark.parametrize("path", SAMPLES, ids=sample_id)
def test_wrong_types_anywhere_stop_nothing(beside, path):
    records = [item.value for item in Source(path, path.name).records(lenient=True) if hasattr(item, "value")]
    for number in range(20):
        seed = random.Random(f"{path.name} {number}")
        lines = "".join(json.dumps(wrong_types(record, seed)) + "\n" for record in records)
        beside(path.name, lines.encode())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.jsonl", b""),
        ("empty.md", b""),
        ("spaces.json", b" \n\n\t\n"),
        ("picture.jsonl", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(2000)),
        ("brackets.json", b"[" * 200_000),
        ("objects.json", b'{"a":' * 200_000),
        ("deep.jsonl", b'{"messages":' + b"[" * 5000 + b"]" * 5000 + b"}\n"),
        ("zeros.jsonl", bytes(100_000)),
        ("latin.md", "café\n".encode("latin-1") * 100),
        ("number.json", b"7"),
        ("text.json", b'"structured_turns"'),
        ("null.jsonl", b"null\n" * 10),
        ("long.jsonl", b'{"type": "user", "text": "' + b"x" * (MAX_LINE_BYTES + 1000) + b'"}\n{"type": "user"}\n'),
    ],
)
@pytest.mark.parametrize("format", [None, *NAMES])
def test_what_is_no_trace_is_named_and_the_rest_converted(beside, name, content, format):
    documents, problems = beside(name, content, **({"format": format} if format else {}))
    assert [doc for doc in documents if doc["source"]["file"] == name] == []
    assert [text for text in problems if text.startswith(name)]


PIECES = {
    "search.md": b"<<<<<<< SEARCH\n",
    "fences.md": b"```\n",
    "backticks.md": b"`",
    "escapes.jsonl": b'\\"',
    "quotes.jsonl": b'"',
    "prompts.md": b"#### x  \n> y\n",
    "messages.md": b"> x\n\n",
    "closed.md": b"```\n```\na/b\n",
    "page.md": b'<div class="chat-transcript">\n',
    "brackets.jsonl": b"[{",
    "xml.md": b"<function=bash>\n<parameter=command>",
    "patch.md": b"*** Begin Patch\n",
}
BEGINNINGS = {
    ".md": b"\n# aider chat started at 2025-05-01 10:00:00\n\n#### do it  \n\nfile.py\n```python\n",
    ".jsonl": b'{"a": "',
}


def seconds(folder, content, name, format):
    (folder / name).write_bytes(content)
    start = time.process_time()
    convert(folder / name, **({"format": format} if format else {}))
    return time.process_time() - start


@pytest.mark.slow
@pytest.mark.parametrize("name", PIECES)
def test_time_grows_with_the_file_and_not_faster(tmp_path, name):
    begin, piece = BEGINNINGS[name[name.index(".") :]], PIECES[name]
    for format in (None, "aider") if name.endswith(".md") else (None,):
        small = seconds(tmp_path, begin + piece * (250_000 // len(piece)), name, format)
        large = seconds(tmp_path, begin + piece * (1_000_000 // len(piece)), name, format)
        assert large < 8 * small + 0.5, f"{format}: {small:.2f} s, four times as much {large:.2f} s"


# A line of an Aider history: how it begins, what is repeated, and how it ends.
LINES = {
    "tag": (b"<code>", b" ", b"x y"),
    "backticks": (b"```", b" ", b"`"),
    "tildes": (b"~~~", b"~", b"`"),
    "search": (b"<<<<<<< SEARCH", b" ", b"x"),
    "question": (b"> ", b"[y/n]", b"  \nx\n#### y  "),
}


@pytest.mark.parametrize("name", LINES)
def test_time_grows_with_the_line_and_not_faster(tmp_path, name):
    begin, piece, end = LINES[name]

    def taken(length):
        line = begin + piece * (length // len(piece)) + end
        content = b"# aider chat started at 2025-05-01 10:00:00\n\n#### do it  \n\n" + line + b"\n</code>\n"
        return seconds(tmp_path, content, "line.md", "aider")

    small, large = taken(20_000), taken(80_000)
    assert large < 8 * small + 0.5, f"{small:.2f} s, four times as much {large:.2f} s"
