"""SWE-bench's predictions and reports, and those of its kin: patches and outcomes for traces, by instance id.

They hold no traces: what they say is attached to the traces of the same conversion.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any

from traces.attachments import Attachment
from traces.converters import Converter, converters
from traces.jsonl import Problem, Record
from traces.keeps import Keeps
from traces.source import Source
from traces.tooling.tasks import stem
from traces.tooling.values import as_object, as_objects, as_text

Fields = dict[str, Any]

RESOLVED, UNRESOLVED, ERROR, EMPTY = "resolved", "unresolved", "error", "empty_patch"
# The lists of ids in a run's report and what they say of each id; the first list that has an id counts.
_RUN_REPORTS: tuple[dict[str, str], ...] = (
    {  # schema version 2
        "resolved_ids": RESOLVED,
        "error_ids": ERROR,
        "empty_patch_ids": EMPTY,
        "unresolved_ids": UNRESOLVED,
    },
    {"ids_resolved": RESOLVED, "ids_unresolved": UNRESOLVED},  # SWE-smith
    {  # 2024
        "resolved": RESOLVED,
        "no_generation": EMPTY,
        "install_fail": ERROR,
        "reset_failed": ERROR,
        "no_apply": ERROR,
        "test_errored": ERROR,
        "test_timeout": ERROR,
        "applied": UNRESOLVED,
        "generated": UNRESOLVED,
    },
)
_LISTS = frozenset(name for report in _RUN_REPORTS for name in report)
_TESTS = ("FAIL_TO_PASS", "PASS_TO_PASS")
_OF_A_TRY = ("model", "try", "model_patch")
_OF_ALL_TRIES = ("tries", "resolved")
_TRACES = frozenset({"messages", "trajectory", "history", "structured_turns", "problem_statement"})
_SHOWN = 5  # of a file that is keyed by id


class SweBench(Converter):
    name = "swebench"
    version = "1"
    attaches = ("model_patch", "tests_status", "resolved_ids", "ids_resolved", "no_generation", "FAIL_TO_PASS")
    keeps = Keeps(document="final_patch model prediction outcome report validation")

    def detect(self, source: Source) -> bool:
        """Predictions in lines, in a list or by id; the report of an instance, of several, or of a run."""
        return _is_of_results(source) and source.mentions(*self.attaches)

    def convert(self, source: Source) -> Iterator[Record | Attachment | Problem]:
        if source.shape in ("lines", "list"):
            for item in source.records(lenient=True):
                if isinstance(item, Problem):
                    yield item
                else:
                    yield from _prediction(item.value, source.name, item.line)
            return
        whole = as_object(source.document())
        if _is_prediction(whole):
            yield from _prediction(whole, source.name, 1)
        elif _is_report(whole):
            yield Attachment(_named(whole, source.name), _reported(whole))
        elif _is_of_a_run(whole):
            yield from (Attachment(id, {"outcome": outcome}) for id, outcome in _outcomes(whole).items())
        else:
            yield from _keyed(whole, source.name)


def _is_of_results(source: Source) -> bool:
    records = source.first_records
    if source.shape in ("lines", "list"):
        return any(map(_is_prediction, records)) and not any(_TRACES & record.keys() for record in records)
    if not records:
        return False
    first = records[0]
    return _is_prediction(first) or _is_report(first) or _is_of_a_run(first) or _is_keyed(first)


def _is_prediction(record: Fields) -> bool:
    return "model_patch" in record and "instance_id" in record and not _TRACES & record.keys()


def _is_report(record: Fields) -> bool:
    """What came of the tests: of a patch, or of the task itself when it was made."""
    if "tests_status" in record or ("patch_exists" in record and "resolved" in record):
        return not _TRACES & record.keys()
    return all(isinstance(record.get(key), list) for key in _TESTS) and "instance_id" not in record


def _is_of_a_run(record: Fields) -> bool:
    return not _LISTS.isdisjoint(record) and bool(_lists(record))


def _lists(record: Fields) -> dict[str, str]:
    """The lists of ids that the record has, of one kind of report; {} where it is none."""
    for names in _RUN_REPORTS:
        found = {name: outcome for name, outcome in names.items() if isinstance(record.get(name), list)}
        if len(found) > 1:
            return found
    return {}


def _is_keyed(record: Fields) -> bool:
    values = [value for value in record.values() if isinstance(value, dict)][:_SHOWN]
    return bool(values) and all(map(_is_of_an_id, values))


def _is_of_an_id(value: Fields) -> bool:
    return ("model_patch" in value and not _TRACES & value.keys()) or _is_report(value)


# --- what they say -----------------------------------------------------------------------------------------


def _prediction(record: Fields, file: str, line: int | None, id: str | None = None) -> Iterator[Attachment | Problem]:
    """The patch, the outcome where it is known, and what else was written beside them."""
    given = as_text(record.get("instance_id")) or id
    if given is None:
        yield Problem(file, line, "instance_id", "must be text")
        return
    tries = as_objects(record.get("all_results"))
    if not tries:
        yield Attachment(given, _predicted(record), line)
    # Aider's harness: the result of each run, in the order in which its history holds them, and the one it chose.
    outer = {key: record[key] for key in _OF_ALL_TRIES if key in record}
    chosen = next((one for one in tries if all(one.get(key) == record.get(key) for key in _OF_A_TRY)), None)
    for number, one in enumerate(tries, start=1):
        yield Attachment(given, _predicted(one | (outer if one is chosen else {})), line, number)


def _predicted(record: Fields) -> Fields:
    rest = {key: value for key, value in record.items() if key not in ("instance_id", "model_patch")}
    patch, outcome = record.get("model_patch"), _outcome(record)
    fields: Fields = {"final_patch": patch} if isinstance(patch, str) else {}
    fields |= {"model": record["model"]} if as_text(record.get("model")) else {}
    fields |= {"outcome": outcome} if outcome else {}
    return fields | ({"prediction": rest} if rest else {})


def _reported(report: Fields) -> Fields:
    """One instance's report as it is, and what it comes to; a task's own test run says nothing of an agent."""
    if "tests_status" not in report and "resolved" not in report:
        return {"validation": report}
    outcome = _outcome(report)
    return {"report": report} | ({"outcome": outcome} if outcome else {})


def _outcome(record: Fields) -> str | None:
    if record.get("patch_is_None") is True or record.get("patch_exists") is False:
        return EMPTY
    resolved = record.get("resolved")
    return (RESOLVED if resolved else UNRESOLVED) if isinstance(resolved, bool) else None


def _outcomes(record: Fields) -> dict[str, str]:
    """Ids with their outcomes."""
    found: dict[str, str] = {}
    for name, outcome in _lists(record).items():
        for id in record[name]:
            if isinstance(id, str) and id:
                found.setdefault(id, outcome)
    return found


def _keyed(whole: Fields, file: str) -> Iterator[Attachment | Problem]:
    for id, value in whole.items():
        if not isinstance(value, dict):
            yield Problem(file, None, id, "must be an object")
        elif "model_patch" in value:
            yield from _prediction(value, file, None, id)
        elif _is_report(value):
            yield Attachment(id, _reported(value))
        else:
            yield Problem(file, None, id, "is neither a prediction nor a report")


def _named(report: Fields, file: str) -> str:
    """The instance of a report that does not say it: its folder is named after it, or the file itself."""
    given = as_text(report.get("instance_id"))
    folder, name = posixpath.split(file)
    if given or name != "report.json" or not folder:
        return given or stem(file, ".report.json", ".json")
    return posixpath.basename(folder)


converters.register("swebench")(SweBench())
