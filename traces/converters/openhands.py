"""OpenHands (OpenDevin): evaluation output, the resolver's lines, downloaded event lists, conversations of the SDK."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import Any

from traces.converters import Converter, converters
from traces.document import TraceDocument
from traces.jsonl import WARNING, Problem, Record
from traces.keeps import Keeps
from traces.source import Source
from traces.tooling.openhands_calls import Events
from traces.tooling.openhands_events import PlainEvents, totals_of
from traces.tooling.openhands_sdk import SdkEvents
from traces.tooling.tasks import issue_in, repo_of, stem
from traces.tooling.values import as_int, as_object, as_text

Numbered = tuple[int | None, object]

_NUMBERED = re.compile(r"(event-)?(\d+)(-[\w-]+)?\.json")  # one event of a conversation's folder
_LISTS = re.compile(rb"\s*\[\s*\[")
_PAIR = re.compile(r'\s*\[\s*\[\s*\{[^{}]{0,2000}"action"')
_SAVED = ("success", "result_explanation", "comment_success", "issue_type")
_EVENT_KEYS = frozenset({"kind", "action", "observation"})  # each event has one


class OpenHands(Converter):
    name = "openhands"
    version = "4"
    keeps = Keeps(
        document="agent agent_class base_commit exit_status final_patch instance_id issue_description issue_id"
        " issue_type metrics.cost metrics.tokens model outcome repo report result_explanation success tools",
        steps="assistant_message bash_command error file_create file_edit file_read plan search subagent system"
        " thinking tool_call user_message web",
        fields="abandoned approximate call_id command content cwd diff end_line exact_diff exit_code images input name"
        " note output parent path source_line start_line started_at status summary tokens",
    )

    def detect(self, source: Source) -> bool:
        """A line with a ``history`` of events, or events themselves. Of a folder of single events the first file."""
        records = source.first_records
        if any(_is_run(record) for record in records[:3]):
            return True
        if source.shape == "list" and _starts_with_pair(source) and source.mentions('"observation"'):
            return True
        if not any(_is_event(record) for record in records if not _EVENT_KEYS.isdisjoint(record)):
            return False
        return source.shape != "object" or _is_first(source)

    def convert(self, source: Source) -> Iterator[Record | Problem]:
        if any(_is_run(record) for record in source.first_records[:3]):
            yield from _runs(source)
        elif source.shape == "list":
            items = source.document()
            yield Record(1, _conversation(source, [(None, item) for item in items]))
        elif source.shape == "object" and _NUMBERED.fullmatch(posixpath.basename(source.name)):
            yield from _one(source, _records_of_folder(source), has_lines=False)
        else:
            yield from _one(source, source.records(lenient=True), has_lines=source.shape == "lines")


def _one(source: Source, records: Iterable[Record | Problem], *, has_lines: bool) -> Iterator[Record | Problem]:
    """The one run whose events these are."""
    events: list[Numbered] = []
    for item in records:
        if isinstance(item, Problem):
            yield item
        else:
            events.append((item.line if has_lines else None, item.value))
    yield Record(1, _conversation(source, events))


def _is_event(value: object, *, inside: bool = False) -> bool:
    """``inside`` a history its older forms are recognised too, which lack what a file of events needs as a mark."""
    event = as_object(value)
    kind = event.get("kind")
    if isinstance(kind, str) and "source" in event:
        return kind.endswith(("Event", "Observation")) or kind.startswith("Condensation")
    if not any(isinstance(event.get(key), str) for key in ("action", "observation")):
        return False
    return inside or (any(key in event for key in ("args", "content", "extras")) and "source" in event)


def _is_run(record: dict[str, Any]) -> bool:
    history = record.get("history")
    if not ({"instance_id", "issue", "git_patch", "test_result", "metadata"} & record.keys()):
        return False
    if isinstance(history, list) and history:
        first = history[0][0] if isinstance(history[0], list) and history[0] else history[0]
        return _is_event(first, inside=True)
    return "history" in record and {"instruction", "test_result"} <= record.keys()


def _starts_with_pair(source: Source) -> bool:
    """A bare list of [action, observation]."""
    return source.begins(_LISTS) and bool(_PAIR.match(source.head))


# --- one file, many runs -----------------------------------------------------------------------------------


def _runs(source: Source) -> Iterator[Record | Problem]:
    for item in source.records(lenient=True):
        if isinstance(item, Problem):
            yield item
        elif not isinstance(item.value.get("history"), list) or not item.value["history"]:
            yield Problem(source.name, item.line, "history", "holds no events", WARNING)
        else:
            yield Record(item.line, _run(item.value, source.name, item.line))


def _run(run: dict[str, Any], file: str, line: int) -> TraceDocument:
    reader = _reader([(None, event) for event in run["history"]])
    out = reader.read()
    instance, issue, metadata = (as_object(run.get(key)) for key in ("instance", "issue", "metadata"))
    tested = as_object(run.get("test_result"))
    task = _task(run, instance, issue)
    patch = tested.get("git_patch", run.get("git_patch"))
    metrics = as_object(run.get("metrics"))
    report = tested.get("report") if isinstance(tested.get("report"), dict) else run.get("report")
    doc = out.document(
        (task or f"{stem(file, '.output.jsonl', '.jsonl', '.json')}-{line}")[:255],
        instance_id=task,
        issue_id=task if issue else None,
        issue_description=_description(run, instance, issue) or issue_in(out.first_prompt()),
        repo=as_text(instance.get("repo")) or _repo(issue) or repo_of(task or ""),
        base_commit=as_text(instance.get("base_commit")) or as_text(run.get("base_commit")),
        agent="OpenHands",
        agent_class=as_text(metadata.get("agent_class")),
        model=as_text(as_object(metadata.get("llm_config")).get("model")) or reader.model,
        final_patch=patch if isinstance(patch, str) else None,
        exit_status=reader.agent_state,
        error=as_text(run.get("error")),
        outcome=_outcome(report, run),
        report=report if isinstance(report, dict) else None,
        metrics=reader.run_metrics(
            totals_of(metrics.get("accumulated_cost"), as_object(metrics.get("accumulated_token_usage")))
        ),
        tools=reader.definitions or None,
    )
    return doc | {key: run[key] for key in _SAVED if run.get(key) is not None}


def _task(run: dict[str, Any], instance: dict[str, Any], issue: dict[str, Any]) -> str | None:
    given = as_text(run.get("instance_id")) or as_text(instance.get("instance_id"))
    number = as_int(issue.get("number"))
    if given or number is None:
        return given[:255] if given else None
    return f"{issue.get('owner')}__{issue.get('repo')}-{number}"[:255]


def _repo(issue: dict[str, Any]) -> str | None:
    owner, repo = as_text(issue.get("owner")), as_text(issue.get("repo"))
    return f"{owner}/{repo}" if owner and repo else None


def _description(run: dict[str, Any], instance: dict[str, Any], issue: dict[str, Any]) -> str | None:
    parts = [text for key in ("title", "body") if (text := as_text(issue.get(key)))]
    return as_text(instance.get("problem_statement")) or "\n\n".join(parts) or as_text(run.get("instruction"))


def _outcome(report: object, run: dict[str, Any]) -> str | None:
    """What an evaluation found; the agent's own ``success`` is no such finding."""
    resolved = as_object(report).get("resolved", run.get("resolved"))
    return {True: "resolved", False: "unresolved"}.get(resolved) if isinstance(resolved, bool) else None


