"""A converted document as the rows of its trace and its version."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from potato_site.canonical import canonical
from traces.bare import BASE, CONTENT, base_of, given_of
from traces.conversion import Converted
from traces.converters.native import Native
from traces.document import TraceDocument, issue_key, title
from traces.store import compress


@dataclass
class Entry:
    """One document on its way in: the columns of its Trace and TraceVersion, and its canonical JSON."""

    external_id: str
    sha256: str
    body: bytes
    trace_columns: dict[str, str]
    version_columns: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def packed(self) -> bytes:
        return compress(self.body)


def entry_of(found: Converted) -> Entry:
    """The rows of a document. Texts are cut to the width of their columns; the document keeps them whole."""
    doc, body = found.doc, found.body
    issue_id, told = doc.get("issue_id") or "", _told(doc)
    return Entry(
        external_id=doc["id"],
        sha256=hashlib.sha256(body).hexdigest(),
        body=body,
        trace_columns={
            "issue_id": issue_id,
            "issue_key": issue_key(doc),
            "instance_id": doc.get("instance_id") or issue_id,
        },
        version_columns={
            "source_sha256": (_text(told.get("sha256")) or found.sha256)[:64],
            "converter": (_text(told.get("format")) or Native.name)[:64],
            "converter_version": (_text(told.get("version")) or ("" if told else Native.version))[:32],
            "n_steps": len(doc.get("structured_turns", ())),
            "agent": _agent(doc)[:100],
            "outcome": (_text(doc.get("outcome")) or _text(doc.get("exit_status")))[:100],
            "meta": _meta(found),
        },
    )


def _meta(found: Converted) -> dict[str, Any]:
    """What lists show of a document, so that they need not unpack it."""
    doc, told = found.doc, _told(found.doc)
    return {
        "title": title(doc),
        "repo": _text(doc.get("repo")),
        "base_commit": _text(doc.get("base_commit")),
        "model": _text(doc.get("model")),
        "source_file": _text(told.get("file")) or found.file,
        "warnings": found.n_warnings,
        CONTENT: _content(doc),
        **_base(found),
    }


def _base(found: Converted) -> dict[str, Any]:
    """What the document was before results gave it something, if they did."""
    if found.bare is None:
        return {}
    base = found.base or base_of(hashlib.sha256(canonical(found.bare)).hexdigest(), {CONTENT: _content(found.bare)})
    return {BASE: base | given_of(found.doc, found.bare)}


def _content(doc: TraceDocument) -> str:
    """Digest (SHA-256, hex) of all but where it lay: a session in another archive, a run in a longer log."""
    told = doc.get("source")
    if not isinstance(told, dict):
        return ""
    rest = {key: value for key, value in told.items() if key not in ("file", "sha256")}
    return hashlib.sha256(canonical(doc | {"source": rest})).hexdigest()


def _told(doc: TraceDocument) -> dict[str, Any]:
    """What the document says of its source. A record without steps may have something else under that key."""
    told = doc.get("source")
    return told if isinstance(told, dict) else {}


def _agent(doc: TraceDocument) -> str:
    agent = doc.get("agent")
    return _text(agent.get("name") if isinstance(agent, dict) else agent)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
