"""Logs of Inspect AI: a JSON text or an ``.eval`` archive of samples, each a trace for its epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from traces.converters import Converter, converters
from traces.document import TraceDocument
from traces.jsonl import WARNING, Problem, Record
from traces.keeps import Keeps
from traces.source import Source
from traces.tooling.chat import Chat
from traces.tooling.inspect_files import BadMember, is_log_archive, read_archive
from traces.tooling.inspect_sample import add_events, attachments_of, events_of, messages_of, resolved
from traces.tooling.tasks import stem
from traces.tooling.transcript import Transcript
from traces.tooling.usage import add_tokens, metrics_of, tokens_of
from traces.tooling.values import as_int, as_number, as_object, as_text


class Inspect(Converter):
    name = "inspect"
    version = "2"
    keeps = Keeps(
        document="agent agent_version epoch exit_status instance_id issue_description issue_id metadata metrics.cost"
        " metrics.seconds metrics.tokens model scores started_at target task",
        steps="assistant_message bash_command error file_edit system thinking tool_call user_message web",
        fields="approximate call_id command content diff error exit_code images input name output path seconds"
        " started_at status tokens",
    )

    def detect(self, source: Source) -> bool:
        """An archive with the log's head in it, an object with the ``eval`` it logs, or one sample of an archive."""
        if source.is_binary:
            return _is_archive(source)
        first = source.first_records[0] if source.shape == "object" and source.first_records else {}
        return _is_log(first) or _is_sample(first)

    def convert(self, source: Source) -> Iterator[Record | Problem]:
        if _is_archive(source):
            yield from _of_archive(source)
            return
        log = as_object(source.document())
        samples = [log] if _is_sample(log) else log.get("samples")
        if not isinstance(samples, list) or not samples:
            yield Problem(source.name, None, "", "holds no trace: the log has no samples", severity=WARNING)
            return
        for number, sample in enumerate(samples):
            if isinstance(sample, dict):
                yield Record(1, _document(sample, log, source.name))
            else:
                yield Problem(source.name, None, f"samples[{number}]", "is no sample")


def _is_archive(source: Source) -> bool:
    with source.open() as stream:
        return is_log_archive(stream)


def _is_log(record: dict[str, Any]) -> bool:
    about = record.get("eval")
    return (
        isinstance(about, dict)
        and "task" in about
        and "model" in about
        and not {"version", "status"}.isdisjoint(record)
    )


def _is_sample(record: dict[str, Any]) -> bool:
    return {"id", "epoch", "input", "target"} <= set(record) and not {"messages", "events"}.isdisjoint(record)


def _of_archive(source: Source) -> Iterator[Record | Problem]:
    log: dict[str, Any] = {}
    number = 0
    with source.open() as stream:
        for name, value in read_archive(stream):
            if isinstance(value, BadMember) or not isinstance(value, dict):
                yield Problem(
                    source.name, None, name, f"not read: {value if isinstance(value, BadMember) else 'no object'}"
                )
            elif not name.startswith("samples/"):
                log = value
            else:
                number += 1
                yield Record(number, _document(value, log, source.name))
    if not number:
        yield Problem(source.name, None, "", "holds no trace: the log has no samples", severity=WARNING)


def _document(sample: dict[str, Any], log: dict[str, Any], file: str) -> TraceDocument:
    out = Transcript()
    texts, about = attachments_of(sample), as_object(log.get("eval"))
    Chat(out, messages_of(sample, out)).read()
    add_events(sample, out.steps, out)
    error = as_object(sample.get("error"))
    out.text("error", as_text(error.get("message")))
    if isinstance(sample.get("error_retries"), list) and sample["error_retries"]:
        out.warn("earlier tries that ended with an error", len(sample["error_retries"]))
    identity, epoch = sample.get("id"), as_int(sample.get("epoch"))
    name = str(identity) if isinstance(identity, str | int) else None
    return out.document(
        as_text(sample.get("uuid")) or f"{stem(file, '.eval', '.json')[:180]}_{(name or '')[:50]}_epoch_{epoch}",
        issue_id=_issue(name, as_text(about.get("task")) or stem(file, ".eval", ".json")),
        instance_id=name[:255] if name else None,
        issue_description=_task(resolved(sample.get("input"), texts)) or out.first_prompt(),
        task=as_text(about.get("task")),
        epoch=epoch,
        agent=as_text(about.get("solver")) or "Inspect",
        agent_version=as_text(as_object(about.get("packages")).get("inspect_ai")),
        model=as_text(about.get("model")),
        started_at=_began(sample) or as_text(about.get("created")),
        target=resolved(sample.get("target"), texts),
        scores=resolved(sample.get("scores"), texts) or None,
        metadata=resolved(sample.get("metadata"), texts) or None,
        exit_status=_exit_status(sample),
        metrics=_metrics(sample),
    )


def _issue(name: str | None, task: str) -> str | None:
    """An id of digits numbers the samples of its task: other tasks have the same numbers for other things."""
    return f"{task[:200]}/{name}" if name and name.isdigit() else None


def _task(given: object) -> str:
    """The input: a text, or messages of which the user's first says what to do."""
    if isinstance(given, str):
        return given
    opening = Transcript()
    Chat(opening, [message for message in given if isinstance(message, dict)] if isinstance(given, list) else []).read()
    return opening.first_prompt()


def _began(sample: dict[str, Any]) -> str | None:
    """When the sample began; older logs say so only in its events."""
    times = (as_text(event.get("timestamp")) for event in events_of(sample))
    return as_text(sample.get("started_at")) or next(filter(None, times), None)


def _exit_status(sample: dict[str, Any]) -> str | None:
    if sample.get("error"):
        return "error"
    kind = as_text(as_object(sample.get("limit")).get("type"))
    return f"limit ({kind})" if kind else None


def _metrics(sample: dict[str, Any]) -> dict[str, Any] | None:
    usages = [usage for usage in as_object(sample.get("model_usage")).values() if isinstance(usage, dict)]
    tokens: dict[str, int] = {}
    for usage in usages:
        add_tokens(tokens, tokens_of(usage))
    costs = [cost for usage in usages if (cost := as_number(usage.get("total_cost"))) is not None]
    seconds = as_number(sample.get("total_time"))
    return metrics_of(tokens=tokens, cost=sum(costs) if costs else None, seconds=seconds)


converters.register("inspect")(Inspect())
