"""Read YAML that a stranger may have written: bounded before it is loaded, strict about what it may say.

The text is scanned event by event first, so that a bomb is refused before anything is built from it. Scalars are read
as in YAML 1.2: only ``true`` and ``false`` are booleans; ``yes``, ``no``, ``on``, dates and ``0123`` stay text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_BYTES = 256_000
MAX_DEPTH = 30
MAX_ALIASES = 50
# Counted as if every alias were written out.
MAX_NODES = 20_000

# Control characters but tab, line feed and carriage return; halves of a pair.
UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")

# What a parser may miss and name.
MARKS = ("-", ",", ":", "?", "]", "}")
# The last line before a text, and a line that looks like a key (unlike a tag with a style).
OPENING = re.compile(r":\s+[|>][+-]?\d?\s*$")
KEY = re.compile(r"[^\s<].*?:(?:\s|$)")

KeyPath = tuple[str | int, ...]
Lines = dict[KeyPath, int]


class YamlProblem(ValueError):
    """The text cannot be used. ``problems`` is a list of (line, sentence); no sentence quotes a value."""

    def __init__(self, name: str, problems: list[tuple[int, str]]) -> None:
        self.name = name
        self.problems = problems
        super().__init__("\n".join(self.messages))

    @property
    def messages(self) -> list[str]:
        return [f"{self.name}: line {line}: {message}" for line, message in self.problems]


class _Refused(Exception):
    """Stop at once: a limit is passed, or nothing behind this line can be trusted."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class _Loader(yaml.CSafeLoader):
    """CSafeLoader with the scalars of YAML 1.2."""

    yaml_implicit_resolvers: dict[Any, Any] = {}


def _scalar(tag: str, pattern: str, first: str) -> None:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), list(first))


_scalar("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF")
# 18 digits fit 64 bits; a longer number is somebody's identifier.
_scalar("int", r"^[-+]?(?:0|[1-9][0-9]{0,17})$", "-+0123456789")
_scalar(
    "float",
    r"^(?:[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
    "-+.0123456789",
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])


def load_yaml(text: str | bytes, name: str) -> tuple[Any, Lines]:
    """The value of one YAML document, and the line (from 1) of each key path (keys as text) and list item.

    Raises YamlProblem, with ``name`` as the file's name: over 256 kB, 30 levels, 50 aliases or 20,000 nodes; a tag, a
    merge key, a duplicate key, a second document, a syntax error.
    """
    try:
        content = _decoded(text)
        _scan(content)
        return _load(content, name)
    except _Refused as refused:
        raise YamlProblem(name, [(refused.line, str(refused))]) from None
    except yaml.YAMLError as error:
        raise YamlProblem(name, [_syntax(error, content)]) from None


def _decoded(text: str | bytes) -> str:
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    if len(data) > MAX_BYTES:
        raise _Refused(1, f"the file has {len(data):,} bytes; at most {MAX_BYTES:,} are read")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _Refused(data[: error.start].count(b"\n") + 1, "this is not UTF-8 text") from None


def _syntax(error: yaml.YAMLError, text: str) -> tuple[int, str]:
    """Line and sentence of a parser's error. Only its fixed words, and the marks it expected: an alias or a snippet
    could be a password."""
    if isinstance(error, yaml.reader.ReaderError):
        return text[: error.position].count("\n") + 1, "a character here is not allowed in YAML"
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or "it cannot be read")
    problem = re.sub(r"'([^']*)'", lambda quoted: quoted[0] if quoted[1] in MARKS else "…", problem)
    line = mark.line + 1 if mark else 1
    lines = text.splitlines()
    if any(text.lstrip(" ").startswith("\t") for text in lines[line - 1 : line]):
        return line, "not valid YAML: the line begins with a tab; indent it with spaces"
    return line, f"not valid YAML: {problem}{_hint(lines, line)}"


def _hint(lines: list[str], line: int) -> str:
    """Says where the lines of a text behind ``|`` are not indented, as when a page was copied that lost its spaces.

    Of the last such text above, and only where nothing between it and the error goes on with the configuration.
    """
    above = [(number, text) for number, text in enumerate(lines[:line], 1) if not re.match(r"\s*(#|$)", text)]
    for place in range(len(above) - 2, -1, -1):
        number, opening = above[place]
        if OPENING.search(opening):
            below = [text for _, text in above[place + 1 :]]
            # The line of the error may be a key: the parser tells there of the text above it.
            before = below[: max(1, len(below) - 1)]
            if below[0].startswith((" ", "\t")) or any(_is_next(text, opening) for text in before):
                return ""
            return f" (the lines of the text that begins behind line {number} must be indented)"
    return ""


def _is_next(text: str, opening: str) -> bool:
    """Whether a line can follow that of an empty text: with a key, or an item of the list that the text is in."""
    if text.startswith("- ") or text.rstrip() == "-":
        return opening.startswith((" ", "\t", "- "))
    return bool(KEY.match(text))


# --- first pass: count ------------------------------------------------------------------------------------


@dataclass
class _Open:
    """A list or mapping that is being read: its size and height with all aliases written out."""

    is_mapping: bool
    anchor: str | None
    size: int = 1
    height: int = 1
    children: int = 0

    @property
    def at_key(self) -> bool:
        return self.is_mapping and self.children % 2 == 0