# --- one run, in one file or a folder ----------------------------------------------------------------------


def _reader(events: list[Numbered]) -> Events:
    is_sdk = any(isinstance(event, dict) and isinstance(event.get("kind"), str) for _, event in events[:50])
    return SdkEvents(events) if is_sdk else PlainEvents(events)


def _conversation(source: Source, events: list[Numbered]) -> TraceDocument:
    reader, state = _reader(events), dict[str, Any]()
    if isinstance(reader, SdkEvents):
        state = _base_state(source)
        reader.head = as_text(state.get("leaf_event_id"))
    out = reader.read()
    llm = as_object(as_object(state.get("agent")).get("llm"))
    return out.document(
        (as_text(state.get("id")) or _name(source.name))[:255],
        issue_description=issue_in(out.first_prompt()),
        agent="OpenHands",
        model=reader.model or as_text(llm.get("model")),
        exit_status=reader.agent_state,
        metrics=reader.run_metrics(),
        tools=reader.definitions or None,
    )


def _name(file: str) -> str:
    """The file's own name; of a folder of events that of the conversation it belongs to."""
    folder, name = posixpath.split(file)
    if _NUMBERED.fullmatch(name) and folder:
        parent = posixpath.dirname(folder) if posixpath.basename(folder) == "events" else folder
        return posixpath.basename(parent) or posixpath.basename(folder)
    return stem(file, ".jsonl", ".json")


def _base_state(source: Source) -> dict[str, Any]:
    """The conversation's state that the SDK keeps beside its events, or beside their folder."""
    for pattern in ("*base_state.json", "../base_state.json"):
        found = source.near(pattern)
        if len(found) == 1:
            source.use(found[0])
            return found[0].first_records[0] if found[0].first_records else {}
    return {}


def _is_first(source: Source) -> bool:
    """Whether no file of an earlier event stands beside it; one event alone, under another name, is a run too."""
    match = _NUMBERED.fullmatch(posixpath.basename(source.name))
    if match is None or int(match[2]) == 0:
        return True
    before = str(int(match[2]) - 1)
    pattern = f"event-{before.zfill(len(match[2]))}-*.json" if match[1] else f"{before}.json"
    return not source.near(pattern)


def _records_of_folder(source: Source) -> Iterator[Record | Problem]:
    """The events of a conversation that has a file for each, in the order of their numbers."""
    files = {source.name: source} | {other.name: other for other in source.near("*.json")}
    named = [(int(match[2]), name) for name in files if (match := _NUMBERED.fullmatch(posixpath.basename(name)))]
    for _, name in sorted(named):
        if name != source.name:
            source.use(files[name])
        yield from files[name].records(lenient=True)


converters.register("openhands")(OpenHands())
