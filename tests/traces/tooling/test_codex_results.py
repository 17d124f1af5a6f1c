"""What Codex says of a call beside its output."""

import json

from traces.tooling.codex_results import of_script, read_result


def test_the_ids_of_a_terminal_are_kept():
    label = "Chunk ID: 0a1\nWall time: 1.5 seconds\nProcess running with session ID 42\nOutput:\nhello"
    result = read_result({"output": label})
    assert (result.output, result.seconds) == ("hello", 1.5)
    assert result.returned == {"chunk_id": "0a1", "session_id": 42}


def test_a_result_without_ids_has_none():
    assert read_result({"output": "Exit code: 0\nOutput:\nhello"}).returned is None


def test_all_that_a_script_got_back_of_its_call_is_kept():
    value = {"output": "x", "exit_code": 1, "wall_time_seconds": 2, "chunk_id": "a", "session_id": 7, "more": None}
    result = of_script(json.dumps(value))
    assert (result.output, result.exit_code, result.seconds) == ("x", 1, 2)
    assert result.returned == {"chunk_id": "a", "session_id": 7}
