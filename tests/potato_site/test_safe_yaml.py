"""YAML that a stranger may have written."""

import time
import tracemalloc

import pytest

from potato_site.safe_yaml import MAX_BYTES, YamlProblem, load_yaml


def problem(text):
    with pytest.raises(YamlProblem) as caught:
        load_yaml(text, "config.yaml")
    return str(caught.value)


def bomb(levels, width):
    first = "a0: &a0 [x, x]\n"
    return first + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]\n" for i in range(1, levels))


def test_it_gives_the_value_and_the_line_of_every_key_and_item():
    value, lines = load_yaml("a: 1\nb:\n  - x\n  - c: true\n1: one\n", "config.yaml")
    assert value == {"a": 1, "b": ["x", {"c": True}], 1: "one"}
    assert lines == {("a",): 1, ("b",): 2, ("b", 0): 3, ("b", 1): 4, ("b", 1, "c"): 4, ("1",): 5}


@pytest.mark.parametrize(
    ("scalar", "value"),
    [("yes", "yes"), ("no", "no"), ("on", "on"), ("true", True), ("007", "007"), ("7", 7), ("-1.5", -1.5), ("1e3", 1e3),
     ("2024-01-01", "2024-01-01"), ("12:30", "12:30"), ("~", None), ("", None), ("9" * 30, "9" * 30), ("0x1F", "0x1F")],
)  # fmt: skip
def test_it_reads_scalars_as_yaml_1_2(scalar, value):
    assert load_yaml(f"key: {scalar}", "config.yaml")[0] == {"key": value}


def test_an_empty_file_is_nothing():
    assert load_yaml("# only a comment\n", "config.yaml") == (None, {})


def test_a_byte_order_mark_and_windows_lines_are_no_matter():
    assert load_yaml(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", "config.yaml") == ({"a": 1, "b": 2}, {("a",): 1, ("b",): 2})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (bomb(10, 9), "line 5: more than 20,000 values"),
        (bomb(24, 2), "line 13: more than 20,000 values"),
        ("[" * 100_000, "line 1: nested deeper than 30 levels"),
        ("{a: " * 50_000, "line 1: nested deeper than 30 levels"),
        ("- " * 100_000, "line 1: nested deeper than 30 levels"),
        ("a: &a {x: 1}\nb: {<<: [*a, *a, *a]}", "line 2: merge keys (<<) are not allowed"),
        ("a: &a [*a]", "line 1: an alias names no anchor before it"),
        ("a: &a 1\nb: [" + "*a, " * 51 + "]", "line 2: more than 50 aliases"),
        ("[" + "x, " * 20_001 + "]", "line 1: more than 20,000 values"),
        ("x" * (MAX_BYTES + 1), "line 1: the file has 256,001 bytes; at most 256,000 are read"),
    ],
    ids=["alias bomb", "narrow alias bomb", "lists", "mappings", "dashes", "merge bomb", "itself", "aliases", "many",
         "long"],
)  # fmt: skip
def test_it_refuses_bombs_at_once(text, message):
    tracemalloc.start()
    start = time.process_time()
    try:
        assert message in problem(text)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Traced memory makes Python slow: the true figure is a fraction of this.
    assert time.process_time() - start < 0.6
    assert peak < 50_000_000


