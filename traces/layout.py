"""A project's ``html_layout``: its structure as clean markup, its inline styles as rules for the project's stylesheet.

The policy of every page forbids inline styles, and a layout may ask for nothing that leaves its place on the page or
loads anything: properties and values of a known form become rules under a class, the rest is dropped. Plain Python.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import NamedTuple

import nh3

# Structure and emphasis. No attribute survives, so there is no link, no image, no id and no htmx.
TAGS = frozenset(
    "b blockquote br caption code dd details div dl dt em footer h1 h2 h3 h4 h5 h6 header hr i kbd li mark ol p pre s"  # noqa: SIM905
    " samp section small span strong sub summary sup table tbody td tfoot th thead tr u ul".split()
)
# What gives a box and its text their looks. Nothing of position, layers, movement or visibility.
PROPERTIES = frozenset(
    "align-items background background-color border border-bottom border-collapse border-color border-left"  # noqa: SIM905
    " border-radius border-right border-style border-top border-width color column-gap display flex flex-direction"
    " flex-wrap font-family font-size font-style font-weight gap grid-template-columns justify-content letter-spacing"
    " line-height list-style-type margin margin-bottom margin-left margin-right margin-top max-height max-width"
    " min-width overflow overflow-wrap overflow-x overflow-y padding padding-bottom padding-left padding-right"
    " padding-top row-gap text-align text-decoration text-transform vertical-align white-space width word-break".split()
)
# Words, numbers, colours, quoted names; of functions only those that compute a colour or a column.
_VALUE = re.compile(
    r"""(?:[\w\s#.,%-]|'[\w\s-]*'|"[\w\s-]*"|(?:rgba?|hsla?|minmax|repeat)\([\w\s#.,%]*\))+""", re.ASCII
)
# A box of negative size or place would cover what is beside it.
_NEGATIVE = re.compile(r"(?<![A-Za-z_-])-[\d.]")
_DISPLAYS = frozenset("block inline inline-block flex inline-flex grid inline-grid list-item table".split())  # noqa: SIM905
_LONGEST = 200
_CLASSED = re.compile(r'<(\w+) style="(layout-[0-9a-f]{12})">')


class Layout(NamedTuple):
    """Clean markup with its fields still to be filled in, and the rules (class → declarations) of its classes."""

    html: str
    rules: dict[str, str]

    @property
    def has_colors(self) -> bool:
        """Whether it chooses colours, which its author saw on a light ground."""
        return any("color:" in rule or "background:" in rule for rule in self.rules.values())


@lru_cache(maxsize=64)
def read(layout: str) -> Layout:
    """The layout as a page may show it."""
    rules: dict[str, str] = {}

    def classed(tag: str, name: str, value: str) -> str | None:
        rule = declarations(value)
        if not rule:
            return None
        name = f"layout-{hashlib.sha256(rule.encode()).hexdigest()[:12]}"
        rules[name] = rule
        return name

    # "*": without it nh3 keeps title and lang, and a field would be written into an attribute.
    html = nh3.clean(
        layout,
        tags=set(TAGS),
        attributes={"*": {"style"}},
        attribute_filter=classed,
        clean_content_tags={"script", "style"},
    )
    return Layout(_CLASSED.sub(r'<\1 class="\2">', html), rules)


def declarations(style: str) -> str:
    """Of an inline style what a layout may say, in one form: ``color: #fff; margin: 0``."""
    pairs = (part.partition(":") for part in style.split(";"))
    told = ((name.strip().lower(), " ".join(value.split())) for name, _, value in pairs)
    return "; ".join(f"{name}: {value}" for name, value in told if _is_harmless(name, value))


def stylesheet(layout: str) -> list[str]:
    """The rules that the markup of a layout needs."""
    return [f".layout .{name} {{ {rule} }}" for name, rule in sorted(read(layout).rules.items())]


def _is_harmless(name: str, value: str) -> bool:
    if name not in PROPERTIES or (name == "display" and value.lower() not in _DISPLAYS):
        return False
    return len(value) <= _LONGEST and bool(_VALUE.fullmatch(value)) and not _NEGATIVE.search(value)
