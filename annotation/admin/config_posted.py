"""Read a posted form back into plain values.

An input that shows what it showed before changes nothing, so that every key the form does not show, and every short
form a person wrote, stays. Buttons add, remove and move entries (``do=add:annotation_schemes.0.labels``).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from annotation.admin.config_forms import MISSING, SCHEMES, Node, parts_of, required_texts, scalar_of
from annotation.projects.dump import written_scheme
from annotation.schemes import schemes
from potato_site.numbers import in_ascii, whole_number, with_point

WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
ACTIONS = ("add", "remove", "up", "down")


@dataclass(frozen=True)
class Action:
    """A button of the form: what to do with the part of this name. ``kind`` is the type of a new scheme."""

    verb: str = ""
    name: str = ""
    kind: str = ""

    @classmethod
    def of(cls, post: Mapping[str, str]) -> Action:
        verb, _, name = post.get("do", "").partition(":")
        return cls(verb, name, post.get("scheme_type", "")) if verb in ACTIONS else cls()


@dataclass
class Posted:
    """The values of a posted form, and what could not be done: input name → sentence."""

    post: Mapping[str, str]
    action: Action = Action()
    problems: dict[str, str] = field(default_factory=dict)

    def values(self, root: Node) -> dict[str, Any]:
        """The whole configuration as the form has it."""
        return dict(self._section(root))

    # --- parts ---------------------------------------------------------------------------------------------
    def _read(self, node: Node) -> Any:
        """What the configuration should say at this node; MISSING: nothing."""
        if node.kind == "yaml":
            return node.value
        if node.kind == "optional":
            return self._optional(node)
        if node.kind == "group":
            found = self._section(node)
            return MISSING if node.value is MISSING and not found else found
        if node.kind == "rows":
            return self._unchanged_or(node, [entry for _, entry in self._entries(node)])
        if node.kind == "pairs":
            return self._unchanged_or(node, dict(self._entries(node)))
        return self._leaf(node)

    def _section(self, node: Node) -> dict[str, Any]:
        """The mapping of a section with its parts read; keys that no part shows stay."""
        found = dict(node.value) if isinstance(node.value, dict) else {}
        for part in node.parts:
            key = str(part.path[-1])
            value = self._read(part)
            if value is MISSING:
                found.pop(key, None)
            else:
                found[key] = value
        return found

    def _optional(self, node: Node) -> Any:
        """A section that may be absent."""
        if (self.action.verb, self.action.name) == ("add", node.name) and not node.parts:
            return self._blank(node)
        if self.action.verb == "remove" and self.action.name == node.name:
            return MISSING
        return self._section(node) if node.parts else node.value

    def _blank(self, node: Node) -> dict[str, Any]:
        assert node.model is not None
        empty = parts_of(node.model, {}, node)
        return {str(part.path[-1]): (part.choices or [""])[0] for part in empty if part.is_required}

    def _unchanged_or(self, node: Node, new: Any) -> Any:
        """``new``, unless it is what the form was made from."""
        if node.kind == "rows":
            return node.value if ordered([part.value for part in node.parts]) == ordered(new) else new
        before = {part.key.value: part.value for part in node.parts if part.key}
        return node.value if ordered(before) == ordered(new) else new

    # --- lists and mappings --------------------------------------------------------------------------------
    def _entries(self, node: Node) -> list[tuple[str, Any]]:
        keys = self._keys(node)
        entries = [(key, self._row(row)) for key, row in zip(keys, node.parts, strict=True)]
        if self.action.verb == "add" and self.action.name == node.name:
            return [*entries, *self._new_entry(node, keys, [entry for _, entry in entries])]
        parent, _, place = self.action.name.rpartition(".")
        number = whole_number(place)
        if parent == node.name and number is not None and number < len(entries):
            _move(entries, number, self.action.verb)
        return entries

    def _keys(self, node: Node) -> list[str]:
        """The keys of a mapping's entries. One that is empty or there twice stays what it was, and the form says so."""
        if node.kind != "pairs":
            return [""] * len(node.parts)
        inputs = [row.key for row in node.parts if row.key is not None]
        before = [str(one.value) for one in inputs]
        wanted = [str(self._leaf(one)).strip() if self._leaf(one) is not MISSING else "" for one in inputs]
        if "" not in wanted and len(set(wanted)) == len(wanted):
            return wanted
        for one, old, new in zip(inputs, before, wanted, strict=True):
            if new != old:
                self.problems[one.name] = f"{new!r} is there already" if new else "A value is needed"
        return before

    def _row(self, row: Node) -> Any:
        if row.kind == "yaml":
            return row.value
        if row.model is None:
            value = self._leaf(row.parts[0])
            return "" if value is MISSING else value
        return self._section(row)

    def _new_entry(self, node: Node, keys: list[str], entries: list[Any]) -> list[tuple[str, Any]]:
        """The entry that a button adds; none where there is no scheme of the chosen type."""
        if node.name == SCHEMES:
            scheme = new_scheme(self.action.kind, entries)
            return [("", scheme)] if scheme else []
        word = node.path[-1] if isinstance(node.path[-1], str) else "entry"
        word = str(word).removesuffix("s")
        taken = set(keys) | {str(value) for entry in entries if isinstance(entry, dict) for value in entry.values()}
        key = next(name for name in (f"{word}_{n}" for n in range(len(entries) + 1, 10_000)) if name not in taken)
        return [(key, dict.fromkeys(required_texts(node.model), key) if node.model else "")]

    # --- fields --------------------------------------------------------------------------------------------
    def _leaf(self, node: Node) -> Any:
        if node.kind == "check":
            shown = "on" if self.post.get(node.name) else ""
            return node.value if shown == node.shown else bool(shown)
        shown = self.post.get(node.name, node.shown).replace("\r\n", "\n")
        if shown == node.shown:
            return node.value
        return _value_of(node, shown)


