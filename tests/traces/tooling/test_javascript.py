"""Tool calls read from scripts: what is a value, what is not, and that nothing is run."""

import time

import pytest

from traces.tooling.javascript import read_calls


def calls(script: str) -> list[tuple]:
    return [(call.name, call.input) for call in read_calls(script)]


def value(source: str):
    (call,) = read_calls(f"tools.t({{v: {source}}})")
    return call.input["v"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r'"a\n\"b\""', 'a\n"b"'),
        (r"'it\'s \x41\u00e9\u{1F600}'", "it's Aé😀"),
        (r'"\ud83d\ude00"', "😀"),
        ('"a\tb"', "a\tb"),
        (r'"\x41 it\'s"', "A it's"),
        ('"a\\\nb"', "ab"),
        ("'a' + \"b\" + `c`", "abc"),
        ("`a\n\\`b\\``", "a\n`b`"),
        ("String.raw`a\\n`", "a\\n"),
        ("['a', 'b'].join('\\n')", "a\nb"),
        ("[1, -2.5, 1_000, 0x10, true, null, undefined]", [1, -2.5, 1000, 16, True, None, None]),
        ("{a: 1, 'b c': [{}],}", {"a": 1, "b c": [{}]}),
        ("/* no */ 'yes' // no\n", "yes"),
    ],
)
def test_it_reads_literals(source, expected):
    assert value(source) == expected


def test_it_reads_names_that_were_set_to_a_value():
    assert calls("const dir = '/srv'; const cmd = `ls ${dir}`; await tools.exec_command({cmd, workdir: dir})") == [
        ("exec_command", {"cmd": "ls /srv", "workdir": "/srv"})
    ]


def test_what_only_running_would_tell_stays_as_it_is_written():
    (call,) = read_calls("tools.exec_command({cmd: `cat ${files[0]}`, workdir: where(), n: a ? 1 : 2})")

    assert call.input == {"cmd": "cat ${files[0]}", "workdir": "where()", "n": "a ? 1 : 2"}
    assert not call.exact


def test_a_call_with_one_text_has_it_as_its_input():
    assert calls("const p = '*** Begin Patch';\ntext(await tools.apply_patch(p))") == [
        ("apply_patch", {"input": "*** Begin Patch"})
    ]


def test_calls_in_texts_comments_and_patterns_are_none():
    script = "text('tools.a({})'); // tools.b({})\nconst r = /tools.c({})'/; `tools.d({})`; tools.e()"

    assert calls(script) == [("e", {})]


def test_calls_are_found_in_calls_and_in_lists():
    script = "await Promise.all([tools.a({n: 1}), (async () => tools['b']({n: 2}))()]); tools.c({of: tools.d({})})"

    assert [name for name, _ in calls(script)] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    "script", ["tools.a({", "tools.a('", "tools.a(`${", "tools.a({...rest})", "tools.a([", "'", "`"]
)
def test_of_a_script_that_is_cut_or_strange_the_calls_before_are_read(script):
    assert calls(f"await tools.whole({{n: 1}});\n{script}")[0] == ("whole", {"n": 1})


@pytest.mark.parametrize("piece", ["tools.a({x:[", "`${", "(/[", "/*", "const a = [", "'\\", "{a:tools.a(("])
def test_a_script_made_to_be_slow_is_read_in_time(piece):
    began = time.process_time()

    read_calls(piece * 20_000)

    assert time.process_time() - began < 5