def test_an_alias_counts_for_the_depth_of_what_it_names():
    nested = "[" * 20 + "x" + "]" * 20
    assert "nested deeper" in problem(f"a: &a {nested}\nb: {'[' * 12}*a{']' * 12}")
    assert load_yaml(f"a: &a {nested}\nb: {'[' * 5}*a{']' * 5}", "config.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: !!python/object/apply:os.system [ls]", "line 1: tags (!…) are not allowed"),
        ("a: !x 1", "line 1: tags (!…) are not allowed"),
        ("a: 1\nb: 2\na: 3", "line 3: a: this key is already on line 1"),
        ("a:\n  b: 1\n  b: 2", "line 3: a.b: this key is already on line 2"),
        ('1: a\n"1": b', "line 2: 1: this key is already on line 1"),
        ("---\na: 1\n---\nb: 2", "line 3: a second document starts here"),
        ("? [a]\n: 1", "line 1: a key must be plain text"),
        ("a: &a x\n*a : 1", "line 2: a key must be plain text"),
        ("a: 'x", "line 1: not valid YAML"),
        ("a: 1\n\tb: 2", "line 2: not valid YAML: the line begins with a tab; indent it with spaces"),
        ("a:\n  b: 1\n \tc: 2", "line 3: not valid YAML: the line begins with a tab; indent it with spaces"),
        ("a: [1, 2\nb: 3", "line 2: not valid YAML: did not find expected ',' or ']'"),
        (
            "a: |\n<b x: 1; y: 2>\nb: 2",
            "line 2: not valid YAML: mapping values are not allowed in this context (the lines of the text that begins "
            "behind line 1 must be indented)",
        ),
        (
            "a: |\n\n<b>x</b>\n<i>y</i>\nb: 2",
            "line 4: not valid YAML: could not find expected ':' (the lines of the text that begins behind line 1 must "
            "be indented)",
        ),
        (
            'a: |\n<p style="color: red">\n</p>\n',
            "line 4: not valid YAML: could not find expected ':' (the lines of the text that begins behind line 1 must "
            "be indented)",
        ),
        (
            "a: |\n# Title\nSome text\nb: 1",
            "line 4: not valid YAML: could not find expected ':' (the lines of the text that begins behind line 1 must "
            "be indented)",
        ),
        (
            "a: |\n- be kind\n- be fast\n",
            "line 2: not valid YAML: did not find expected key (the lines of the text that begins behind line 1 must "
            "be indented)",
        ),
        ("a: |\n  x\nb: [1, 2\nc: 3", "line 4: not valid YAML: did not find expected ',' or ']'"),
        ("a:\n- 1\nb\n", "line 4: not valid YAML: could not find expected ':'"),
        (b"a: 1\nb: \xff", "line 2: this is not UTF-8 text"),
        ("a: 1\nb: \x07", "line 2: a character here is not allowed"),
        ("a: \x00", "line 1: a character here is not allowed"),
        ("a: \ud800", "line 1: this is not UTF-8 text"),
        (r'a: "x\0"', "line 1: a character here is not allowed"),
        (r'"\0": x', "line 1: a character here is not allowed"),
        (r'a: "\e[2J"', "line 1: a character here is not allowed"),
        (r'"\e]0;x\a": x', "line 1: a character here is not allowed"),
        (r'a: "\x9b2J"', "line 1: a character here is not allowed"),
    ],
)
def test_it_names_the_line_of_what_is_wrong(text, message):
    assert problem(text).startswith(f"config.yaml: {message}")


@pytest.mark.parametrize(
    "text",
    [
        "html_layout: |\nproject-name: x\nfoo: [\n",
        'html_layout: |\n"my key": x\nfoo: [\n',
        "html_layout: |\nmy key: x\nfoo: [\n",
        "html_layout: |\na.b:\n  c: 1\nfoo: [\n",
        "html_layout: |\n# a comment\nproject-name: x\nfoo: [\n",
        "html_layout: |\n<b>: a key\nproject-name: x\nfoo: [\n",
        "list:\n- description: |\n- name: b\nfoo: [\n",
        "list:\n  - name: a\n    description: |\nother:\n- name: b\nfoo: [\n",
        "a: |\n<b>: x\nc: |\n  y\nfoo: [\n",
    ],
)
def test_a_mistake_below_an_empty_text_is_not_said_to_be_its_indentation(text):
    assert "not valid YAML" in problem(text)
    assert "indented" not in problem(text)


def test_all_duplicate_keys_are_named_at_once():
    assert problem("a: 1\na: 2\nb: 1\nb: 2").count("\n") == 1


@pytest.mark.parametrize(
    "text", ["password: *hunter2", "password: @hunter2", "password: 'hunter2", "password: !hunter2"]
)
def test_a_message_never_quotes_a_value(text):
    assert "hunter2" not in problem(text)