def ordered(value: Any) -> Any:
    """Mappings as lists of pairs, to compare: the order of labels counts."""
    if isinstance(value, dict):
        return [[key, ordered(item)] for key, item in value.items()]
    return [ordered(item) for item in value] if isinstance(value, list) else value


def _value_of(node: Node, shown: str) -> Any:
    """What the text of an input says. A number that is none stays text, and is refused by its name later."""
    if shown == "" and (node.may_be_none or node.kind in ("number", "scalar") or node.default in ("", [])):
        return MISSING
    if node.kind == "lines":
        lines = [line.strip() for line in shown.split("\n") if line.strip()]
        return [scalar_of(line) for line in lines] if node.is_of_scalars else lines
    if node.kind == "number":
        return _number_of(shown.strip(), node.is_whole)
    if node.kind == "scalar":
        return scalar_of(shown.strip())
    return shown


def unclear(node: Node) -> str:
    """Why what stands in a number field cannot be told for one number; empty where it can, or is none at all."""
    if node.kind == "number" and isinstance(node.value, str):
        try:
            _plain(node.value, node.is_whole)
        except ValueError as problem:
            return str(problem).rstrip(".")
    return ""


def _number_of(text: str, is_whole: bool) -> Any:
    """The number that somebody typed; text where it is none, or could be two."""
    try:
        plain = _plain(text, is_whole)
        return int(plain) if WHOLE.fullmatch(plain) else scalar_of(plain)
    except ValueError:
        return text


def _plain(text: str, is_whole: bool) -> str:
    """A number with a point as its mark of decimals. Raises ValueError, with a sentence, where it could be two."""
    # A mark in a whole number could part thousands or decimals: "2.000".
    if is_whole and not {".", ","}.isdisjoint(in_ascii(text)):
        raise ValueError("Enter a whole number, without commas or points.")
    return with_point(text)


def _move(entries: list[Any], place: int, verb: str) -> None:
    if verb == "remove":
        del entries[place]
        return
    other = place + {"up": -1, "down": 1}.get(verb, 0)
    if 0 <= other < len(entries):
        entries[place], entries[other] = entries[other], entries[place]


def new_scheme(kind: str, others: list[Any]) -> dict[str, Any] | None:
    """A question of this type to begin with: the type's own sample, under a name nobody has. None: no such type."""
    if kind not in schemes:
        return None
    model = schemes.get(kind)
    taken = {other.get("name") for other in others if isinstance(other, dict)}
    name = next(name for name in (kind, *(f"{kind}_{n}" for n in range(2, 10_000))) if name not in taken)
    for sample in getattr(sys.modules[model.__module__], "SAMPLES", []):
        if sample.config.get("annotation_type") == kind:
            try:
                return {**written_scheme(model.model_validate({**sample.config, "name": name})), "name": name}
            except ValidationError:
                break
    return {"annotation_type": kind, "name": name}
