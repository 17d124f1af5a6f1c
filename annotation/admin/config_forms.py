"""A form made from the configuration's models: every field of a section or a scheme, whoever wrote the scheme.

A form is a tree of :class:`Node`. It is built from plain values (a file's, in the new dialect), which may be wrong:
what does not fit its field is left to the YAML beside the form. ``annotation.admin.config_posted`` reads a posted form.
"""

from __future__ import annotations

import json
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from annotation.projects import later
from annotation.projects.config import ProjectConfig
from annotation.projects.dump import plain_of
from annotation.schemes import schemes
from potato_site.registry import names_in
from potato_site.safe_yaml import KeyPath, YamlProblem, load_yaml
from potato_site.titles import title_of

MISSING: Any = object()
SCHEMES = "annotation_schemes"
# Server paths and what the command line alone uses; see annotation.projects.apply.
NOT_IN_FORM: set[KeyPath] = {("port",), ("data", "input_path"), ("output", "path")}
LONG = 200
COLOR = r"^#[0-9A-Fa-f]{6}$"

Kind = Literal[
    # An input: one line, several lines, a list with a line each, a number, yes or no, one of several, a YAML scalar.
    "text", "area", "lines", "number", "check", "choice", "scalar",
    # Parts: a section; one that may be absent; a list; a mapping; an entry of either; what only the YAML can say.
    "group", "optional", "rows", "pairs", "row", "yaml",
]  # fmt: skip


@dataclass
class Node:
    """One field or a part of the form.

    ``name`` is made of places (``annotation_schemes.0.labels.1.text``), so that it stays while a label is renamed;
    ``path`` is the key path in the configuration, which messages name. ``value`` is what the configuration says
    (MISSING: nothing), ``shown`` what the input shows.
    """

    kind: Kind
    name: str
    path: KeyPath
    label: str
    help: str = ""
    unit: str = ""
    value: Any = MISSING
    shown: str = ""
    default: Any = MISSING
    is_required: bool = False
    may_be_none: bool = False
    # Of a number: it has no decimals; it is never below 0.
    is_whole: bool = False
    is_positive: bool = False
    choices: list[str] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    parts: list[Node] = field(default_factory=list)
    # The model of a section or of the entries of a list or mapping; None: entries are text.
    model: type[BaseModel] | None = None
    # Of a list with a line each: the lines are YAML scalars.
    is_of_scalars: bool = False
    # Of an entry of a mapping: the input of its key.
    key: Node | None = None
    errors: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        return f"f-{self.name.replace('.', '-')}"

    @property
    def template(self) -> str:
        """The template of this kind of part."""
        # The entries of a mapping look like those of a list, a key more.
        kind = "rows" if self.kind == "pairs" else self.kind
        return f"admin/setup/{kind}.html"

    @property
    def keyboard(self) -> str:
        """That of a phone, for a number. Those for numbers may have no minus."""
        return "text" if not self.is_positive else "numeric" if self.is_whole else "decimal"

    @property
    def has_errors(self) -> bool:
        return bool(self.errors) or any(part.has_errors for part in self.all_parts())

    def all_parts(self) -> list[Node]:
        return [*([self.key] if self.key else []), *self.parts]

    def walk(self) -> Iterator[Node]:
        yield self
        for part in self.all_parts():
            yield from part.walk()


def build(raw: Mapping[str, Any]) -> Node:
    """The form of a whole configuration."""
    root = Node("group", "", (), "Project", value=dict(raw), model=ProjectConfig)
    root.parts = [_part(ProjectConfig, name, raw, root) for name in ProjectConfig.model_fields if name != SCHEMES]
    root.parts = [part for part in root.parts if _is_shown(part)]
    asked = raw.get(SCHEMES)
    questions = Node("rows", SCHEMES, (SCHEMES,), "Questions", value=asked if isinstance(asked, list) else [])
    questions.parts = [_scheme(item, place) for place, item in enumerate(questions.value)]
    root.parts.insert(0, questions)
    return root


def _is_shown(node: Node) -> bool:
    if node.path in NOT_IN_FORM or node.path in later.KEYS or (node.kind == "choice" and len(node.choices) == 1):
        return False
    return node.kind != "group" or bool(node.parts)