@dataclass
class _Scan:
    """The state of the first pass. ``known`` maps an anchor to (size, height) of what it names."""

    stack: list[_Open] = field(default_factory=list)
    known: dict[str, tuple[int, int]] = field(default_factory=dict)
    nodes: int = 0
    aliases: int = 0
    documents: int = 0

    def add(self, line: int, size: int, height: int) -> None:
        """A finished node of this size stands at the current place."""
        self.nodes += size
        if self.nodes > MAX_NODES:
            raise _Refused(line, f"more than {MAX_NODES:,} values")
        if len(self.stack) + height > MAX_DEPTH:
            raise _Refused(line, f"nested deeper than {MAX_DEPTH} levels")
        self._count(size, height)

    def _count(self, size: int, height: int) -> None:
        if self.stack:
            top = self.stack[-1]
            top.size += size
            top.height = max(top.height, height + 1)
            top.children += 1


def _events(text: str) -> Iterator[Any]:
    return yaml.parse(text, Loader=_Loader)


def _scan(text: str) -> None:
    """Raises _Refused at the first event that passes a limit."""
    scan = _Scan()
    for event in _events(text):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            scan.documents += 1
            if scan.documents > 1:
                raise _Refused(line, "a second document starts here; one file holds one document")
        elif isinstance(event, yaml.AliasEvent):
            _scan_alias(scan, event.anchor, line)
        elif isinstance(event, yaml.ScalarEvent):
            _scan_scalar(scan, event, line)
        elif isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            _scan_open(scan, event, line)
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            _scan_close(scan)


def _scan_alias(scan: _Scan, anchor: str | None, line: int) -> None:
    scan.aliases += 1
    if scan.aliases > MAX_ALIASES:
        raise _Refused(line, f"more than {MAX_ALIASES} aliases")
    if scan.stack and scan.stack[-1].at_key:
        raise _Refused(line, "a key must be plain text, not an alias")
    if anchor is None or anchor not in scan.known:
        raise _Refused(line, "an alias names no anchor before it (does the value start with *? put it in quotes)")
    scan.add(line, *scan.known[anchor])


def _scan_scalar(scan: _Scan, event: Any, line: int) -> None:
    if event.tag is not None:
        raise _Refused(line, "tags (!…) are not allowed (does the value start with !? put it in quotes)")
    if scan.stack and scan.stack[-1].at_key and event.value == "<<" and event.implicit[0]:
        raise _Refused(line, "merge keys (<<) are not allowed")
    if not _is_text(event.value):
        raise _Refused(line, "a character here is not allowed (a control character, or half of a pair)")
    scan.add(line, 1, 1)
    if event.anchor:
        scan.known[event.anchor] = (1, 1)


def _is_text(value: str) -> bool:
    """Whether every database can hold it and no terminal obeys it: an escape (``"\\e"``) can write what the file itself
    may not contain."""
    return UNWANTED.search(value) is None


def _scan_open(scan: _Scan, event: Any, line: int) -> None:
    if event.tag is not None:
        raise _Refused(line, "tags (!…) are not allowed")
    if scan.stack and scan.stack[-1].at_key:
        raise _Refused(line, "a key must be plain text (does the value start with { or [? put it in quotes)")
    # An anchor means nothing until its end: a value that holds itself is refused as an unknown alias.
    scan.known.pop(event.anchor, None)
    scan.nodes += 1
    scan.stack.append(_Open(isinstance(event, yaml.MappingStartEvent), event.anchor))
    if len(scan.stack) > MAX_DEPTH:
        raise _Refused(line, f"nested deeper than {MAX_DEPTH} levels")


def _scan_close(scan: _Scan) -> None:
    closed = scan.stack.pop()
    if closed.anchor:
        scan.known[closed.anchor] = (closed.size, closed.height)
    scan._count(closed.size, closed.height)


# --- second pass: load ------------------------------------------------------------------------------------


def _load(text: str, name: str) -> tuple[Any, Lines]:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None, {}
        lines: Lines = {}
        duplicates: list[tuple[int, str]] = []
        _walk(loader, node, (), lines, duplicates)
        if duplicates:
            raise YamlProblem(name, sorted(set(duplicates)))
        return loader.construct_document(node), lines
    finally:
        loader.dispose()


def _walk(loader: Any, node: Any, path: KeyPath, lines: Lines, duplicates: list[tuple[int, str]]) -> None:
    """Fill ``lines``, and ``duplicates`` with keys that stand twice in one mapping."""
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*path, index)] = item.start_mark.line + 1
            _walk(loader, item, (*path, index), lines, duplicates)
    elif isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key_node, value in node.value:
            # As text: 1 and "1" are one key to everybody behind us.
            key = str(loader.construct_object(key_node))
            line = key_node.start_mark.line + 1
            if key in seen:
                where = ".".join(str(part) for part in (*path, key))
                duplicates.append((line, f"{where}: this key is already on line {seen[key]}"))
            seen[key] = line
            lines[(*path, key)] = line
            _walk(loader, value, (*path, key), lines, duplicates)
