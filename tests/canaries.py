"""Hostile text for every place a stranger can write to, and a reader that says where it got out.

Each planted text starts with a mark of its own, so that a leak names the field it came from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from traces.document import CALL_TYPES, DOCUMENT_KEYS, EDIT_TYPES, STEP_KEYS, STEP_TYPES, TEXT_TYPES, Kind

MARK = re.compile(r"q(?:our|their)\d{4}z")
TEMPLATE = "{{7|add:7}}{% now 'Y' %}"
# A link to a script, then red text.
TERMINAL = "\x1b]8;;javascript:2\x07L\x1b[31m"
CONFIGURED = ("config.", "layout", "project name")
OWN_ADDRESS = re.compile(r"(/[\w/.-]*)?(\?[\w=&.%+-]*)?(#[\w-]*)?")
# What a step of each type has to show (the trace document's own table).
OWN_KEYS = {
    **dict.fromkeys(TEXT_TYPES, ("content",)),
    **dict.fromkeys(EDIT_TYPES, ("path", "diff")),
    **dict.fromkeys(CALL_TYPES, ("name", "input", "output")),
    "file_read": ("path", "content"),
    "bash_command": ("command", "output", "cwd"),
}
URL_ATTRIBUTES = {"href", "src", "action", "formaction", "srcset", "data", "style", "srcdoc", "poster", "background"}
FORBIDDEN_TAGS = {"img", "iframe", "object", "embed", "base", "frame", "applet", "style", "video", "audio"}


class Canaries:
    """Makes marked payloads of one project and remembers where each was planted."""

    def __init__(self, project: str) -> None:
        self.project = project
        self.places: dict[str, str] = {}

    def text(self, place: str) -> str:
        """At most 200 characters: it must fit every field."""
        mark = f"q{self.project}{len(self.places):04d}z"
        self.places[mark] = place
        tags = f"<x-{mark} x-q></textarea></script></template></article>\"'><img src=x onerror=alert(1)"
        # A configuration with control characters is refused as a whole.
        terminal = "" if place.startswith(CONFIGURED) else TERMINAL
        return f"{mark}{tags} hx-get=/logout/ hx-trigger=load>{TEMPLATE}javascript:1{terminal}"

    def marks(self, *places: str) -> set[str]:
        """The marks of the places that start with one of these."""
        return {mark for mark, place in self.places.items() if place.startswith(places)}

    # --- traces --------------------------------------------------------------------------------------------

    def documents(self) -> list[dict[str, Any]]:
        """Traces with a payload in every text and key of every kind of step and of the document; a plain record."""
        # Twice, so that there is more than one chunk.
        steps = [self._step(kind) for kind in sorted(STEP_TYPES) * 2]
        steps += [
            self._step("file_edit", diff=self.text("file_edit.diff")),
            self._step("plan", input={"todos": [{"content": self.text("plan.input")}]}),
            self._step("tool_call", input=self.text("tool_call.input")),
        ]
        steps = [{**step, "step_idx": index} for index, step in enumerate(steps)]
        record = {"text": self.text("record.text"), self.text("record.key"): self.text("record.value")}
        return [
            {**self._document("hidden"), "structured_turns": steps},
            {**self._document("hidden"), "agent": {"name": self.text("hidden.agent")}, "structured_turns": steps[:1]},
            {"id": self.text("id"), **record},
        ]

    def _document(self, place: str) -> dict[str, Any]:
        values = {key: self._value(kind, f"{place}.{key}") for key, kind in DOCUMENT_KEYS.items()}
        shown = {"id": self.text("id"), "issue_description": self.text("issue_description")}
        return {**values, self.text(f"{place}.key"): self.text(f"{place}.extra"), **shown}

    def _step(self, kind: str, **given: Any) -> dict[str, Any]:
        if "diff" not in given:
            given["diff"] = self._diff(kind)
        if "input" not in given:
            keys = self.text(f"{kind}.input"), self.text(f"{kind}.input")
            given["input"] = {keys[0]: [self.text(f"{kind}.input"), {keys[1]: self.text(f"{kind}.input")}]}
        given |= {"type": kind, "status": "failed", "start_line": 1, "end_line": 1, "parent": None}
        values = {key: self._value(want, f"{kind}.{key}") for key, want in STEP_KEYS.items() if key not in given}
        return {**values, **given, self.text(f"{kind}.unknown key"): self.text(f"{kind}.unknown value")}

    def _value(self, kind: Kind, place: str) -> Any:
        """A hostile value of the kind the key takes: text rather than an object, that rather than a number."""
        if str in kind.types:
            return self.text(place)
        if dict in kind.types:
            return {self.text(place): self.text(place)}
        return [self.text(place)] if list in kind.types else next(type_() for type_ in kind.types - {type(None)})

    def _diff(self, kind: str) -> str:
        # The names in its header are not shown where the step has a path.
        old, new = self.text(f"header of {kind}.diff"), self.text(f"header of {kind}.diff")
        section, same, gone, come = (self.text(f"{kind}.diff") for _ in range(4))
        return f"--- a/{old}\n+++ b/{new}\n@@ -1,2 +1,2 @@ {section}\n {same}\n-{gone}\n+{come}\n"

    # --- configuration -------------------------------------------------------------------------------------

    def schemes(self) -> list[dict[str, Any]]:
        """Every question there is, a payload in each text that a configuration may hold."""
        words = {key: self.text(f"config.{key}") for key in ("label", "description")}
        labels = {
            value: {"text": self.text("config.label text"), "description": self.text("config.label description")}
            for value in ("correct", "incorrect")
        }
        labels[self.text("config.label value")] = {"text": self.text("config.label text"), "reward": 0.5}
        return [
            {"annotation_type": "process_reward", "name": "steps", "mode": "per_step", "labels": labels,
             "require_all_steps": False, "confirmation_dialog": True, **words},
            {"annotation_type": "radio", "name": "needed", "scope": "step", "required": False, **words,
             "options": [self._option(), self._option()]},
            {"annotation_type": "radio", "name": "outcome", **words, "options": [self._option(), self._option()]},
            {"annotation_type": "text_input", "name": "notes", **words, "placeholder": self.text("config.placeholder")},
            {"annotation_type": "text", "name": "more", **words, "placeholder": self.text("config.placeholder")},
        ]  # fmt: skip

    def _option(self) -> dict[str, str]:
        return {key: self.text(f"config.option {key}") for key in ("value", "text", "description")}

    def layout(self) -> str:
        """An ``html_layout`` that tries everything; its fields are filled in as text."""
        return f"<div onclick=alert(1) hx-get=/logout/ style='position:fixed'>{{{{text}}}}{self.text('layout')}</div>"


class Page(HTMLParser):
    """A page as a browser reads it: its visible text, its links, and whatever a payload has made of it."""

    def __init__(self, body: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.attributes: list[str] = []
        self.links: list[str] = []
        self.problems: list[str] = []
        self._inside = ""
        self.feed(body)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag if tag in self.CDATA_CONTENT_ELEMENTS else ""
        names = [name for name, _ in attrs]
        # The admin's own icons; what a payload makes has its own source.
        is_icon = tag == "img" and (dict(attrs).get("src") or "").startswith("/static/")
        if MARK.search(tag) or (tag in FORBIDDEN_TAGS and not is_icon):
            self.problems.append(f"element <{tag}>")
        if tag == "script" and "src" not in names and ("type", "application/json") not in attrs:
            self.problems.append("inline script")
        if len(names) != len(set(names)):
            self.problems.append(f"<{tag}> has an attribute twice")
        for name, value in attrs:
            self._attribute(tag, name, value or "")

    handle_startendtag = handle_starttag

    def _attribute(self, tag: str, name: str, value: str) -> None:
        runs = name.startswith(("hx-", "data-hx-")) or name in URL_ATTRIBUTES
        if MARK.search(name) or name.startswith(("on", "x-")) or name == "style":
            self.problems.append(f"<{tag} {name}>")
        # An address of the site holds what was asked, as a slug or encoded.
        if runs and MARK.search(value) and not OWN_ADDRESS.fullmatch(value):
            self.problems.append(f"<{tag} {name}={value[:60]!r}>")
        if name in {"href", "src", "hx-get"} or (name == "action" and tag != "form"):
            self.links.append(value)
        self.attributes.append(value)

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.problems += ["a tag inside a script"] if "<" in data else []
        else:
            self.text += data

    def handle_comment(self, data: str) -> None:
        if MARK.search(data):
            self.problems.append("a comment holds a payload")

    def handle_decl(self, decl: str) -> None:
        if decl.lower() != "doctype html":
            self.problems.append(f"<!{decl[:40]}>")

    def unknown_decl(self, data: str) -> None:
        self.problems.append(f"<![{data[:40]}")

    def handle_pi(self, data: str) -> None:
        self.problems.append(f"<?{data[:40]}")

    def literal_marks(self) -> set[str]:
        """The marks whose payload can be read as it was written, tag and all, in the text or in a tooltip."""
        return {mark for text in (self.text, *self.attributes) for mark in _literal(text)}


def _literal(text: str) -> Iterator[str]:
    for mark in MARK.findall(text):
        if f"{mark}<x-{mark} x-q></textarea>" in text:
            yield mark