def _scheme(raw: Any, place: int) -> Node:
    name, path = f"{SCHEMES}.{place}", (SCHEMES, place)
    kind = raw.get("annotation_type") if isinstance(raw, dict) else None
    title = str(raw.get("name", "")) if isinstance(raw, dict) else ""
    if not isinstance(kind, str) or kind not in schemes:
        return Node("yaml", name, path, title or "?", str(kind or ""), value=raw)
    model = schemes.get(kind)
    node = Node("row", name, path, title, (model.__doc__ or "").split("\n")[0], kind, value=raw, model=model)
    node.parts = parts_of(model, raw, node)
    return node


def parts_of(model: type[BaseModel], value: Mapping[str, Any], parent: Node) -> list[Node]:
    parts = [_part(model, name, value, parent) for name in model.model_fields]
    return [part for part in parts if _is_shown(part)]


def _part(model: type[BaseModel], field_name: str, raw: Mapping[str, Any], parent: Node) -> Node:
    """The field ``field_name`` of ``model`` with what ``raw`` says."""
    info = model.model_fields[field_name]
    key = info.alias or field_name
    kind, inner, may_be_none = _kind(info.annotation)
    node = Node(
        kind,
        f"{parent.name}.{key}".lstrip("."),
        (*parent.path, key),
        info.title or title_of(key),
        _help(model, field_name),
        _extra(info).get("unit", ""),
        value=raw.get(key, MISSING),
        default=_default(info),
        is_required=info.is_required(),
        may_be_none=may_be_none,
        is_whole=inner is int,
        is_positive=_is_positive(info),
        attributes=_attributes(info),
    )
    if kind == "choice":
        node.choices = [str(choice) for choice in inner]
    elif isinstance(inner, type) and issubclass(inner, BaseModel):
        node.model = inner
    node.is_of_scalars = kind == "lines" and inner is not str
    effective = node.default if node.value is MISSING else node.value
    return _filled(node, None if effective is MISSING else effective)


def _filled(node: Node, value: Any) -> Node:
    """With what it shows, or left to the YAML if the value does not fit."""
    if node.kind in ("group", "optional") and node.model:
        if value is None and node.kind == "optional":
            return node
        if value is not None and not isinstance(value, dict):
            return _to_yaml(node)
        node.parts = parts_of(node.model, value or {}, node)
    elif node.kind in ("rows", "pairs"):
        entries = _entries(node, value)
        if entries is None:
            return _to_yaml(node)
        node.parts = [_row(node, place, key, entry) for place, (key, entry) in enumerate(entries)]
    elif node.kind != "yaml":
        shown = show(node, value)
        if shown is None:
            return _to_yaml(node)
        node.shown = shown
        _fit(node)
    return node


def _fit(node: Node) -> None:
    """The input that can hold what is shown: a browser empties or cuts what does not fit."""
    is_long = len(node.shown) > LONG or int(node.attributes.get("maxlength", 0)) > 10 * LONG
    if node.kind == "text" and ("\n" in node.shown or is_long):
        node.kind = "area"
    if node.kind == "choice" and node.shown not in node.choices and (node.shown or not node.may_be_none):
        node.choices = [*node.choices, node.shown]


def _to_yaml(node: Node) -> Node:
    node.kind = "yaml"
    return node


def _row(parent: Node, place: int, key: str | None, entry: Any) -> Node:
    name = f"{parent.name}.{place}"
    row = Node("row", name, (*parent.path, place if key is None else key), key or f"{place + 1}", value=entry)
    row.model = parent.model
    if key is not None:
        row.key = Node("text", f"{name}.key", row.path, "Value", value=key, shown=key, is_required=True)
        _fit(row.key)
    if parent.model is not None:
        row.parts = parts_of(parent.model, entry, row)
    else:
        text = Node("text", f"{name}.value", row.path, "Text", value=entry, shown=str(entry), is_required=True)
        _fit(text)
        row.parts = [text]
    return row


def _entries(node: Node, value: Any) -> list[tuple[str | None, Any]] | None:
    """(key or None, entry) of a list or mapping; a text that stands for an entry is written out. None: does not fit."""
    if value is None:
        return []
    if node.kind == "pairs":
        if isinstance(value, list):
            value = {str(item): str(item) for item in value if not isinstance(item, (dict, list))}
        if not isinstance(value, dict):
            return None
        pairs: list[tuple[str | None, Any]] = [(str(key), _entry(node, item)) for key, item in value.items()]
    else:
        if not isinstance(value, list):
            return None
        pairs = [(None, _entry(node, item)) for item in value]
    wanted = str if node.model is None else dict
    return pairs if all(isinstance(entry, wanted) for _, entry in pairs) else None


