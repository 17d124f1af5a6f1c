"""The records of one Claude Code session, as a conversation: which are prompts, whose sub-agent speaks, what is a copy.

Read from session files (``sessionId``, ``isSidechain``), the web's export (neither) and ``--output-format stream-json``
(``session_id``, ``parent_tool_use_id``).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

from traces.document import TraceDocument
from traces.tooling.anthropic_blocks import Conversation, Turn
from traces.tooling.claude_branches import Sidechains, abandoned_in, lost_prompts
from traces.tooling.claude_records import (
    Numbered,
    command_of,
    has_result,
    is_message,
    is_meta,
    is_sent,
    mark_of,
    model_of,
    plain_text,
    status_in,
)
from traces.tooling.usage import add_tokens, metrics_of, tokens_of
from traces.tooling.values import as_number, as_object, as_text

SYNTHETIC = "<synthetic>"  # the model's name where Claude Code speaks for it
AGENT = "claude-code"
_SHOWN_ELSEWHERE = frozenset(
    {"queue-operation", "last-prompt", "custom-title", "ai-title"}
)  # as messages, as the title


def session_of(record: dict[str, Any]) -> str | None:
    """The id of the session a record belongs to, where it says so."""
    return as_text(record.get("sessionId")) or as_text(record.get("session_id"))


def subagent_id(session: str, agent: str) -> str:
    """The id of the trace of a sub-agent that has a file of its own."""
    return f"{session}-agent-{agent}"


class Session:
    """One session. ``add`` its records, then ``document``."""

    def __init__(self) -> None:
        self.records: list[Numbered] = []
        self.messages: list[dict[str, Any]] = []
        self.others: list[Numbered] = []  # all the rest, few beside the messages
        self.sessions: dict[str, None] = {}  # ids, in order
        self.talk = Conversation()
        self.warn = self.talk.out.warn
        self._seen: set[str] = set()
        self._said: set[tuple[str, str]] = set()
        self._cwd: str | None = None
        self.stream: str | None = None  # the session that stream-json says it is

    def add(self, line: int | None, record: dict[str, Any]) -> None:
        """A record that was copied into the file (by resuming a session) counts once."""
        uuid = as_text(record.get("uuid"))
        if uuid and uuid in self._seen:
            self.warn("records that stand in the file twice")
            return
        if uuid:
            self._seen.add(uuid)
        self.records.append((line, record))
        if is_message(record):
            self.messages.append(record)
        else:
            self.others.append((line, record))
        if name := session_of(record):
            self.sessions[name] = None
        self.stream = as_text(record.get("session_id")) or self.stream

    @property
    def has_messages(self) -> bool:
        return bool(self.messages)

    @property
    def is_subagent(self) -> bool:
        """Whether all of it is the work of a sub-agent."""
        return all(record.get("isSidechain") is True for record in self.messages)

    def document(self, stem: str) -> TraceDocument:
        """The trace. ``stem``: the file's name, which names a session that does not say its own."""
        alone = self.is_subagent
        has_sides = not alone and any(record.get("isSidechain") is True for record in self.messages)
        parents = Sidechains(self.messages).calls if has_sides else {}
        abandoned = abandoned_in(self.messages, self.records)
        lost = lost_prompts(self.others, self.records)
        for line, record in self.records:
            if line in lost and record.get("type") == "queue-operation":
                self._add("user", line, record, content=lost[line], marks={"queued": True})
            elif is_message(record):
                self._message(line, record, parents, alone, as_text(record.get("uuid")) in abandoned)
            else:
                self._other(line, record)
        out = self.talk.transcript()
        about = self._about(stem, alone)
        return out.document(about.pop("id"), **about)

    # --- records ---

    def _add(self, role: str, line: int | None, record: dict[str, Any], **values: Any) -> None:
        self._cwd = as_text(record.get("cwd")) or self._cwd
        self.talk.add(Turn(role, line=line, at=as_text(record.get("timestamp")), cwd=self._cwd, **values))

    def _message(self, line: int | None, record: dict[str, Any], parents: Any, alone: bool, abandoned: bool) -> None:
        message, role, key = record["message"], record["type"], ""
        if role == "assistant" and (key := as_text(message.get("id")) or ""):
            self.talk.usage[key] = self.talk.usage.get(key, {}) | tokens_of(message.get("usage"))
        content = self._first_time(key, message.get("content"))
        is_result = role == "user" and has_result(content)
        marks: dict[str, Any] = {"abandoned": True} if abandoned else {}
        parent = as_text(record.get("parent_tool_use_id"))
        is_side = parent is not None or record.get("isSidechain") is True
        if is_side and not alone and parent is None:
            parent = parents.get(as_text(record.get("uuid")))
            marks |= {} if parent else {"sidechain": True}
        if role == "user" and is_side and not is_result:
            marks["by"] = "agent"
        self._add(
            role,
            line,
            record,
            content=content,
            key=key,
            recorded=record.get("toolUseResult", record.get("tool_use_result")),
            parent_call=parent,
            is_typed=not is_side and not is_result and not is_meta(record),
            is_error=record.get("isApiErrorMessage") is True,
            marks=marks,
        )

    def _first_time(self, key: str, content: Any) -> Any:
        """The content without blocks that another record of the same message, or a copy of it, had."""
        if not isinstance(content, list):
            return content
        kept = []
        for block in content:
            mark = mark_of(key, block) if isinstance(block, dict) else None
            if mark and mark in self._said:
                self.warn("blocks that stand in the file twice")
                continue
            if mark:
                self._said.add(mark)
            kept.append(block)
        return kept

    def _other(self, line: int | None, record: dict[str, Any]) -> None:
        kind = as_text(record.get("type")) or "no type"
        attachment = as_object(record.get("attachment"))
        if kind == "system" and isinstance(record.get("content"), str) and record["content"].strip():
            self._add("system", line, record, content=record["content"], marks=_compaction(record))
        elif kind == "attachment" and attachment.get("type") == "queued_command" and attachment.get("prompt"):
            self._add(
                "user",
                line,
                record,
                content=attachment["prompt"],
                is_typed=not (is_meta(record) or is_sent(attachment)),
            )
        elif kind == "attachment":
            self._attached(line, record, attachment)
        elif kind == "result":
            self._ended(line, record)
        elif record.get("subtype") == "init":
            self._cwd = as_text(record.get("cwd"))
        elif kind not in _SHOWN_ELSEWHERE:
            more = as_text(record.get("subtype"))
            self.warn(f"records of bookkeeping ({kind[:40]}{f' {more[:40]}' if more else ''})")

    def _attached(self, line: int | None, record: dict[str, Any], attachment: dict[str, Any]) -> None:
        """What Claude Code handed the model beside the conversation."""
        kind = as_text(attachment.get("type")) or "no type"
        path = as_text(attachment.get("filename"))
        if path and kind == "edited_text_file":
            # Somebody else changed it.
            self._add("touched", line, record, content=path)
        self.warn(f"attachments ({kind[:40]})")

    def _ended(self, line: int | None, record: dict[str, Any]) -> None:
        """The last line of stream-json. Its text repeats the last message, unless the run failed."""
        text = as_text(record.get("result"))
        if record.get("is_error") is True and text:
            self._add("error", line, record, content=text)

    # --- the document ---

    def _about(self, stem: str, alone: bool) -> dict[str, Any]:
        messages = self.messages
        session = stem if stem in self.sessions else next(iter(self.sessions), stem)
        models = [name for record in messages if (name := model_of(record)) and name != SYNTHETIC]
        about: dict[str, Any] = {
            "id": session,
            "agent": AGENT,
            "agent_version": _last(self.records, "version", "claude_code_version"),
            "model": models[0] if models else _last(self.others, "model"),
            "repo": _first(self.records, "cwd"),
            "git_branch": _first(self.records, "gitBranch"),
            "started_at": _first(self.records, "timestamp"),
            "metrics": self._metrics(messages),
            "title": self._title(),
            "exit_status": next((status_in(record) for _, record in reversed(self.others) if status_in(record)), None),
        }
        if others := sorted(set(models) - set(models[:1])):
            about["other_models"] = others
        agent = next((name for record in messages if (name := as_text(record.get("agentId")))), None)
        if alone and messages:
            about |= {"id": subagent_id(session, agent), "subagent_of": session} if agent else {"id": stem}
            about["issue_description"] = next((text for record in messages if (text := plain_text(record))), "")
        elif not self.talk.out.first_prompt():
            commands = (text for record in messages if (text := command_of(record)))
            sent = (text for record in messages if is_sent(record) and (text := plain_text(record)))
            about["issue_description"] = next(chain(commands, sent), "")
        return about

    def _metrics(self, messages: list[dict[str, Any]]) -> dict[str, Any] | None:
        tokens: dict[str, int] = {}
        for usage in self.talk.usage.values():
            add_tokens(tokens, usage)
        # By message: its records repeat what it cost.
        costs = {
            as_text(record["message"].get("id")) or as_text(record.get("uuid")): cost
            for record in messages
            if (cost := as_number(record.get("costUSD"))) is not None
        }
        ends = [record for _, record in self.others if record.get("type") == "result"]
        totals = [cost for end in ends if (cost := as_number(end.get("total_cost_usd"))) is not None]
        times = [time for end in ends if (time := as_number(end.get("duration_ms"))) is not None]
        cost = totals[-1] if totals else round(sum(costs.values()), 9) if costs else None
        return metrics_of(tokens=tokens, cost=cost, seconds=sum(times) / 1000 if times else None)

    def _title(self) -> str | None:
        """The name a person gave the session, else the one that Claude Code did, else the summary of this file."""
        given = [text for _, record in self.others if (text := as_text(record.get("customTitle")))]
        own = [
            text
            for _, record in self.others
            if record.get("type") == "summary"
            and as_text(record.get("leafUuid")) in self._seen
            and (text := as_text(record.get("summary")))
        ]
        made = [text for _, record in self.others if (text := as_text(record.get("aiTitle")))]
        return next(reversed(given or made or own), None)


def _compaction(record: dict[str, Any]) -> dict[str, Any]:
    meta = as_object(record.get("compactMetadata"))
    return {"compaction": meta} if meta else {}


def _first(records: Iterable[Numbered], *keys: str) -> str | None:
    return next((text for _, record in records for key in keys if (text := as_text(record.get(key)))), None)


def _last(records: list[Numbered], *keys: str) -> str | None:
    return _first(reversed(records), *keys)