def _entry(node: Node, item: Any) -> Any:
    if node.model is None:
        return str(item) if isinstance(item, (str, int, float)) else item
    return {key: str(item) for key in required_texts(node.model)} if isinstance(item, (str, int, float)) else item


def required_texts(model: type[BaseModel]) -> list[str]:
    """The keys of a model that a new entry must say."""
    return [info.alias or name for name, info in model.model_fields.items() if info.is_required()]


# --- what a model says about a field -----------------------------------------------------------------------


def _kind(annotation: Any) -> tuple[Kind, Any, bool]:
    """(kind, what is inside, whether it may be left out) of a field's type."""
    options = [annotation]
    if get_origin(annotation) in (Union, types.UnionType):
        options = [option for option in get_args(annotation) if option is not type(None)]
    may_be_none = len(options) < len(get_args(annotation)) if len(options) != 1 or options[0] != annotation else False
    if len(options) > 1:
        return ("scalar" if set(options) <= {str, int, float, bool} else "yaml"), None, may_be_none
    (only,) = options
    origin, arguments = get_origin(only), get_args(only)
    if origin is Literal:
        return ("choice" if all(isinstance(choice, str) for choice in arguments) else "scalar"), arguments, may_be_none
    if origin in (list, tuple):
        return *_listed(arguments[0]), may_be_none
    if origin is dict and arguments[0] is str:
        kind, inner = _listed(arguments[1])
        return ("yaml" if kind == "yaml" else "pairs"), inner, may_be_none
    if isinstance(only, type) and issubclass(only, BaseModel):
        return ("optional" if may_be_none else "group"), only, may_be_none
    simple: dict[Any, Kind] = {bool: "check", int: "number", float: "number", str: "text"}
    return simple.get(only, "yaml"), only, may_be_none


def _listed(item: Any) -> tuple[Kind, Any]:
    if item in (str, int) or set(get_args(item)) == {str, int, float, bool}:
        return "lines", item
    is_model = isinstance(item, type) and issubclass(item, BaseModel)
    return ("rows", item) if is_model else ("yaml", None)


def _help(model: type[BaseModel], name: str) -> str:
    """The description, of a base class where a scheme only changes the default; code marks are not shown. Of a list of
    plug-ins it says which there are."""
    for one in model.__mro__:
        info = getattr(one, "model_fields", {}).get(name)
        if info is not None and info.description:
            group = _extra(info).get("plugins")
            names = f": {', '.join(names_in(group))}" if group else ""
            return str(info.description).replace("`", "") + names
    return ""


def _extra(info: FieldInfo) -> dict[str, Any]:
    return info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}


def _default(info: FieldInfo) -> Any:
    if info.is_required():
        return MISSING
    value = info.get_default(call_default_factory=True)
    return MISSING if value is PydanticUndefined else plain_of(value)


def _is_positive(info: FieldInfo) -> bool:
    limits = [getattr(limit, name, None) for limit in info.metadata for name in ("ge", "gt")]
    return any(limit is not None and limit >= 0 for limit in limits)


def _attributes(info: FieldInfo) -> dict[str, Any]:
    """How long a text may be, and that it is a colour, as HTML writes it."""
    found: dict[str, Any] = {}
    for limit in info.metadata:
        if getattr(limit, "max_length", None) is not None:
            found["maxlength"] = limit.max_length
        if getattr(limit, "pattern", None) == COLOR:
            found["data-color"] = "true"
    return found


# --- values and their text ---------------------------------------------------------------------------------


def show(node: Node, value: Any) -> str | None:
    """What the input of a field shows for a value. None: it cannot show it."""
    if node.kind == "check":
        return ("on" if value else "") if isinstance(value, bool) else None
    if value is None:
        return ""
    if node.kind == "lines":
        fits = isinstance(value, list) and all(
            isinstance(item, (str, int, float)) and "\n" not in str(item) for item in value
        )
        return "\n".join(map(_scalar if node.is_of_scalars else str, value)) if fits else None
    if isinstance(value, (dict, list)):
        return None
    if node.kind == "scalar":
        return _scalar(value)
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _scalar(value: Any) -> str:
    """As YAML would write it: text that looks like something else in quotes."""
    if isinstance(value, str):
        return value if scalar_of(value) == value else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


def scalar_of(text: str) -> Any:
    """The value of a YAML scalar; what is none is text."""
    try:
        value = load_yaml(f"k: {text}", "")[0]
    except YamlProblem:
        return text
    found = value.get("k") if isinstance(value, dict) else None
    return text if found is None or isinstance(found, (dict, list)) else found
